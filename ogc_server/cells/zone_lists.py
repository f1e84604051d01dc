"""Lists of zones that hold data, in every form that OGC API – DGGS names for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from layers.aggregates import finest_resolution
from layers.errors import QueryError
from layers.h3grid import Cells, format_cell
from layers.spec import LayerSpec
from ogc_server.block import Links
from ogc_server.catalogue import Catalogue
from ogc_server.cells import zones
from ogc_server.cells.dggs_asked import FILTERS, MOST_ZONES, ZoneList
from ogc_server.cells.dggs_data import asked_of
from ogc_server.cells.dggs_documents import UINT64
from ogc_server.features import GEOJSON, HTML, JSON, Place, link
from ogc_server.parameters import refusal
from ogc_server.problem import bad_parameter


@dataclass(frozen=True)
class Listed:
    """One page of a list of zones.

    Attributes
    ----------
    cells : of the page.
    total : number of all zones.
    wanted : what was asked.
    """

    cells: Cells
    total: int
    wanted: ZoneList


def listed(
    catalogue: Catalogue, specs: list[LayerSpec], wanted: ZoneList, values: Mapping[str, str]
) -> Listed:
    """Return the zones that hold rows of the layers, each piece of ground once.

    A layer whose own cells are larger than the level is told in those, or by all their sub-zones
    where the list is not compact.

    Raises
    ------
    RequestError
        400 for more zones than can be listed, and for what a layer can't be asked.
    """
    try:
        cells = _occupied(catalogue, specs, wanted, values)
        cells = _restricted(cells, wanted)
        if wanted.compact:
            coarsest = 0 if wanted.parent is None else zones.level_of(wanted.parent)
            cells = zones.compact(cells, coarsest)
        else:
            cells = _restricted(zones.at_level(cells, wanted.level, 10 * MOST_ZONES), wanted)
    except QueryError as failure:
        if "are listed" in str(failure):
            raise bad_parameter("zone-level", f"{failure}; ask within a parent-zone") from failure
        raise refusal(failure, dict(values)) from failure
    page = cells[wanted.offset : wanted.offset + wanted.limit]
    return Listed(page, len(cells), wanted)


def _occupied(
    catalogue: Catalogue, specs: list[LayerSpec], wanted: ZoneList, values: Mapping[str, str]
) -> Cells:
    found = [np.empty(0, np.int64)]
    for spec in specs:
        finest = finest_resolution(spec)
        assert finest is not None
        query = catalogue.everything(spec.id)
        if catalogue.audience.sees(spec):
            query = asked_of(catalogue, spec, values).query.but(limit=None, properties=None)
            if wanted.time is not None and spec.time_field is not None:
                query = query.but(time=wanted.time)
        elif wanted.time is not None or any(name in values for name in FILTERS):
            raise QueryError(f"'{spec.id}' is a personal layer: its numbers can't be filtered")
        cells = catalogue.occupied(spec, query, min(wanted.level, finest))
        found.append(np.array(cells, np.int64))
    return np.unique(np.concatenate(found))


def _restricted(cells: Cells, wanted: ZoneList) -> Cells:
    if wanted.parent is not None:
        above = np.isin(zones.ancestors(wanted.parent), cells).any()
        cells = zones.within(cells, wanted.parent)
        if above:
            # The parent lies in a larger zone that stands for all its sub-zones.
            cells = np.array([wanted.parent], np.int64)
    for box in wanted.boxes:
        cells = zones.meeting(cells, box)
    return cells


def links(place: Place, page: Listed) -> Links:
    """Links of a list: itself, its other forms, what comes next and before."""
    found = [
        link("self", JSON, "This document", place.url()),
        link("alternate", GEOJSON, "These zones as GeoJSON", place.url(f="geojson")),
        link("alternate", HTML, "These zones as HTML", place.url(f="html")),
        link("alternate", UINT64, "These zones as integers", place.url(f="uint64")),
    ]
    at, limit = page.wanted.offset, page.wanted.limit
    if at + len(page.cells) < page.total:
        found.append(link("next", JSON, "Next page", place.url(limit=limit, offset=at + limit)))
    if at:
        before = place.url(limit=limit, offset=max(0, at - limit))
        found.append(link("prev", JSON, "Previous page", before))
    return found


def document(place: Place, page: Listed) -> dict[str, Any]:
    """Return the list as JSON (requirement /req/zone-query/zones-list)."""
    cells = page.cells.tolist()
    return {
        "zones": [format_cell(cell) for cell in cells],
        "numberMatched": page.total,
        "numberReturned": len(cells),
        "returnedAreaMetersSquare": sum(zones.area_m2(cell) for cell in cells),
        "links": links(place, page),
    }


def features(place: Place, page: Listed) -> dict[str, Any]:
    """Return the list as GeoJSON (requirement /req/zone-geojson/content)."""
    rows = [
        {
            "type": "Feature",
            "id": format_cell(cell),
            "geometry": _geometry(cell, page.wanted.geometry),
            "properties": {
                "zoneID": format_cell(cell),
                "level": zones.level_of(cell),
                "areaMetersSquare": zones.area_m2(cell),
            },
        }
        for cell in page.cells.tolist()
    ]
    return {
        "type": "FeatureCollection",
        "features": rows,
        "numberMatched": page.total,
        "numberReturned": len(rows),
        "links": links(place, page),
    }


def _geometry(cell: int, form: str) -> dict[str, Any] | None:
    if form == "none":
        return None
    if form == "zone-centroid":
        return {"type": "Point", "coordinates": list(zones.centroid(cell))}
    return zones.geojson(cell)


def integers(page: Listed) -> bytes:
    """Return the list as their number and the zones, 64-bit, little endian.

    See requirement /req/zone-uint64/content.
    """
    return np.concatenate([[len(page.cells)], page.cells]).astype("<u8").tobytes()
