"""CSV tables to rows of any layer: registers, and points with two columns of coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from ingest.decoders.table import Chunk
from ingest.gate import Rows
from ingest.gate_geometry import Geometries
from layers.spec import LayerSpec

WKT = "wkt"
LON, LAT = "lon", "lat"


def required_columns(spec: LayerSpec) -> list[str]:
    """Columns that a table must have to fill a layer."""
    return [p.name for p in spec.properties if p.required or p.name == spec.id_field]


def rows_of(chunk: Chunk, spec: LayerSpec) -> Rows:
    """Convert a chunk for the gate: places from ``wkt``, or ``lon`` and ``lat`` in its CRS."""
    columns = {name: values for name, values in chunk.columns.items() if name in _names(spec)}
    geometries = _geometries(chunk) if spec.has_geometry else None
    return Rows(chunk.numbers, columns, geometries, chunk.raws.__getitem__)


def _names(spec: LayerSpec) -> set[str]:
    return {p.name for p in spec.properties}


def _geometries(chunk: Chunk) -> Geometries:
    if WKT in chunk.columns:
        texts = np.array([text.strip() or None for text in chunk.columns[WKT]], object)
        return np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), object)
    geometries = np.full(len(chunk.numbers), None, object)
    if LON not in chunk.columns or LAT not in chunk.columns:
        return geometries
    for row, (x, y) in enumerate(
        zip(_numbers(chunk.columns[LON]), _numbers(chunk.columns[LAT]), strict=True)
    ):
        if x is not None and y is not None:
            geometries[row] = shapely.Point(x, y)
    return geometries


def _numbers(texts: Sequence[str]) -> list[float | None]:
    found: list[float | None] = []
    for text in texts:
        try:
            found.append(float(text))
        except ValueError:
            found.append(None)
    return found
