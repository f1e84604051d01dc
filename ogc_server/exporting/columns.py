"""Rows as published columns: Arrow batches with readable cells, in the system that was asked for.

Coordinates in columns are always x, y, as GeoParquet, GeoArrow and FlatGeobuf want them, whatever
the order of the axes in the system's register.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj
import shapely

from layers.crs import project
from layers.h3grid import format_cell
from layers.spec import LayerSpec
from ogc_server.parameters import ItemsRequest
from ogc_server.places import CELL
from ogc_server.reference import CRS84, proj_name

GEOMETRY = "geometry"


class Columns:
    """Published columns of one request.

    Parameters
    ----------
    request : names layer, properties and system.
    schema : of the store's batches (see `layers.store.Store.batches`).

    Attributes
    ----------
    schema : of the published columns; geometry carries the extension type ``geoarrow.wkb``.
    geometry : whether there is one.
    """

    def __init__(self, request: ItemsRequest, schema: pa.Schema) -> None:
        self.geometry = GEOMETRY in schema.names
        self._crs = request.crs
        self._names = [name for name in schema.names if name not in ("fid", GEOMETRY)]
        fields = [_field(request.spec, schema.field(name)) for name in self._names]
        if self.geometry:
            said = {"crs": json.loads(projjson(self._crs)), "crs_type": "projjson"}
            metadata = {
                "ARROW:extension:name": "geoarrow.wkb",
                "ARROW:extension:metadata": json.dumps(said),
            }
            fields.append(pa.field(GEOMETRY, pa.binary(), metadata=metadata))
        self.schema = pa.schema(fields)

    def shapes(self, batch: pa.RecordBatch) -> npt.NDArray[np.object_]:
        """Shapely geometries of a batch in the request's system, shape (n,); None kept."""
        bodies = np.asarray(batch.column(GEOMETRY).to_pylist(), object)
        found = np.asarray(shapely.from_wkb(bodies), object)
        return found if self._crs == CRS84 else project(found, proj_name(self._crs))

    def published(
        self, batch: pa.RecordBatch, shapes: npt.NDArray[np.object_] | None = None
    ) -> pa.RecordBatch:
        """Return the published columns of a batch.

        Parameters
        ----------
        shapes : geometries of the batch, where they are known already.
        """
        arrays = [_readable(name, batch.column(name)) for name in self._names]
        if self.geometry and self._crs == CRS84:
            arrays.append(batch.column(GEOMETRY))
        elif self.geometry:
            moved = self.shapes(batch) if shapes is None else shapes
            arrays.append(pa.array(shapely.to_wkb(moved), pa.binary()))
        return pa.record_batch(arrays, schema=self.schema)


def _field(spec: LayerSpec, field: pa.Field) -> pa.Field:
    unit = next((p.unit for p in spec.properties if p.name == field.name), None)
    kind = pa.string() if field.name == CELL else field.type
    return pa.field(field.name, kind, metadata={"unit": unit} if unit else None)


def _readable(name: str, column: pa.Array) -> pa.Array:
    if name != CELL:
        return column
    texts = [None if cell is None else format_cell(cell) for cell in column.to_pylist()]
    return pa.array(texts, pa.string())


@lru_cache(maxsize=16)
def projjson(uri: str) -> str:
    """PROJJSON of a published system."""
    name = "OGC:CRS84" if uri == CRS84 else proj_name(uri)
    text: Any = pyproj.CRS.from_user_input(name).to_json()
    return str(text)
