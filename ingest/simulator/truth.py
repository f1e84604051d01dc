"""The truth file: what was planted in a demo city's feeds, violations and near misses alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from layers.text import Text


@dataclass(frozen=True)
class Planted:
    """One planted thing and what a rule must make of it.

    Attributes
    ----------
    id : stable within one truth file.
    rule : id of the rule.
    subject : MMSI, plate or shop id.
    start, end : Unix seconds, UTC.
    lon, lat : EPSG:4326.
    expect : ``event``, or ``silent`` for a near miss.
    why : what makes it so, for people.
    """

    id: str
    rule: str
    subject: str
    start: float
    end: float
    lon: float
    lat: float
    expect: Literal["event", "silent"]
    why: Text


def _row(planted: Planted, zone: ZoneInfo) -> dict[str, Any]:
    def moment(seconds: float) -> str:
        return datetime.fromtimestamp(round(seconds), UTC).astimezone(zone).isoformat()

    row = asdict(planted)
    times = {"start": moment(planted.start), "end": moment(planted.end)}
    place = {"lon": round(planted.lon, 6), "lat": round(planted.lat, 6)}
    return row | times | place | {"why": planted.why.model_dump()}


def write_truth(
    path: Path, planted: Iterable[Planted], *, city: str, seed: int, day: date, zone: ZoneInfo
) -> int:
    """Write ``truth.json``; returns the number of planted things.

    Raises
    ------
    ValueError
        for two planted things of the same id.
    """
    rows = [_row(thing, zone) for thing in sorted(planted, key=lambda p: (p.rule, p.start, p.id))]
    ids = [row["id"] for row in rows]
    if len(set(ids)) < len(ids):
        twice = sorted({key for key in ids if ids.count(key) > 1})
        raise ValueError(f"planted twice: {', '.join(twice)}")
    head = {"city": city, "seed": seed, "day": day.isoformat(), "synthetic": True}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(head | {"planted": rows}, option=orjson.OPT_INDENT_2) + b"\n")
    return len(rows)
