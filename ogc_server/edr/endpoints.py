"""Endpoints of environmental data retrieval. They run in worker threads: the store is synchronous.

No collection has a vertical extent: ``z`` is unknown here, and a corridor's height is read and of
no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import shapely
from starlette.requests import Request
from starlette.responses import Response

from layers.covjson import MEDIA_TYPE, Parameter
from layers.errors import QueryError
from layers.mfjson import write_times
from layers.query import Box
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.edr.documents import Answer, Path
from ogc_server.edr.observed import COUNT, parameters
from ogc_server.edr.parameters import (
    Geometry,
    parse_coords,
    parse_length,
    parse_names,
    parse_path,
    parse_system,
)
from ogc_server.edr.sampling import (
    Layer,
    Row,
    circle,
    distances,
    samples,
    step_of,
)
from ogc_server.edr.sampling import (
    corridor as area_of_corridor,
)
from ogc_server.features import GEOJSON, collection_url
from ogc_server.moving.documents import page_links
from ogc_server.parameters import DEFAULT_LIMIT, MAXIMUM_LIMIT, parse_box, parse_whole
from ogc_server.problem import bad_parameter, not_found
from ogc_server.times import parse_interval

_COMMON = ("parameter-name", "datetime", "crs")
_FURTHEST_OFFSET = 10**9
_FORMATS = ("covjson", "json")
Found = TypeVar("Found")


class Question:
    """A request for observed values of a layer.

    Parameters
    ----------
    known : parameters that the query takes beside those that all take.
    """

    def __init__(self, request: Request, *known: str) -> None:
        self.asked = Asked(request, _FORMATS)
        self.asked.refuse_parameters(*_COMMON, *known)
        self.values = self.asked.values
        self.spec = self.asked.layer()
        observed = parameters(self.spec)
        if not observed:
            raise not_found(f"data queries of collection '{self.spec.id}'")
        names = parse_names(observed, self.values)
        self.observed: dict[str, Parameter] = {name: observed[name] for name in names}
        self.system = parse_system(self.asked.catalogue.city, self.values)
        text = self.values.get("datetime")
        self.time = None if text is None else parse_interval(text)
        self.layer = Layer(self.asked.catalogue, self.spec, names, self.time)
        self.tag = etag(request, self.asked.catalogue.revision(self.spec.id))
        self.held = unchanged(request, self.tag)

    def answer(self, **found: Any) -> Response:
        """Write what was found in the form that was asked for."""
        home = collection_url(self.asked.base, self.spec.id)
        made = Answer(home, self.observed, self.system, self.values.get("datetime", ""), **found)
        return written(self.asked, made, self.tag)


def written(asked: Asked, made: Answer, tag: str) -> Response:
    """Write an answer as CoverageJSON, or as GeoJSON where that was asked for."""
    if wants_geojson(asked):
        return data_answer(made.geo_json(), GEOJSON, tag)
    return data_answer(made.coverage_json(), MEDIA_TYPE, tag)


def wants_geojson(asked: Asked) -> bool:
    """Whether the answer shall be GeoJSON; CoverageJSON is the usual form."""
    if "f" in asked.values:
        return asked.values["f"].lower() == "geojson"
    return GEOJSON in asked.request.headers.get("accept", "")


def position(request: Request) -> Response:
    """``/position``: values at the nearest row, and in the cell, of each place."""
    question = Question(request, "coords")
    given = parse_coords(question.values, question.system, ("Point", "MultiPoint"))
    if question.held is not None:
        return question.held
    places, layer = shapely.get_coordinates(given), question.layer
    if len(places) > 1000:
        raise bad_parameter("coords", f"found {len(places)} places, at most 1000")
    rows: list[Row] = []
    if layer.measured:
        nearest = _asked_well(lambda: layer.nearest(places[:, 0], places[:, 1]))
        rows = list({row.id: row for row in nearest if row is not None}.values())
    if layer.counted:
        cells = [layer.cell(*place) for place in places.tolist()]
        counts = _asked_well(lambda: layer.counts_of(cells))
        for number, (count, (lon, lat)) in enumerate(zip(counts, places.tolist(), strict=True)):
            rows.append(Row(f"place-{number + 1}", lon, lat, None, {COUNT: count}))
    return question.answer(rows=rows)


def radius(request: Request) -> Response:
    """``/radius``: values of rows within a distance of a place, and their number in cells."""
    question = Question(request, "coords", "within", "within-units")
    place = parse_coords(question.values, question.system, ("Point",))
    metres = parse_length(question.values, "within", "within-units")
    x, y = shapely.get_coordinates(place)[0].tolist()
    around = circle(x, y, metres)
    if question.held is not None:
        return question.held
    rows = _rows(question, around)
    if rows:
        lon, lat = (np.array([getattr(row, at) for row in rows]) for at in ("lon", "lat"))
        near = distances(lon, lat, x, y) <= metres
        rows = [row for row, inside in zip(rows, near, strict=True) if inside]
    return question.answer(rows=rows, cells=_cells(question, around))


def area(request: Request) -> Response:
    """``/area``: values of rows inside of a polygon, and their number in cells."""
    question = Question(request, "coords")
    return _inside(
        question, parse_coords(question.values, question.system, ("Polygon", "MultiPolygon"))
    )


def cube(request: Request) -> Response:
    """``/cube``: values of rows inside of a box, and their number in cells."""
    question = Question(request, "bbox", "bbox-crs")
    values = question.values
    if "bbox" not in values:
        raise bad_parameter("bbox", "is missing")
    if "crs" in values and "bbox-crs" not in values:
        values = {**values, "bbox-crs": values["crs"]}
    box = parse_box(question.asked.catalogue.city, values)
    assert box is not None
    return _inside(question, _shape(box))


def _shape(box: Box) -> Geometry:
    minx, miny, maxx, maxy = box
    if minx <= maxx:
        return shapely.box(*box)
    return shapely.MultiPolygon(
        [shapely.box(minx, miny, 180, maxy), shapely.box(-180, miny, maxx, maxy)]
    )


def corridor(request: Request) -> Response:
    """``/corridor``: values of rows within half a width of a path, and their number in cells."""
    heights = ("corridor-height", "height-units")
    question = Question(request, "coords", "corridor-width", "width-units", *heights)
    line = parse_coords(question.values, question.system, ("LineString", "MultiLineString"))
    width = parse_length(question.values, "corridor-width", "width-units")
    if any(name in question.values for name in heights):
        parse_length(question.values, *heights)
    return _inside(question, area_of_corridor(line, width))


def trajectory(request: Request) -> Response:
    """``/trajectory``: values at the nearest rows, and in the cells, along a path."""
    question = Question(request, "coords")
    line, measures = parse_path(question.values, question.system)
    places, t = samples(line, measures, step_of(question.spec))
    if question.held is not None:
        return question.held
    layer, values = question.layer, dict[str, Sequence[float | int | None]]()
    if layer.measured:
        nearest = _asked_well(lambda: layer.nearest(places[:, 0], places[:, 1]))
        for name in layer.measured:
            values[name] = [None if row is None else row.values[name] for row in nearest]
    if layer.counted:
        cells = [layer.cell(*place) for place in places.tolist()]
        values[COUNT] = _asked_well(lambda: layer.counts_of(cells))
    times = None if t is None else write_times((t * 1000).astype(np.int64))
    return question.answer(paths=[Path("path", places, times, values)])


def _inside(question: Question, shape: Geometry) -> Response:
    if question.held is not None:
        return question.held
    return question.answer(rows=_rows(question, shape), cells=_cells(question, shape))


def _rows(question: Question, shape: Geometry) -> list[Row]:
    layer = question.layer
    if not layer.measured:
        return []
    return _asked_well(lambda: layer.rows(geometry=shape))


def _cells(question: Question, shape: Geometry) -> dict[int, int]:
    layer = question.layer
    if not layer.counted:
        return {}
    return _asked_well(lambda: layer.counts(geometry=shape))


def _asked_well(ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except QueryError as failure:
        raise bad_parameter("coords", str(failure)) from failure


def locations(request: Request) -> Response:
    """``/locations``: places of rows that observe something, each with its id."""
    question = Question(request, "bbox", "bbox-crs", "limit", "offset")
    layer, values = question.layer, question.values
    if not layer.measured:
        raise not_found(f"locations of collection '{question.spec.id}'")
    box = parse_box(question.asked.catalogue.city, values)
    offset = parse_whole(values, "offset", 0, 0, _FURTHEST_OFFSET)
    limit = min(parse_whole(values, "limit", DEFAULT_LIMIT, 1, None), 1000, MAXIMUM_LIMIT)
    if question.held is not None:
        return question.held
    rows, matched = layer.page(box, offset, limit)
    home = collection_url(question.asked.base, question.spec.id)
    measured = {name: question.observed[name] for name in layer.measured}
    made = Answer(home, measured, question.system, rows=rows)
    if values.get("f", "").lower() in ("coveragejson", "covjson"):
        return data_answer(made.coverage_json(), MEDIA_TYPE, question.tag)
    more = offset + len(rows) < matched
    links = page_links(question.asked.place(), GEOJSON, offset, limit, more)
    return data_answer(made.geo_json(links, matched), GEOJSON, question.tag)


def location(request: Request) -> Response:
    """``/locations/{id}``: what one row observes."""
    question = Question(request)
    layer, fid = question.layer, request.path_params["fid"]
    try:
        rows = layer.rows(fids=(fid,))
        known = bool(rows) or bool(layer.everywhere(fid))
    except QueryError as failure:
        raise not_found(f"location '{fid}'") from failure
    if not known or not parameters(question.spec).keys() - {COUNT}:
        raise not_found(f"location '{quote(fid)}' of collection '{question.spec.id}'")
    if question.held is not None:
        return question.held
    if layer.counted:
        counts = layer.counts_of([layer.cell(row.lon, row.lat) for row in rows])
        rows = [
            replace(row, values={**row.values, COUNT: count})
            for row, count in zip(rows, counts, strict=True)
        ]
    return question.answer(rows=rows)
