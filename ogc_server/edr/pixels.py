"""Values of rasters at places and along paths; what a reader may not see has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from starlette.requests import Request
from starlette.responses import Response

from layers.covjson import Parameter
from layers.crs import STORAGE, transformer
from layers.mfjson import write_times
from layers.rasters.archive import Scene
from layers.rasters.grid import Grid
from ogc_server.answers import etag, unchanged
from ogc_server.asked import Asked
from ogc_server.coverages.rasters import Raster, wanted_raster
from ogc_server.edr.documents import Answer, Path
from ogc_server.edr.endpoints import written
from ogc_server.edr.observed import raster_parameters
from ogc_server.edr.parameters import parse_coords, parse_names, parse_path, parse_system
from ogc_server.edr.sampling import Floats, Row, samples
from ogc_server.features import collection_url
from ogc_server.problem import RequestError
from ogc_server.times import parse_interval, write_instant

_MOST_PIXELS = 1 << 22
_MOST_READINGS = 200
_MOST_VALUES = 5000
_SAMPLES = 500
_METRES_PER_DEGREE = 111_320.0
_GEOD = pyproj.Geod(ellps="WGS84")
Values = list[float | int | None]


class _Question:
    def __init__(self, request: Request) -> None:
        self.asked = Asked(request, ("covjson", "json"))
        self.asked.refuse_parameters("coords", "parameter-name", "datetime", "crs")
        self.values = self.asked.values
        self.raster: Raster = wanted_raster(self.asked.catalogue, request.path_params["layer"])
        observed = raster_parameters(self.raster.spec)
        names = parse_names(observed, self.values)
        self.observed: dict[str, Parameter] = {name: observed[name] for name in names}
        self.system = parse_system(self.asked.catalogue.city, self.values)
        text = self.values.get("datetime")
        self.scenes = self.raster.at(None if text is None else parse_interval(text))
        self.tag = etag(request, self.raster.state)
        self.held = unchanged(request, self.tag)

    def answer(self, **found: Any) -> Response:
        home = collection_url(self.asked.base, self.raster.spec.id)
        made = Answer(home, self.observed, self.system, self.values.get("datetime", ""), **found)
        return written(self.asked, made, self.tag)


def position(request: Request) -> Response:
    """``/position``: values of the pixel that each place lies in, of every scene in the span."""
    question = _Question(request)
    given = parse_coords(question.values, question.system, ("Point", "MultiPoint"))
    if question.held is not None:
        return question.held
    places = shapely.get_coordinates(given)
    if len(places) * len(question.scenes) > _MOST_VALUES:
        raise _too_much(f"more than {_MOST_VALUES} places and scenes")
    rows = []
    for scene in question.scenes:
        found = _values(question.raster, scene, places, list(question.observed))
        t = None if scene.moment is None else write_instant(scene.moment.start)
        for number, (lon, lat) in enumerate(places.tolist()):
            told = {name: values[number] for name, values in found.items()}
            rows.append(Row(f"place-{number + 1}", lon, lat, t, told))
    return question.answer(rows=rows)


def trajectory(request: Request) -> Response:
    """``/trajectory``: values of the latest scene's pixels along a path."""
    question = _Question(request)
    line, measures = parse_path(question.values, question.system)
    scene = question.scenes[-1]
    places, t = samples(line, measures, max(_pixel_m(scene), _length_m(line) / _SAMPLES))
    if question.held is not None:
        return question.held
    values = _values(question.raster, scene, places, list(question.observed))
    times = None if t is None else write_times((t * 1000).astype(np.int64))
    return question.answer(paths=[Path("path", places, times, values)])


def _pixel_m(scene: Scene) -> float:
    unit = 1.0
    if pyproj.CRS.from_user_input(scene.grid.crs).is_geographic:
        unit = _METRES_PER_DEGREE
    return min(scene.grid.pixel) * unit


def _length_m(line: shapely.Geometry) -> float:
    return float(_GEOD.geometry_length(line))


def _too_much(what: str) -> RequestError:
    return RequestError(413, "ContentTooLarge", f"{what} would be answered; ask for less")


def _values(
    raster: Raster, scene: Scene, places: Floats, names: Sequence[str]
) -> dict[str, Values]:
    """Values of a scene's bands at places in lon, lat, None where there are none."""
    x, y = transformer(STORAGE, scene.grid.crs).transform(places[:, 0], places[:, 1])
    bands = tuple(raster.spec.number(name) for name in names)
    found = np.ma.masked_array(np.zeros((len(names), len(places))), mask=True)
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    for chosen, part in _parts(scene.grid, x, y, finite, len(bands)):
        window = raster.window(scene, part, bands, "nearest")
        column, row = _pixels(part, x[chosen], y[chosen])
        found[:, chosen] = window.values[:, row, column]
    return {
        name: [_plain(value) for value in values]
        for name, values in zip(names, found.tolist(), strict=True)
    }


def _plain(value: float | None) -> float | int | None:
    if value is None or not np.isfinite(value):
        return None
    return int(value) if value == int(value) else float(f"{value:.7g}")


def _parts(
    grid: Grid, x: Floats, y: Floats, at: npt.NDArray[np.int64], bands: int
) -> list[tuple[npt.NDArray[np.int64], Grid]]:
    """Parts of a grid to be read, and the places in each: one for all if it is not too large."""
    west, south, east, north = grid.bounds
    at = at[(x[at] >= west) & (x[at] <= east) & (y[at] >= south) & (y[at] <= north)]
    if not len(at):
        return []
    whole = grid.part((x[at].min(), y[at].min(), x[at].max(), y[at].max()))
    if whole is not None and whole.size * bands <= _MOST_PIXELS:
        return [(at, whole)]
    if len(at) > _MOST_READINGS:
        raise _too_much(f"more than {_MOST_READINGS} places so far apart")
    single = [(np.array([i]), grid.part((x[i], y[i], x[i], y[i]))) for i in at]
    return [(one, part) for one, part in single if part is not None]


def _pixels(
    grid: Grid, x: Floats, y: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    west, _, _, north = grid.bounds
    dx, dy = grid.pixel
    column = np.clip(np.floor((x - west) / dx), 0, grid.width - 1).astype(np.int64)
    row = np.clip(np.floor((north - y) / dy), 0, grid.height - 1).astype(np.int64)
    return column, row
