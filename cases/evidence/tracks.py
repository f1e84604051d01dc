"""The paths of a case's subjects around its alerts: fixes with their ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cases.evidence.excerpt import Excerpt
from cases.evidence.seen import Seen
from layers.movers import KINDS
from layers.position_columns import Quality, fix_ids
from layers.store.tables import instant_of, instant_text

_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Stay:
    """When somebody was the subject of an alert; UTC ms, both ends included."""

    subject: str
    start_ms: int
    end_ms: int


def tracks(
    seen: Seen, stays: Iterable[Stay], cited: frozenset[str], excerpt: Excerpt
) -> list[dict[str, Any]]:
    """Excerpts of tracks, one for each feed, subject and span without overlap, in that order.

    Parameters
    ----------
    stays : of all alerts; each is widened by the excerpt's minutes, and overlapping ones joined.
    cited : ids of fixes that are always kept.

    Returns
    -------
    JSON objects: ``feed``, ``subject``, ``start``, ``end`` and ``fixes``; ``fixes_in_all`` tells
    how many there are where some are left out.
    """
    before, after = round(excerpt.before_min * _MINUTE_MS), round(excerpt.after_min * _MINUTE_MS)
    found = []
    for subject, spans in sorted(_spans(stays, before, after).items()):
        for kind in KINDS:
            for start, end in spans:
                table = seen.fixes(kind.feed, [subject], start, end + 1)
                if table.num_rows:
                    about = {"feed": kind.feed, "subject": subject}
                    span = {"start": _text(start), "end": _text(end)}
                    key = f"{kind.feed}/{subject}/{_text(start)}"
                    found.append({"id": key, **about, **span, **_kept(table, cited, excerpt)})
    return found


def _spans(stays: Iterable[Stay], before: int, after: int) -> dict[str, list[tuple[int, int]]]:
    by_subject: dict[str, list[tuple[int, int]]] = {}
    for stay in sorted(stays, key=lambda one: (one.subject, one.start_ms, one.end_ms)):
        spans = by_subject.setdefault(stay.subject, [])
        start, end = stay.start_ms - before, stay.end_ms + after
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return by_subject


def _kept(table: pa.Table, cited: frozenset[str], excerpt: Excerpt) -> dict[str, Any]:
    fixes = _fixes(table, cited)
    if len(fixes) <= excerpt.most_fixes:
        return {"fixes": fixes}
    step = -(-len(fixes) // excerpt.most_fixes)
    kept = [fix for k, fix in enumerate(fixes) if k % step == 0 or fix.get("cited")]
    return {"fixes": kept, "fixes_in_all": len(fixes)}


def _fixes(table: pa.Table, cited: frozenset[str]) -> list[dict[str, Any]]:
    columns = {name: table[name].to_pylist() for name in table.column_names}
    measured = {
        name: [_shortest(value) for value in table[name].to_numpy()]
        for name in ("sog_mps", "cog_deg", "heading_deg")
    }
    mover = table["mover"].combine_chunks()
    t, lon, lat, sog, cog = (
        table[name].to_numpy() for name in ("t", "lon", "lat", "sog_mps", "cog_deg")
    )
    made = fix_ids(mover, t, lon, lat, sog, cog).to_pylist()
    rows = []
    for k, pid in enumerate(columns["pid"]):
        row = {
            "id": pid,
            "time": _text(columns["t"][k]),
            "lon": columns["lon"][k],
            "lat": columns["lat"][k],
            **{name: values[k] for name, values in measured.items()},
            "nav": columns["nav"][k],
            "acc": columns["acc"][k],
            "receiver": columns["receiver"][k],
            "quality": [bit.name for bit in Quality if columns["quality"][k] & bit],
        }
        if pid in cited:
            row["cited"] = True
        if made[k] != pid:
            # The id of a fix is made from its content.
            row["content_id"] = made[k]
        rows.append(row)
    return rows


def _shortest(value: np.float32) -> float | None:
    """A single-precision value by the fewest digits that give it back; None for NaN."""
    return None if np.isnan(value) else float(str(value))


def _text(t_ms: int) -> str:
    return instant_text(instant_of(t_ms))
