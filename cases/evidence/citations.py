"""What the alerts of a case cite: records, references, declarations of rules; and what is missing.

A cited record is shown as it stood when the alert was written, which is what the rule read; a
reference as it stood at the event itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import geopandas as gpd

from analytics import registry
from analytics.reference_rows import load_references
from analytics.references import References
from analytics.rule import RULES
from cases.evidence.rows import History, histories, moment_of, told
from cases.evidence.seen import Seen
from layers.city import City
from layers.query import Query

# Layers of records that the points of an alert may be of, beside the layer that its rule reads.
_RECORDS = ("weighing", "camera_detection")
_LINEAGE, _REGISTER = "lineage", "vessel_registry"


@dataclass(frozen=True)
class Cited:
    """One alert of the case.

    Attributes
    ----------
    row : as `cases.evidence.rows.told` tells it.
    written : when it was first written: what was true then is what its rule read.
    """

    row: dict[str, Any]
    written: datetime

    @property
    def id(self) -> str:
        """Id of the alert."""
        return str(self.row["id"])

    @property
    def began(self) -> datetime:
        """When the event began."""
        return moment_of(self.row["properties"]["start_time"])

    @property
    def rule(self) -> str:
        """Id of the rule's declaration."""
        return str(self.row["properties"]["rule"])

    @property
    def evidence(self) -> dict[str, Any]:
        """Its evidence; empty where it is none."""
        held = self.row["properties"].get("evidence")
        return held if isinstance(held, dict) else {}

    @property
    def points(self) -> list[str]:
        """Ids of the fixes and records that it rests on."""
        return [point for point in _listed(self.evidence, "points") if isinstance(point, str)]

    @property
    def references(self) -> list[dict[str, Any]]:
        """What it was held against."""
        return [one for one in _listed(self.evidence, "references") if isinstance(one, dict)]

    @property
    def subjects(self) -> list[str]:
        """Who, the alert's own subject first."""
        named = [self.row["properties"]["subject"], *_listed(self.evidence, "subjects")]
        return list(dict.fromkeys(str(name) for name in named))


def _listed(evidence: dict[str, Any], name: str) -> list[Any]:
    found = evidence.get(name)
    return found if isinstance(found, list) else []


def records(seen: Seen, alerts: Iterable[Cited], at: datetime) -> list[dict[str, Any]]:
    """Rows that the alerts' points name, by layer and id, each with the input it came from."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for alert in alerts:
        for layer in _record_layers(seen.city, alert):
            for fid, history in histories(seen, layer, alert.points, at).items():
                row = found.setdefault((layer, fid), told(history, alert.written))
                row.setdefault("cited_by", []).append(alert.id)
    for (layer, fid), row in found.items():
        row["origin"] = _origin(seen, layer, fid, moment_of(row["valid_from"]), at)
    return [found[key] for key in sorted(found)]


def _record_layers(city: City, alert: Cited) -> list[str]:
    declared = city.rules.get(alert.rule)
    kind = RULES.get(declared.kind) if declared is not None else None
    named = [*_RECORDS, *([kind.feed] if kind is not None else [])]
    return [layer for layer in dict.fromkeys(named) if layer in city.layers]


def _origin(
    seen: Seen, layer: str, fid: str, moment: datetime, at: datetime
) -> dict[str, Any] | None:
    """Return the row of lineage that a version of a row names: file, checksum, time."""
    asked = Query(layer, fids=(fid,), as_of=moment, properties=(), skip_geometry=True)
    sources = [str(source) for source in seen.frame(asked)["source"] if source]
    history = histories(seen, _LINEAGE, sources, at)
    return told(history[sources[0]], moment) if sources and sources[0] in history else None


def references(seen: Seen, alerts: Iterable[Cited], at: datetime) -> list[dict[str, Any]]:
    """What the alerts were held against, in the order in which they name it.

    Returns
    -------
    JSON objects: ``cited`` as the alert has it, ``row`` as it stood when the event began, and
    ``reproduced``: the version that comes out of the rows as they stood when the alert was written,
    and whether it is the cited one; None where versions of that kind can't be made again, or not
    from what the reader sees.
    """
    again = _Again(seen)
    found = []
    for alert in alerts:
        for number, one in enumerate(alert.references):
            layer, fid = str(one.get("layer") or ""), str(one.get("id") or "")
            known = histories(seen, layer, [fid], at) if layer and fid else {}
            history = known.get(fid)
            found.append(
                {
                    "id": f"{alert.id}/{number}",
                    "alert": alert.id,
                    "layer": layer,
                    "fid": fid,
                    "cited": one,
                    "row": None if history is None else told(history, alert.began),
                    "reproduced": again.version(layer, fid, one, alert),
                }
            )
    return found


class _Again:
    """Versions of references made again from the rows as they stood."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._read: dict[tuple[str, datetime], References] = {}

    def version(
        self, layer: str, fid: str, cited: dict[str, Any], alert: Cited
    ) -> dict[str, Any] | None:
        # A part of a register has another version than the whole of it.
        if not self._seen.whole or layer not in self._seen.layers():
            return None
        if layer == _REGISTER:
            known = self._references(layer, alert.written)
            version = _register(known, str(cited.get("version") or ""))
        elif layer in _ENTRIES:
            version = _entry(self._references(layer, alert.written), layer, fid)
        else:
            return None
        return {"version": version, "equal": version == cited.get("version")}

    def _references(self, layer: str, moment: datetime) -> References:
        key = layer, moment
        if key not in self._read:
            only = _Only(self._seen, layer)
            self._read[key] = load_references(self._seen.city, only, as_of=moment)
        return self._read[key]


class _Only:
    """One layer alone, so that nothing else is read."""

    def __init__(self, seen: Seen, layer: str) -> None:
        self._seen, self._layer = seen, layer

    def layers(self) -> list[str]:
        return [self._layer]

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        return self._seen.frame(query)


def _register(known: References, cited: str) -> str | None:
    """The register as a whole has a version for each day."""
    day = cited.removeprefix(f"{_REGISTER}@").partition("#")[0]
    try:
        return known.register.on(datetime.fromisoformat(day).date()).version
    except ValueError:
        return None


_Cites = Callable[[References], Iterable[Any]]
# Entries of each layer, which say how evidence cites them.
_ENTRIES: dict[str, _Cites] = {
    "marine_zone": lambda known: known.marine_zones,
    "shopfront": lambda known: known.shopfronts,
    "wim_station": lambda known: known.stations.values(),
    "camera": lambda known: known.cameras.values(),
    "truck_registry": lambda known: chain(*known.haulage.trucks.values()),
    "muck_permit_route": lambda known: chain(*known.haulage.permits.values()),
    "bridge_tunnel": lambda known: known.haulage.bridges,
    "construction_site": lambda known: known.haulage.sites,
    "dump_site": lambda known: known.haulage.sites,
}


def _entry(known: References, layer: str, fid: str) -> str | None:
    told = (entry.reference() for entry in _ENTRIES[layer](known))
    return next((str(one["version"]) for one in told if one["id"] == fid), None)


def rules(city: City, alerts: Iterable[Cited]) -> list[dict[str, Any]]:
    """Declarations of the rules that found the alerts: parameters with their sources, by id.

    ``declared_version`` is that of the declaration; None, and no parameters, where there is none
    any more. ``found_by`` lists the versions that the alerts name.
    """
    by_rule: dict[str, set[str]] = {}
    for alert in alerts:
        by_rule.setdefault(alert.rule, set()).add(str(alert.row["properties"]["rule_version"]))
    known = {one.id: one for one in registry.describe(city, only=by_rule)}
    return [_rule(known.get(rule), rule, sorted(found)) for rule, found in sorted(by_rule.items())]


def _rule(known: registry.RuleDescription | None, rule: str, found_by: list[str]) -> dict[str, Any]:
    if known is None:
        return {"id": rule, "declared_version": None, "found_by": found_by}
    return {
        "id": rule,
        "title": known.title.model_dump(),
        "kind": known.kind,
        "declared_version": known.version,
        "found_by": found_by,
        "parameters": known.parameters,
        "sources": known.sources,
    }


def row_histories(
    seen: Seen, layer: str, fids: Iterable[str], at: datetime
) -> Iterator[tuple[str, History | None]]:
    """Each id in the order given, with the versions of its row."""
    wanted = list(dict.fromkeys(fids))
    known = histories(seen, layer, wanted, at)
    for fid in wanted:
        yield fid, known.get(fid)
