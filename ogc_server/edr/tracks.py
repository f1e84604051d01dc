"""Movers as locations: where each was, and what was measured on its way (OGC 19-086r6, 8.2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from starlette.requests import Request
from starlette.responses import Response

from layers.covjson import Parameter
from layers.mfjson import write_times
from layers.movers import Kind, Measured
from layers.trajectory import Floats, Run
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.edr.documents import Answer, Path
from ogc_server.edr.endpoints import written
from ogc_server.edr.observed import mover_parameters
from ogc_server.edr.parameters import parse_names, parse_system
from ogc_server.features import GEOJSON, collection_url
from ogc_server.moving.documents import page_links
from ogc_server.moving.meeting import Span
from ogc_server.moving.movers import Movers, Seen, kinds, movers_of
from ogc_server.moving.parameters import parse_page, parse_span
from ogc_server.parameters import parse_box
from ogc_server.problem import not_found

_FORMATS = ("covjson", "json")


class _Question:
    def __init__(self, request: Request, *known: str) -> None:
        self.asked = Asked(request, _FORMATS)
        self.asked.refuse_parameters("parameter-name", "datetime", "crs", *known)
        self.values = self.asked.values
        collection = request.path_params["layer"]
        found = next((k for k in kinds(self.asked.catalogue) if k.collection == collection), None)
        movers = movers_of(self.asked.catalogue)
        if found is None or movers is None:
            raise not_found(f"collection '{collection}'")
        self.kind: Kind = found
        self.movers: Movers = movers
        observed = mover_parameters(self.kind)
        names = parse_names(observed, self.values)
        self.observed: dict[str, Parameter] = {name: observed[name] for name in names}
        self.system = parse_system(self.asked.catalogue.city, self.values)
        self.span: Span = parse_span(self.values)
        self.home = collection_url(self.asked.base, self.kind.collection)
        self.tag = etag(request, movers.state(self.kind))
        self.held = unchanged(request, self.tag)

    def empty(self, paths: Sequence[Path] = ()) -> Answer:
        time = self.values.get("datetime", "")
        return Answer(self.home, self.observed, self.system, time, paths=paths)


def locations(request: Request) -> Response:
    """``/locations``: movers that were in a box within a span, each with its id."""
    question = _Question(request, "bbox", "bbox-crs", "limit", "offset")
    box = parse_box(question.asked.catalogue.city, question.values)
    offset, limit = parse_page(question.values)
    if question.held is not None:
        return question.held
    listed = question.movers.listed(question.kind, question.span, box)
    page = listed[offset : offset + limit]
    overview = question.movers.overview(question.kind)
    answer = question.empty()
    features = [
        _feature(answer, mover, overview[mover], list(question.observed))
        for mover in page
        if mover in overview
    ]
    more = offset + len(page) < len(listed)
    links = page_links(question.asked.place(), GEOJSON, offset, limit, more)
    document = answer.geo_json(links, len(listed))
    document |= {"features": features, "numberReturned": len(features)}
    return data_answer(document, GEOJSON, question.tag)


def _feature(answer: Answer, mover: str, seen: Seen, names: list[str]) -> dict[str, Any]:
    minx, miny, maxx, maxy = seen.box
    flat = minx == maxx or miny == maxy
    around = shapely.LineString([(minx, miny), (maxx, maxy)]) if flat else shapely.box(*seen.box)
    shape = shapely.Point(minx, miny) if (minx, miny) == (maxx, maxy) else around
    start, end = write_times(np.array([seen.start, seen.end], np.int64))
    return answer.feature(mover, shape, f"{start}/{end}", names)


def location(request: Request) -> Response:
    """``/locations/{id}``: the ways of one mover, a trajectory for each run without a gap."""
    question = _Question(request)
    mover = request.path_params["fid"]
    runs = question.movers.runs(question.kind, mover, question.span)
    if not runs and mover not in question.movers.overview(question.kind):
        raise not_found(f"location '{mover}' of collection '{question.kind.collection}'")
    if question.held is not None:
        return question.held
    measured = [one for one in question.kind.measured if one.name in question.observed]
    paths = [path for run in runs if (path := _path(mover, run, question.span, measured))]
    return written(question.asked, question.empty(paths), question.tag)


def _path(mover: str, run: Run, span: Span, measured: Sequence[Measured]) -> Path | None:
    """Fixes of a run that lie in a span, with what was measured at each."""
    start, end = span
    inside = np.ones(len(run.t), bool)
    inside &= True if start is None else run.t >= start
    inside &= True if end is None else run.t <= end
    if not inside.any():
        return None
    places = np.column_stack([run.lon.values, run.lat.values])[inside]
    values = {one.name: _values(run.columns[one.column][inside], one) for one in measured}
    return Path(mover, places, write_times(run.t[inside]), values)


def _values(column: Floats, one: Measured) -> list[float | None]:
    missing = (
        np.isnan(column) if one.missing is None else np.isnan(column) | (column == one.missing)
    )
    return [
        None if gone else float(f"{value:.7g}")
        for value, gone in zip(column.tolist(), missing.tolist(), strict=True)
    ]
