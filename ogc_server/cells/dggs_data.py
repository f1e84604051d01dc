"""What a zone holds: rows of every layer, or their numbers in the zone's parts.

A row is in a zone if its geometry meets the zone's outline, whatever the zone's size; so that what
is listed is what a map shows there. Numbers are counted by the index, each row once, at its
representative point, so that those of sub-zones add up (see `layers.aggregates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import shapely

from layers.aggregates import finest_resolution
from layers.errors import QueryError, StoreError
from layers.h3grid import format_cell
from layers.query import Query
from layers.spec import LayerSpec
from layers.store import Page
from ogc_server.catalogue import Catalogue
from ogc_server.cells import zones
from ogc_server.cells.dggs_asked import FILTERS
from ogc_server.parameters import (
    ItemsRequest,
    filter_names,
    parse_items,
    queryable_names,
    refusal,
)
from ogc_server.problem import RequestError, bad_parameter

DEFAULT_ROWS, MOST_ROWS = 10, 1000
_MOST_NUMBERS = 300_000


@dataclass(frozen=True)
class Held:
    """Rows of one layer in a zone.

    Attributes
    ----------
    spec : the layer.
    number : how many there are.
    request, page : the first ones, ready to be written.
    """

    spec: LayerSpec
    number: int
    request: ItemsRequest
    page: Page


def chosen(catalogue: Catalogue, values: Mapping[str, str], *, counted: bool) -> list[LayerSpec]:
    """Layers that a question to the whole dataset is put to.

    Those with places; with ``filter`` those that have all the properties it names. Personal layers
    are among them only where ``counted`` is asked for, and nothing else of their rows.

    Raises
    ------
    RequestError
        404 for a name in ``collections`` that the reader has no layer of.
    """
    if "collections" in values:
        names = dict.fromkeys(values["collections"].split(","))
        specs = [catalogue.counted(name) for name in names]
    elif counted:
        specs = [s for s in catalogue.city.layers.values() if catalogue.is_counted(s.id)]
        specs = [catalogue.counted(spec.id) for spec in specs]
    else:
        specs = [spec for spec in catalogue if spec.has_geometry]
    parts = any(name in values for name in FILTERS)
    readable = {spec.id for spec in specs if catalogue.audience.sees(spec)}
    if not counted or parts:
        specs = [spec for spec in specs if spec.id in readable]
    named = filter_names(values)
    return [spec for spec in specs if named <= queryable_names(spec).keys()]


def asked_of(catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]) -> ItemsRequest:
    """Rows of a layer that ``filter`` and ``datetime`` leave, within the reader's walls."""
    kept = {name: values[name] for name in FILTERS if name in values}
    return parse_items(catalogue, spec, kept)


def held(
    catalogue: Catalogue,
    specs: Iterable[LayerSpec],
    cell: int,
    values: Mapping[str, str],
    limit: int,
) -> list[Held]:
    """Return the rows of a zone by layer, layers without any left out.

    A layer that can't be read is passed over where others are asked for beside it.
    """
    requests = [asked_of(catalogue, spec, values) for spec in specs]
    outline = zones.outline(cell)
    if any(name in values for name in FILTERS):
        return _filtered(catalogue, requests, outline, limit, values)
    names = [request.spec.id for request in requests]
    store, scope = catalogue.store, catalogue.audience.scope
    try:
        met = store.meeting(names, cell, outline, scope, limit)
    except StoreError:
        if len(requests) == 1:
            raise
        return [one for r in requests for one in _alone(catalogue, r.spec, cell, values, limit)]
    found = []
    for request, one in zip(requests, met, strict=True):
        if one.number:
            page = store.page(request.query.but(fids=one.fids, limit=None))
            found.append(Held(request.spec, one.number, request, page))
    return found


def _alone(
    catalogue: Catalogue, spec: LayerSpec, cell: int, values: Mapping[str, str], limit: int
) -> list[Held]:
    try:
        return held(catalogue, [spec], cell, values, limit)
    except StoreError:
        return []


def _filtered(
    catalogue: Catalogue,
    requests: list[ItemsRequest],
    outline: shapely.Geometry,
    limit: int,
    values: Mapping[str, str],
) -> list[Held]:
    queries = [r.query.but(geometry=outline, limit=limit) for r in requests]
    try:
        numbers = catalogue.store.counts(queries)
        return [
            Held(request.spec, number, request, catalogue.store.page(query))
            for request, query, number in zip(requests, queries, numbers, strict=True)
            if number
        ]
    except QueryError as failure:
        raise refusal(failure, values) from failure


def numbers(
    catalogue: Catalogue, spec: LayerSpec, query: Query, cell: int, depth: int
) -> list[int | None] | None:
    """Rows in each sub-zone of a depth, in their order; None where the layer isn't told apart.

    What is hidden of a personal layer is null, as is where it has no rows.
    """
    level = zones.level_of(cell) + depth
    finest = finest_resolution(spec)
    if finest is None or level > finest:
        return None
    counts = catalogue.cell_counts(spec, query.but(cells=(cell,)), level)
    hidden = None if spec.sensitivity == "personal" else 0
    return [counts.get(one, hidden) for one in zones.sub_zones(cell, depth)]


def numbers_document(
    catalogue: Catalogue,
    specs: list[LayerSpec],
    cell: int,
    depths: tuple[int, ...],
    values: Mapping[str, str],
    home: tuple[str, str, str],
) -> dict[str, Any]:
    """Return numbers of rows as DGGS-JSON (OGC 21-038r1, requirement /req/data-json/content).

    Parameters
    ----------
    home : base URL of the server, URL of the data's origin, language.

    Raises
    ------
    RequestError
        400 for more numbers than are given at once, and for what a layer can't be asked.
    """
    sizes = {depth: 7**depth for depth in depths}
    if len(specs) * sum(sizes.values()) > _MOST_NUMBERS:
        raise bad_parameter("zone-depth", "is too deep for so many layers; name some collections")
    base, origin, language = home
    zone_level = zones.level_of(cell)
    if zone_level + depths[-1] > zones.FINEST:
        raise bad_parameter("zone-depth", f"ends beyond level {zones.FINEST}")
    found: dict[str, Any] = {}
    for spec in specs:
        try:
            entry = [_depth(catalogue, spec, values, cell, depth) for depth in depths]
        except QueryError as failure:
            raise refusal(failure, dict(values)) from failure
        found[spec.id] = entry
    return {
        "dggrs": f"{base}/dggs/H3/definition",
        "zoneId": format_cell(cell),
        "depths": list(depths),
        "schema": _schema(specs, f"{origin}/dggs/H3/zones", language),
        "values": found,
    }


def _depth(
    catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str], cell: int, depth: int
) -> dict[str, Any]:
    personal = not catalogue.audience.sees(spec)
    query = catalogue.everything(spec.id)
    if not personal:
        query = asked_of(catalogue, spec, values).query.but(limit=None, properties=None)
    elif any(name in values for name in FILTERS):
        raise QueryError(f"'{spec.id}' is a personal layer: its numbers can't be filtered")
    told = numbers(catalogue, spec, query, cell, depth)
    count = len(zones.sub_zones(cell, depth))
    data = [None] * count if told is None else told
    return {"depth": depth, "shape": {"count": count, "subZones": count}, "data": data}


def _schema(specs: list[LayerSpec], url: str, language: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": url,
        "type": "object",
        "properties": {
            spec.id: {
                "title": spec.title.say(language),
                "type": ["integer", "null"],
                "minimum": 0,
                "x-ogc-propertySeq": number,
            }
            for number, spec in enumerate(specs, 1)
        },
    }


def refuse_rows_of_persons(catalogue: Catalogue, spec: LayerSpec) -> None:
    """RequestError 400 where rows are asked for and only numbers may leave."""
    if not catalogue.audience.sees(spec):
        words = "this layer is given in numbers of zones only; ask for f=json"
        raise RequestError(400, "InvalidParameterValue", f"f: {words}", "f")
