"""How good the rules are against a truth file: what was planted, found, missed and kept silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pandas as pd

from layers.errors import OnemapError
from layers.text import Text

# Clocks of feeds and of the truth may differ a little.
TOLERANCE_MS = 120_000


class TruthError(OnemapError):
    """A truth file that can't be read."""


@dataclass(frozen=True)
class Planted:
    """One planted thing: a violation (``event``) or a near miss (``silent``). Times in ms, UTC."""

    id: str
    rule: str
    subject: str
    start_ms: int
    end_ms: int
    silent: bool
    why: Text


@dataclass(frozen=True)
class Found:
    """What evaluation needs of an event. Times in ms, UTC."""

    id: str
    rule: str
    subject: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Score:
    """One rule against the truth.

    Attributes
    ----------
    planted : violations planted; ``found`` of them have an event.
    events : events of the rule; ``matched`` of them belong to a planted violation.
    missed : planted violations without an event, in words.
    false_alarms : events that belong to no planted violation, in words.
    near_misses : near misses planted; ``silent`` of them raised nothing.
    """

    rule: str
    planted: int
    found: int
    events: int
    matched: int
    near_misses: int
    silent: int
    missed: tuple[str, ...] = ()
    false_alarms: tuple[str, ...] = ()

    @property
    def precision(self) -> float | None:
        """Share of events that belong to a planted violation; None without events."""
        return self.matched / self.events if self.events else None

    @property
    def recall(self) -> float | None:
        """Share of planted violations that were found; None where none was planted."""
        return self.found / self.planted if self.planted else None

    @property
    def perfect(self) -> bool:
        """Whether everything planted was found, nothing else, and every near miss stayed silent."""
        return not self.missed and not self.false_alarms and self.silent == self.near_misses

    def as_dict(self) -> dict[str, Any]:
        """Give the same for machines."""
        return {**vars(self), "precision": self.precision, "recall": self.recall}


def read_truth(file: Path) -> list[Planted]:
    """Read a truth file.

    Raises
    ------
    TruthError
        naming the file and what in it does not fit.
    """
    try:
        content = orjson.loads(file.read_bytes())
        return [_planted(row) for row in content["planted"]]
    except OSError as failure:
        raise TruthError(f"{file}: can't be read: {failure.strerror}") from failure
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as failure:
        raise TruthError(f"{file}: not a truth file: {failure!r}") from failure


def found_in(alerts: gpd.GeoDataFrame) -> list[Found]:
    """Events from rows of the ``alert`` layer (see `analytics.event.to_frame`)."""
    start, end = _milliseconds(alerts["start_time"]), _milliseconds(alerts["end_time"])
    rows = zip(alerts["alert_id"], alerts["rule"], alerts["subject"], start, end, strict=True)
    return [Found(str(i), str(rule), str(subject), s, e) for i, rule, subject, s, e in rows]


def evaluate(alerts: gpd.GeoDataFrame, truth: Sequence[Planted]) -> list[Score]:
    """Score the rows of the ``alert`` layer against the truth (see `score`)."""
    return score(found_in(alerts), truth)


def score(found: Iterable[Found], truth: Sequence[Planted]) -> list[Score]:
    """Match events with the truth, rule by rule.

    An event belongs to a planted thing of the same rule and subject whose time it meets within
    `TOLERANCE_MS`. Several events may belong to one planted violation. An event that belongs to
    none is a false alarm, one on a near miss too.

    Returns
    -------
    one score for each rule that has a planted thing or an event, ordered by rule.
    """
    events = list(found)
    rules = sorted({p.rule for p in truth} | {e.rule for e in events})
    return [
        _score(rule, [p for p in truth if p.rule == rule], [e for e in events if e.rule == rule])
        for rule in rules
    ]


def _score(rule: str, truth: Sequence[Planted], events: Sequence[Found]) -> Score:
    violations = [p for p in truth if not p.silent]
    near = [p for p in truth if p.silent]
    missed = [p for p in violations if not any(_meet(p, e) for e in events)]
    false = [e for e in events if not any(_meet(p, e) for p in violations)]
    loud = [p for p in near if any(_meet(p, e) for e in false)]
    return Score(
        rule=rule,
        planted=len(violations),
        found=len(violations) - len(missed),
        events=len(events),
        matched=len(events) - len(false),
        near_misses=len(near),
        silent=len(near) - len(loud),
        missed=tuple(f"missed {p.id} ({p.subject}): {p.why.en}" for p in missed),
        false_alarms=tuple(_blame(e, near) for e in false),
    )


def _meet(planted: Planted, event: Found) -> bool:
    return (
        planted.subject == event.subject
        and event.start_ms <= planted.end_ms + TOLERANCE_MS
        and planted.start_ms - TOLERANCE_MS <= event.end_ms
    )


def _blame(event: Found, near: Sequence[Planted]) -> str:
    at = pd.Timestamp(event.start_ms, unit="ms", tz="UTC").isoformat()
    why = next((f"; near miss {p.id}: {p.why.en}" for p in near if _meet(p, event)), "")
    return f"false alarm {event.id} ({event.subject}, {at}){why}"


def _planted(row: dict[str, Any]) -> Planted:
    if row["expect"] not in ("event", "silent"):
        raise ValueError(f"expect is event or silent, found {row['expect']!r}")
    return Planted(
        id=str(row["id"]),
        rule=str(row["rule"]),
        subject=str(row["subject"]),
        start_ms=_moment(row["start"]),
        end_ms=_moment(row["end"]),
        silent=row["expect"] == "silent",
        why=Text(**row["why"]),
    )


def _moment(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {text!r}")
    return round(at.timestamp() * 1000)


def _milliseconds(times: pd.Series[Any]) -> list[int]:
    utc = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_localize(None)
    return [int(t) for t in utc.to_numpy().astype("datetime64[ms]").astype("int64")]
