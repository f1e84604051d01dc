"""Everything that a case rests on as one JSON document.

The same state of the store, the same declarations and the same ``at`` give the same bytes. Whatever
is cited and is not there, or is not what it was, is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from cases.evidence import doubts
from cases.evidence.citations import Cited, records, references, row_histories, rules
from cases.evidence.excerpt import Excerpt, excerpt_of
from cases.evidence.ground import ground
from cases.evidence.matched import matched_ways
from cases.evidence.places import places
from cases.evidence.rows import histories, moment_of, plain, told
from cases.evidence.seen import Seen
from cases.evidence.tracks import Stay, tracks
from layers.errors import OnemapError
from layers.store.tables import instant_text, to_ms

FORMAT = "onemap-evidence/1"
CASE, ALERT = "case_event", "alert"
# Gives further GeoJSON features of a package, each with an ``id``, from what the reader sees and
# the document made so far: the same for the same state of the store.
Extra = Callable[[Seen, dict[str, Any]], list[dict[str, Any]]]

EXTRAS: tuple[Extra, ...] = (matched_ways,)


class NoCaseError(OnemapError):
    """There is no such case, or none that the reader may see."""


@dataclass(frozen=True)
class Package:
    """The evidence of one case.

    Attributes
    ----------
    document : JSON object, everything.
    """

    document: dict[str, Any]

    @property
    def places(self) -> dict[str, Any]:
        """All its places as a GeoJSON feature collection (RFC 7946)."""
        return places(self.document)

    @property
    def case_id(self) -> str:
        """Id of the case."""
        return str(self.document["case"]["id"])


def package(
    seen: Seen,
    case_id: str,
    at: datetime,
    *,
    software: str,
    excerpt: Excerpt | None = None,
    extras: Sequence[Extra] = EXTRAS,
) -> Package:
    """Gather the evidence of a case.

    Parameters
    ----------
    seen : rows and positions behind the walls of whoever the package is for.
    case_id : id in the layer ``case_event``.
    at : when the package is made (aware); rows are those of that moment, also if asked for later.
    software : version of the program.
    excerpt : how much of tracks and ground; as declared where it is None.
    extras : add further features; the ways by road of trucks by default.

    Raises
    ------
    NoCaseError
        where the reader has no such case.
    """
    at = to_ms(at)
    chosen = excerpt_of(seen.city) if excerpt is None else excerpt
    known = histories(seen, CASE, [case_id], at).get(case_id)
    standing = None if known is None else known.standing()
    if known is None or standing is None:
        raise NoCaseError(f"there is no case '{case_id[:80]}'")
    case = told(known, standing.start)
    alerts, missing = _alerts(seen, case, at)
    points = frozenset(point for alert in alerts for point in alert.points)
    document: dict[str, Any] = {
        "format": FORMAT,
        "made_at": instant_text(at),
        "software": {"name": "onemap", "version": software},
        "city": _city(seen),
        "whole": seen.whole,
        "excerpt": chosen.model_dump(),
        "case": case,
        "alerts": [alert.row | {"written": instant_text(alert.written)} for alert in alerts],
        "rules": rules(seen.city, alerts),
        "records": records(seen, alerts, at),
        "references": references(seen, alerts, at),
        "tracks": tracks(seen, _stays(alerts), points, chosen),
        "messages": _messages(seen, alerts, points),
    }
    document["ground"] = ground(seen, document, at, chosen.most_ground)
    document["extra"] = [feature for extra in extras for feature in extra(seen, document)]
    document["missing"] = [*missing, *doubts.missing(seen, alerts, document)]
    document["doubts"] = doubts.doubts(document)
    # Through JSON once, so that what is made equals what is read back.
    return Package(json.loads(json.dumps(document)))


def _city(seen: Seen) -> dict[str, Any]:
    city = seen.city
    synthetic = city.declaration.synthetic
    kinds = city.event_types
    return {
        "id": city.id,
        "title": city.title.model_dump(),
        "zone": city.declaration.zone,
        "crs": city.crs,
        "synthetic": None if synthetic is None else synthetic.model_dump(),
        "departments": {key: d.title.model_dump() for key, d in city.departments.items()},
        "event_types": {code: kind.title.model_dump() for code, kind in kinds.items()},
    }


def _alerts(
    seen: Seen, case: dict[str, Any], at: datetime
) -> tuple[list[Cited], list[dict[str, Any]]]:
    """Alerts of a case in its own order, and those that are not there."""
    properties = case["properties"]
    listed = properties.get("alerts")
    named = [*(listed if isinstance(listed, list) else ()), properties.get("alert_id")]
    wanted = [fid for fid in named if isinstance(fid, str) and fid]
    found, missing = [], []
    for fid, history in row_histories(seen, ALERT, wanted, at):
        if history is None:
            missing.append(doubts.absent(seen, "alert", ALERT, fid, case["id"]))
        else:
            last = history.standing()
            row = told(history, history.first if last is None else last.start)
            found.append(Cited(row, history.first))
    return found, missing


def _stays(alerts: Sequence[Cited]) -> list[Stay]:
    stays = []
    for alert in alerts:
        properties = alert.row["properties"]
        start = _ms(properties["start_time"])
        end = _ms(properties.get("end_time") or properties["start_time"])
        stays += [Stay(subject, start, max(start, end)) for subject in alert.subjects]
    return stays


def _ms(text: str) -> int:
    return round(moment_of(text).timestamp() * 1000)


def _messages(seen: Seen, alerts: Sequence[Cited], points: frozenset[str]) -> list[dict[str, Any]]:
    """Static messages that are cited: what a vessel said of itself."""
    subjects = sorted({subject for alert in alerts for subject in alert.subjects})
    if not points or not subjects:
        return []
    last = max(_ms(a.row["properties"].get("end_time") or instant_text(a.began)) for a in alerts)
    table = seen.said(subjects, last + 1)
    chosen = [pid in points for pid in table["pid"].to_pylist()]
    rows = table.filter(pa.array(chosen, pa.bool_())).to_pylist()
    return [{"id": row["pid"], **{key: plain(value) for key, value in row.items()}} for row in rows]
