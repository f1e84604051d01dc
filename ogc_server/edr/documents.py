"""Answers with observed values, as CoverageJSON and as EDR GeoJSON (OGC 19-086r6, 9 and annex)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from layers import h3grid
from layers.covjson import Parameter, System, Writer
from layers.crs import STORAGE, transformer
from ogc_server.edr.observed import COUNT
from ogc_server.edr.sampling import Floats, Row
from ogc_server.reference import proj_name
from ogc_server.times import write_instant

_METRIC_DECIMALS, _DEGREE_DECIMALS = 3, 7


@dataclass(frozen=True)
class Path:
    """Values along a path.

    Attributes
    ----------
    name : of what moved, or of the path asked for.
    places : lon, lat in degrees (EPSG:4326), shape (n, 2).
    t : RFC 3339 at each place, None where the path has no times.
    values : by parameter, n each.
    """

    name: str
    places: Floats
    t: Sequence[str] | None
    values: Mapping[str, Sequence[float | int | None]]


@dataclass(frozen=True)
class Answer:
    """What was found, to be written in one of two forms.

    Attributes
    ----------
    home : URL of the collection.
    observed : parameters that were wanted, by name.
    system : that places go out in.
    time : ``datetime`` as it was asked for, "" where it was not.
    rows : values at places of rows.
    cells : rows counted in each cell.
    paths : values along paths.
    """

    home: str
    observed: Mapping[str, Parameter]
    system: System
    time: str = ""
    rows: Sequence[Row] = field(default=())
    cells: Mapping[int, int] = field(default_factory=dict)
    paths: Sequence[Path] = field(default=())

    def coverage_json(self) -> dict[str, Any]:
        """Write all as CoverageJSON."""
        writer = Writer(self.observed, self.system)
        made = []
        for row in self.rows:
            x, y = self._moved(np.array([[row.lon, row.lat]]))[0]
            made.append(writer.point(x, y, row.t, row.values))
        if self.cells:
            outlines = [self._outline(cell) for cell in self.cells]
            made.append(writer.cells(outlines, {COUNT: list(self.cells.values())}))
        for path in self.paths:
            places = [(x, y) for x, y in self._moved(path.places)]
            made.append(writer.path(places, path.t, path.values))
        return writer.document(made)

    def geo_json(self, links: Sequence[dict[str, str]] = (), matched: int | None = None) -> Any:
        """Write all as EDR GeoJSON.

        Parameters
        ----------
        matched : number of all features, where this is a page of them.
        """
        features = [
            *(self._row(row) for row in self.rows),
            *(self._cell(cell, number) for cell, number in self.cells.items()),
            *(self._path(path) for path in self.paths),
        ]
        return {
            "type": "FeatureCollection",
            "features": features,
            "parameters": [{"id": k, **p.document()} for k, p in self.observed.items()],
            "timeStamp": write_instant(datetime.now(UTC)),
            "numberMatched": len(features) if matched is None else matched,
            "numberReturned": len(features),
            "links": list(links),
        }

    def feature(
        self, name: str, shape: BaseGeometry, time: str, names: Sequence[str]
    ) -> dict[str, Any]:
        """Describe a location without its values."""
        end = f"{self.home}/locations/{quote(name, safe='')}"
        return _feature(name, self._geometry(shape), time, {}, end, names)

    def _row(self, row: Row) -> dict[str, Any]:
        geometry = self._geometry(shapely.Point(row.lon, row.lat))
        end = f"{self.home}/locations/{quote(row.id, safe='')}"
        return _feature(row.id, geometry, row.t or "", row.values, end)

    def _cell(self, cell: int, number: int) -> dict[str, Any]:
        name = h3grid.format_cell(cell)
        geometry = self._geometry(h3grid.cell_polygon(cell))
        return _feature(name, geometry, self.time, {COUNT: number}, f"{self.home}/area")

    def _path(self, path: Path) -> dict[str, Any]:
        kind = shapely.LineString if len(path.places) > 1 else shapely.MultiPoint
        geometry = self._geometry(kind(path.places))
        span = f"{path.t[0]}/{path.t[-1]}" if path.t else self.time
        values: dict[str, Any] = {name: list(row) for name, row in path.values.items()}
        if path.t is not None:
            values = {"datetimes": list(path.t), **values}
        names = list(path.values)
        return _feature(path.name, geometry, span, values, f"{self.home}/locations", names)

    def _geometry(self, shape: BaseGeometry) -> dict[str, Any]:
        def convert(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            moved = self._moved_array(places)
            return moved[:, ::-1] if self.system.swaps else moved

        made: dict[str, Any] = shapely.geometry.mapping(shapely.transform(shape, convert))
        return made

    def _outline(self, cell: int) -> list[list[list[float]]]:
        ring = shapely.get_coordinates(h3grid.cell_polygon(cell))
        return [[[x, y] for x, y in self._moved(ring)]]

    def _moved(self, places: Floats) -> list[list[float]]:
        moved: list[list[float]] = self._moved_array(places).tolist()
        return moved

    def _moved_array(self, places: Floats) -> Floats:
        if not self.system.projected:
            return np.asarray(np.round(places, _DEGREE_DECIMALS), np.float64)
        chosen = transformer(STORAGE, proj_name(self.system.uri))
        pair = np.column_stack(chosen.transform(places[:, 0], places[:, 1]))
        return np.asarray(np.round(pair, _METRIC_DECIMALS), np.float64)


def _feature(
    name: str,
    geometry: dict[str, Any],
    time: str,
    values: Mapping[str, Any],
    end: str,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    told = {
        "datetime": time,
        "parameter-name": list(values if names is None else names),
        "label": name,
        "edrqueryendpoint": end,
    }
    properties = {**told, **values}
    return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}
