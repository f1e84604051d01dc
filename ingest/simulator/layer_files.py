"""Writing layers as files that any GIS reads: GeoJSON and GeoPackage, byte by byte the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyogrio
import shapely

from ingest.simulator.elements import LayerRows
from ingest.simulator.placed import Shapes

_PANDAS = {"integer": "Int64", "number": "Float64", "boolean": "boolean"}


def write_geojson(path: Path, rows: LayerRows) -> None:
    """Write a GeoJSON feature collection (RFC 7946), one feature a line."""
    shapes = shapely.to_geojson(_typed(rows))
    names = list(rows.columns)
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","name":"%s","features":[' % rows.spec.id.encode())
        for number, values in enumerate(zip(*rows.columns.values(), strict=True)):
            properties = {n: v for n, v in zip(names, values, strict=True) if v is not None}
            feature = {
                "type": "Feature",
                "properties": properties,
                "geometry": orjson.Fragment(shapes[number]),
            }
            file.write((b"\n" if number == 0 else b",\n") + orjson.dumps(feature))
        file.write(b"\n]}\n")


def write_gpkg(path: Path, rows: LayerRows, day: date) -> None:
    """Write a GeoPackage, changed on the demo day: equal rows give equal bytes."""
    frame = gpd.GeoDataFrame(
        {name: _series(rows, name, values) for name, values in rows.columns.items()},
        geometry=_typed(rows),
        crs="EPSG:4326",
    )
    path.unlink(missing_ok=True)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{day.isoformat()}T00:00:00.000Z"})
    try:
        pyogrio.write_dataframe(frame, path, layer=rows.spec.id, driver="GPKG")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _series(rows: LayerRows, name: str, values: list[Any]) -> pd.Series:
    kind = rows.spec.property(name).type
    if kind == "json":
        values = [None if v is None else orjson.dumps(v).decode() for v in values]
    return pd.Series(values, dtype=_PANDAS.get(kind, "object"))


def _typed(rows: LayerRows) -> Shapes:
    """Geometries as the declared type: single parts become collections where it says so."""
    if rows.spec.geometry != "MultiPolygon":
        return rows.shapes
    several = [
        shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
        for shape in rows.shapes
    ]
    return np.array(several, object)
