"""Changes as events for one reader: CloudEvents 1.0 in JSON, as server-sent events.

Each event stands for one entry of the store's log of changes and carries its number as id; so a
client that goes on from the last id it has seen gets what came after, each event once. What a
reader may not see becomes no event: a row that leaves his walls is deleted for him, one that
enters them is created.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import shapely

from layers.query import Box, Scope
from layers.spec import LayerSpec
from layers.store.changes import Change, Kind
from ogc_server.catalogue import Catalogue
from ogc_server.features import GEOJSON, collection_url, feature_dicts
from ogc_server.parameters import ItemsRequest, parse_items
from ogc_server.times import write_instant

AT_ONCE = 500
_TYPE = "org.onemap.feature."
# What a client must do whose place in the log is no longer kept: load the layers anew.
RESET = "org.onemap.reset"


@dataclass(frozen=True)
class Wanted:
    """What one client listens to.

    Attributes
    ----------
    layers : whose changes.
    boxes : lon/lat boxes that rows must meet one of; empty for all.
    base : URL of the server.
    """

    layers: frozenset[str]
    boxes: tuple[Box, ...]
    base: str


def events(
    catalogue: Catalogue, changes: Iterable[Change], wanted: Wanted
) -> list[tuple[int, dict[str, Any]]]:
    """Return the changes that a reader may know of, as numbered CloudEvents.

    Of several changes of a row among those given only the last is told, with the row as it is now.
    """
    own = [
        seen
        for change in changes
        if change.layer in wanted.layers
        and (seen := _seen(change, catalogue.audience.scope)) is not None
    ]
    last = {(change.layer, change.fid): change for change in own}
    first: dict[tuple[str, str], Kind] = {}
    for change in own:
        first.setdefault((change.layer, change.fid), change.kind)
    by_layer: dict[str, list[Change]] = {}
    for change in last.values():
        by_layer.setdefault(change.layer, []).append(change)
    found: list[tuple[int, dict[str, Any]]] = []
    for layer, rows in by_layer.items():
        found += _of_layer(catalogue, catalogue.layer(layer), rows, first, wanted)
    return sorted(found, key=lambda pair: pair[0])


def _seen(change: Change, scope: Scope) -> Change | None:
    """Return a change as a reader with these walls sees it, None for not at all."""
    if scope.jurisdictions is None:
        return change
    before = change.kind != "created" and _inside(change.before, scope.jurisdictions)
    after = change.kind != "deleted" and _inside(change.jurisdiction, scope.jurisdictions)
    if not (before or after):
        return None
    kind: Kind = "updated" if before and after else "created" if after else "deleted"
    return replace(change, kind=kind)


def _inside(unit: str | None, prefixes: tuple[str, ...]) -> bool:
    return unit is not None and any(unit.startswith(prefix) for prefix in prefixes)


def _of_layer(
    catalogue: Catalogue,
    spec: LayerSpec,
    rows: list[Change],
    first: dict[tuple[str, str], Kind],
    wanted: Wanted,
) -> list[tuple[int, dict[str, Any]]]:
    request = parse_items(catalogue, spec, {})
    fids = tuple(change.fid for change in rows if change.kind != "deleted")
    features = _features(catalogue, request, fids) if fids else {}
    found = []
    for change in rows:
        feature = features.get(change.fid)
        if change.kind == "deleted":
            if first[change.layer, change.fid] == "created":
                continue  # It came and went between two looks.
            found.append((change.number, _event(spec, change, None, wanted)))
        elif feature is not None and _meets(feature, wanted.boxes):
            kind = first[change.layer, change.fid]
            told = replace(change, kind=kind if kind == "created" else "updated")
            found.append((change.number, _event(spec, told, feature, wanted)))
    return found


def _features(
    catalogue: Catalogue, request: ItemsRequest, fids: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    page = catalogue.store.page(request.query.but(fids=fids, limit=None))
    return {feature["id"]: feature for feature in feature_dicts(request, page)}


def _meets(feature: dict[str, Any], boxes: tuple[Box, ...]) -> bool:
    if not boxes:
        return True
    if feature["geometry"] is None:
        return False
    shape = shapely.from_geojson(orjson.dumps(feature["geometry"]))
    return any(shapely.intersects(shape, shapely.box(*box)) for box in boxes)


def _event(
    spec: LayerSpec, change: Change, feature: dict[str, Any] | None, wanted: Wanted
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(change.number),
        "source": collection_url(wanted.base, spec.id),
        "type": _TYPE + change.kind,
        "subject": change.fid,
        "time": write_instant(change.at),
    }
    if feature is not None:
        event |= {"datacontenttype": GEOJSON, "data": feature}
    return event


def reset_event(base: str, newest: int) -> dict[str, Any]:
    """Tell a client that its place is lost; it goes on from ``newest``."""
    return {"specversion": "1.0", "id": str(newest), "source": f"{base}/events", "type": RESET}


def written(number: int, event: dict[str, Any]) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2)."""
    return b"id: %d\nevent: change\ndata: %s\n\n" % (number, orjson.dumps(event))
