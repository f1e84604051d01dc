"""A result of rows: columns, and a geometry for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

_DECIMALS = 7
FEATURES = {
    "type": "object",
    "format": "geojson-feature-collection",
    "required": ["type", "features"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": {"type": "object"}},
    },
}


@dataclass(frozen=True)
class Table:
    """Rows of a result.

    Attributes
    ----------
    ids : id of each row, n of them.
    columns : n values each, JSON values.
    geometries : EPSG:4326, shape (n,), None where a row has none; None for rows without places.
    """

    ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    geometries: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> list[dict[str, Any]]:
        """Values of each row by column."""
        names = list(self.columns)
        return [
            dict(zip(names, row, strict=True))
            for row in zip(*self.columns.values(), strict=True)
        ] or [{} for _ in self.ids]  # fmt: skip

    def geometry_texts(self) -> list[str | None]:
        """GeoJSON text of each geometry, rounded to about a centimetre."""
        if self.geometries is None:
            return [None] * len(self)
        rounded = shapely.transform(self.geometries, lambda xy: np.round(xy, _DECIMALS))
        return list(shapely.to_geojson(rounded))

    def to_frame(self) -> gpd.GeoDataFrame:
        """The rows as a GeoDataFrame, indexed by id."""
        shapes = np.full(len(self), None) if self.geometries is None else self.geometries
        data = {name: list(values) for name, values in self.columns.items()}
        frame = gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(list(shapes), crs="EPSG:4326"))
        frame.index = list(self.ids)
        return frame
