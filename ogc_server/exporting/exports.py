"""Whole layers in one answer: each format as pieces made of rows as they come from the store.

No format holds more than a part of the rows: memory is the same for a thousand rows and for a
million. All pieces of an answer are one state of the layer.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import shapely
from starlette.responses import Response

from layers.store import Store
from ogc_server.answers import streamed
from ogc_server.asked import Asked
from ogc_server.exporting.columns import GEOMETRY, Columns, projjson
from ogc_server.exporting.csv_text import csv_text
from ogc_server.negotiation import WHOLE_FORMATS
from ogc_server.parameters import ItemsRequest
from ogc_server.places import readable_rows
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.reference import CRS84, proj_name, texts_in

_ROW_GROUP = 60_000
_FILE_PIECE = 1 << 20
_RECORD = b"\x1e"
# By GEOS' numbers; 2, a ring, is never stored.
_TYPES = (
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)
# Each holds a connection to the store for as long as its reader takes.
MOST_AT_ONCE = 8
RUNNING = BoundedSemaphore(MOST_AT_ONCE)
Pieces = Generator[bytes, None, None]


@dataclass(frozen=True)
class Export:
    """One format.

    Attributes
    ----------
    media : media type.
    suffix : of a file's name.
    title : for people.
    pieces : the whole answer in pieces.
    """

    media: str
    suffix: str
    title: str
    pieces: Callable[[Store, ItemsRequest], Pieces]


class _Sink:
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0
        self.closed = False

    def write(self, part: Any) -> int:
        """Keep a part; return its length."""
        kept = bytes(part)
        self._parts.append(kept)
        self._at += len(kept)
        return len(kept)

    def tell(self) -> int:
        """Return how much was written."""
        return self._at

    def flush(self) -> None:
        """Nothing lies behind."""

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _csv(store: Store, request: ItemsRequest) -> Pieces:
    """CSV (RFC 4180)."""
    head = True
    for page in store.pages(request.query):
        yield csv_text(request, page, head=head)
        head = False


def _geojsonseq(store: Store, request: ItemsRequest) -> Pieces:
    """GeoJSON text sequence (RFC 8142)."""
    dumps, fragment = orjson.dumps, orjson.Fragment
    for page in store.pages(request.query):
        shapes = texts_in(page.geometries, request.crs)
        yield b"".join(
            _RECORD
            + dumps(
                {
                    "type": "Feature",
                    "id": fid,
                    "geometry": None if shape is None else fragment(shape),
                    "properties": dict(zip(page.names, row, strict=True)),
                },
                option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
            )
            for fid, shape, row in zip(page.fids, shapes, readable_rows(page), strict=True)
        )


def _arrow(store: Store, request: ItemsRequest) -> Pieces:
    """Arrow IPC stream; geometry as ``geoarrow.wkb``."""
    sink, writer, columns = _Sink(), None, None
    for batch in store.batches(request.query):
        columns = columns or Columns(request, batch.schema)
        writer = writer or pa.ipc.new_stream(sink, columns.schema)
        if batch.num_rows:
            writer.write_batch(columns.published(batch))
        yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()


def _parquet(store: Store, request: ItemsRequest) -> Pieces:
    """GeoParquet 1.1: WKB, and a column of boxes by which readers skip row groups."""
    sink, writer, columns = _Sink(), None, None
    boxes = _Boxes()
    for batch in store.batches(request.query, _ROW_GROUP):
        columns = columns or Columns(request, batch.schema)
        shapes = columns.shapes(batch) if columns.geometry else None
        part = columns.published(batch, shapes)
        if shapes is not None:
            part = boxes.added(part, shapes)
        writer = writer or pq.ParquetWriter(sink, part.schema, compression="zstd")
        if batch.num_rows:
            writer.write_batch(part)
        yield sink.taken()
    if writer is not None and columns is not None:
        if columns.geometry:
            writer.add_key_value_metadata({"geo": json.dumps(boxes.metadata(request.crs))})
        writer.close()
    yield sink.taken()


class _Boxes:
    """Boxes and types of the geometries that were written."""

    def __init__(self) -> None:
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self._types: set[str] = set()
        self._name = "bbox"

    def added(self, part: pa.RecordBatch, shapes: npt.NDArray[np.object_]) -> pa.RecordBatch:
        """Return columns with a column of boxes."""
        if self._name in part.schema.names:
            self._name = f"geometry_{self._name}"
        bounds = shapely.bounds(shapes).reshape(-1, 4)
        known = ~np.isnan(bounds[:, 0])
        if known.any():
            self._low = np.minimum(self._low, bounds[known, :2].min(axis=0))
            self._high = np.maximum(self._high, bounds[known, 2:].max(axis=0))
        kinds = np.unique(shapely.get_type_id(shapes)).tolist()
        self._types |= {_TYPES[kind] for kind in kinds if kind >= 0}
        names = ["xmin", "ymin", "xmax", "ymax"]
        parts = [pa.array(bounds[:, i], pa.float64()) for i in range(4)]
        boxes = pa.StructArray.from_arrays(parts, names, mask=pa.array(~known))
        schema = part.schema.append(pa.field(self._name, boxes.type))
        return pa.record_batch([*part.columns, boxes], schema=schema)

    def metadata(self, crs: str) -> dict[str, Any]:
        """Return the member ``geo`` of the file's metadata."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self._types),
            "crs": json.loads(projjson(crs)),
            "covering": {
                "bbox": {end: [self._name, end] for end in ("xmin", "ymin", "xmax", "ymax")}
            },
        }
        if np.isfinite(self._low).all():
            column["bbox"] = [*self._low.tolist(), *self._high.tolist()]
        return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


def _flatgeobuf(store: Store, request: ItemsRequest) -> Pieces:
    """FlatGeobuf, written by GDAL to a temporary file and sent from there.

    Without its spatial index, which would need all rows at once and put them in another order.
    """
    folder = Path(tempfile.mkdtemp(prefix="onemap-export-"))
    try:
        file = folder / f"{request.spec.id}.fgb"
        _write_flatgeobuf(store.batches(request.query), request, file)
        with file.open("rb") as written:
            while part := written.read(_FILE_PIECE):
                yield part
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_flatgeobuf(batches: Iterator[pa.RecordBatch], request: ItemsRequest, file: Path) -> None:
    first = next(batches)
    columns = Columns(request, first.schema)

    def published() -> Iterator[pa.RecordBatch]:
        if first.num_rows:
            yield columns.published(first)
        for batch in batches:
            yield columns.published(batch)

    kind = request.spec.geometry
    place: dict[str, Any] = {"geometry_name": None, "geometry_type": None}
    if columns.geometry:
        place = {
            "geometry_name": GEOMETRY,
            "geometry_type": "Unknown" if kind == "Geometry" else kind,
            "crs": "EPSG:4326" if request.crs == CRS84 else proj_name(request.crs),
        }
    pyogrio.raw.write_arrow(
        pa.RecordBatchReader.from_batches(columns.schema, published()),
        file,
        layer=request.spec.id,
        driver="FlatGeobuf",
        layer_options={"SPATIAL_INDEX": "NO"},
        **place,
    )


_WRITERS: dict[str, tuple[str, Callable[[Store, ItemsRequest], Pieces]]] = {
    "csv": ("csv", _csv),
    "geojsonseq": ("geojsons", _geojsonseq),
    "parquet": ("parquet", _parquet),
    "arrow": ("arrows", _arrow),
    "fgb": ("fgb", _flatgeobuf),
}
EXPORTS = {
    name: Export(media, _WRITERS[name][0], title, _WRITERS[name][1])
    for name, (media, title) in WHOLE_FORMATS.items()
}


def exported(asked: Asked, wanted: ItemsRequest, tag: str) -> Response:
    """Answer with all rows of a request, or with as many as its ``limit`` names.

    The first piece is made before the answer begins, so that a question that fails is refused in
    good form.

    Raises
    ------
    RequestError
        400 for a parameter that this format has no use for; 503 while too many exports run.
    """
    if wanted.hits:
        raise bad_parameter("resulttype", "is for GeoJSON and HTML")
    export, spec = EXPORTS[asked.format], wanted.spec
    limit = asked.values.get("limit")
    request = replace(wanted, query=wanted.query.but(limit=None if limit is None else int(limit)))
    headers = {
        "Content_Crs": f"<{wanted.crs}>",
        "Content_Disposition": f'attachment; filename="{spec.id}.{export.suffix}"',
    }
    if asked.request.method == "HEAD":
        # Nobody knows the length of the body before it is made.
        return streamed((), export.media, tag, None, **headers)
    if not RUNNING.acquire(blocking=False):
        raise RequestError(503, "ServerBusy", "too many exports run now; try again in a minute")
    try:
        pieces = export.pieces(asked.catalogue.store, request)
        first = next(pieces)
    except BaseException:
        RUNNING.release()
        raise
    return streamed(chain((first,), pieces), export.media, tag, _Ended(pieces), **headers)


class _Ended:
    """Ends an export, however far it came."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def __call__(self) -> None:
        """Give back what the export held: its connection, its file, its turn."""
        try:
            self._pieces.close()
        finally:
            RUNNING.release()
