"""A layer written to a file that any GIS opens; rows are streamed, memory stays flat."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from layers.query import Query
from layers.spec import LayerSpec
from layers.store import Store

Format = Literal["geojson", "gpkg", "parquet", "csv"]


def export(store: Store, spec: LayerSpec, query: Query, file: Path, format: Format) -> int:
    """Write the rows that a query finds.

    Parameters
    ----------
    file : is replaced, and appears only when it is complete.
    format : geojson (RFC 7946), gpkg, parquet (GeoParquet 1.1, WKB) or csv (geometry as WKT).

    Returns
    -------
    number of rows written.
    """
    writers: dict[str, Callable[[Iterator[gpd.GeoDataFrame], LayerSpec, Path], int]] = {
        "geojson": _geojson,
        "gpkg": _geopackage,
        "parquet": _geoparquet,
        "csv": _csv,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part{file.suffix}")
    part.unlink(missing_ok=True)
    try:
        rows = writers[format](store.frames(query), spec, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _properties(frame: gpd.GeoDataFrame, spec: LayerSpec) -> pd.DataFrame:
    return pd.DataFrame({p.name: frame[p.name] for p in spec.properties}, index=frame.index)


def _plain(value: Any) -> Any:
    """A value as JSON has it: missing is null, times are RFC 3339 in UTC."""
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    return value.item() if hasattr(value, "item") else value


def _records(frame: gpd.GeoDataFrame, spec: LayerSpec) -> Iterator[dict[str, Any]]:
    names = [p.name for p in spec.properties]
    for row in zip(*(frame[name] for name in names), strict=True):
        yield {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _geojson(frames: Iterator[gpd.GeoDataFrame], spec: LayerSpec, file: Path) -> int:
    rows = 0
    with file.open("wb") as out:
        out.write(b'{"type":"FeatureCollection","features":[')
        for frame in frames:
            texts = shapely.to_geojson(frame.geometry.to_numpy())
            for fid, text, record in zip(frame["fid"], texts, _records(frame, spec), strict=True):
                feature = {
                    "type": "Feature",
                    "id": fid,
                    "geometry": orjson.Fragment(text) if text else None,
                    "properties": record,
                }
                out.write(b",\n" if rows else b"\n")
                out.write(orjson.dumps(feature, default=str))
                rows += 1
        out.write(b"\n]}\n")
    return rows


def _geopackage(frames: Iterator[gpd.GeoDataFrame], spec: LayerSpec, file: Path) -> int:
    rows = 0
    for frame in frames:
        table = _properties(frame, spec)
        for p in spec.properties:
            if p.type == "json":
                table[p.name] = [None if v is None else json.dumps(v) for v in table[p.name]]
        out = gpd.GeoDataFrame(table, geometry=frame.geometry.array, crs="EPSG:4326")
        kind = spec.geometry if spec.has_geometry else None
        options = {"geometry_type": "Unknown" if kind == "Geometry" else kind} if kind else {}
        pyogrio.write_dataframe(
            out if kind else table, file, layer=spec.id, driver="GPKG", append=rows > 0, **options
        )
        rows += len(out)
    return rows


def _geoparquet(frames: Iterator[gpd.GeoDataFrame], spec: LayerSpec, file: Path) -> int:
    rows, writer = 0, None
    # An absent CRS means OGC:CRS84 in GeoParquet.
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": []}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    try:
        for frame in frames:
            table = pa.table({p.name: _arrow(frame[p.name], p.type) for p in spec.properties})
            if spec.has_geometry:
                wkb = pa.array(shapely.to_wkb(frame.geometry.to_numpy()), pa.binary())
                table = table.append_column("geometry", wkb)
                table = table.replace_schema_metadata({"geo": json.dumps(geo)})
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        schema = pa.schema([(p.name, _ARROW[p.type]) for p in spec.properties])
        pq.write_table(schema.empty_table(), file)
    return rows


_ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms", tz="UTC"),
    "json": pa.string(),
}


def _arrow(values: pd.Series[Any], kind: str) -> pa.Array:
    plain: list[Any] = [None if _plain(v) is None else v for v in values]
    if kind == "json":
        plain = [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in plain]
    elif kind == "integer":
        plain = [None if v is None else int(v) for v in plain]
    return pa.array(plain, _ARROW[kind], from_pandas=True)


def _csv(frames: Iterator[gpd.GeoDataFrame], spec: LayerSpec, file: Path) -> int:
    names = [p.name for p in spec.properties]
    rows = 0
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*names, "wkt"] if spec.has_geometry else names)
        for frame in frames:
            places = shapely.to_wkt(frame.geometry.to_numpy()) if spec.has_geometry else None
            for number, record in enumerate(_records(frame, spec)):
                cells = [csv_cell(record[name]) for name in names]
                writer.writerow([*cells, places[number]] if places is not None else cells)
            rows += len(frame)
    return rows


def csv_cell(value: Any) -> Any:
    """Give a value as CSV holds it: nested ones as JSON, texts so that no spreadsheet runs them."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    # A leading formula sign would be run by spreadsheet programs that open the file.
    if (
        isinstance(value, str)
        and value[:1] in ("=", "+", "-", "@", "\t", "\r")
        and not _is_number(value)
    ):
        return "'" + value
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
