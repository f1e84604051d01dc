"""Vector files of any format that GDAL knows, through pyogrio, in batches with flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import shapely
from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FieldError, GeometryError

from ingest.gate import Rows
from ingest.gate_geometry import Geometries
from ingest.sources.file import BLOCK_BYTES, SourceError, check_zip, read_text
from layers.spec import LayerSpec

ROWS_AT_ONCE = 10_000
_FAILURES = (DataSourceError, DataLayerError, CRSError, FieldError, GeometryError)
_DEEPEST_JSON = 200
_GZIP = b"\x1f\x8b"
_FEATURE_LIST = re.compile(rb'\s*\[\s*\{\s*"type"\s*:\s*"Feature"')


@dataclass(frozen=True)
class About:
    """What a file says of itself.

    Attributes
    ----------
    crs : its reference system as ``EPSG:4490`` or WKT, None where it names none.
    fields : names of its attributes.
    rows : number of rows, -1 where it does not say.
    """

    crs: str | None
    fields: list[str]
    rows: int


class VectorFile:
    """A vector file, opened for reading.

    Parameters
    ----------
    path : the file; a gzip is unpacked in memory.
    encoding : of its texts, where the file does not say it or says it wrongly.

    Raises
    ------
    SourceError
        for what GDAL can't read, decompression bombs, and JSON nested deeper than 200 levels.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path, self._encoding = path, encoding
        check_zip(path)
        self._from: Any = path
        start = _start(path)
        if start.startswith(_GZIP):
            self._from = read_text(path)
            start = self._from[:BLOCK_BYTES]
        if _FEATURE_LIST.match(start):
            # Some map services give a bare list of features, which GDAL does not read.
            content = self._from if isinstance(self._from, bytes) else read_text(path)
            self._from = b'{"type":"FeatureCollection","features":' + content + b"}"
        if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
            _check_depth(self._from if isinstance(self._from, bytes) else read_text(path), path)
        self.about = self._read_about()

    def _read_about(self) -> About:
        try:
            info = pyogrio.read_info(self._from, encoding=self._encoding)
        except (*_FAILURES, UnicodeDecodeError, RuntimeError, ValueError) as failure:
            raise SourceError(f"{self.path.name} is no vector file: {_said(failure)}") from failure
        return About(info["crs"], [str(name) for name in info["fields"]], int(info["features"]))

    def batches(self, spec: LayerSpec, renamed: Mapping[str, str]) -> Iterator[Rows]:
        """Yield the rows, some thousands at a time.

        Parameters
        ----------
        spec : layer to fill; columns that it doesn't declare are left out of the rows, but stay in
            their raw text.
        renamed : our names to the file's, where they differ.

        Raises
        ------
        SourceError
            where the file breaks off.
        """
        number = 0
        try:
            with pyogrio.open_arrow(
                self._from, encoding=self._encoding, batch_size=ROWS_AT_ONCE, use_pyarrow=True
            ) as (meta, reader):
                geometry = meta["geometry_name"] or "wkb_geometry"
                for batch in reader:
                    yield _rows(pa.Table.from_batches([batch]), geometry, spec, renamed, number)
                    number += batch.num_rows
        except (*_FAILURES, pa.ArrowException, UnicodeDecodeError, RuntimeError) as failure:
            detail = f"{self.path.name} can't be read behind row {number}: {_said(failure)}"
            raise SourceError(detail) from failure


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BLOCK_BYTES)
    except OSError as failure:
        raise SourceError(f"{path} can't be read: {failure.strerror}") from failure


def _check_depth(content: bytes, path: Path) -> None:
    """Refuse JSON nested so deep that readers overflow their stack."""
    codes = np.frombuffer(content, np.uint8)
    step = ((codes == ord("[")) | (codes == ord("{"))).astype(np.int8)
    step -= ((codes == ord("]")) | (codes == ord("}"))).astype(np.int8)
    deepest = int(np.cumsum(step, dtype=np.int64).max(initial=0))
    if deepest > _DEEPEST_JSON and _depth_outside_texts(content) > _DEEPEST_JSON:
        raise SourceError(f"{path.name} is JSON nested more than {_DEEPEST_JSON} levels deep")


def _depth_outside_texts(content: bytes) -> int:
    depth = deepest = 0
    inside = escaped = False
    for code in content:
        if inside:
            inside = escaped or code != ord('"')
            escaped = not escaped and code == ord("\\")
        elif code == ord('"'):
            inside = True
        elif code in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif code in b"]}":
            depth -= 1
    return deepest


def _rows(
    table: pa.Table, geometry: str, spec: LayerSpec, renamed: Mapping[str, str], number: int
) -> Rows:
    geometries: Geometries = np.full(table.num_rows, None, object)
    if geometry in table.column_names:
        wkb = np.array(table[geometry].to_pylist(), object)
        geometries = np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), object)
        table = table.drop_columns([geometry])
    attributes = {name: _values(table[name]) for name in table.column_names}
    columns = {}
    for p in spec.properties:
        given = renamed.get(p.name, p.name)
        if given in attributes:
            columns[p.name] = attributes[given]
    numbers = range(number + 1, number + table.num_rows + 1)
    return Rows(numbers, columns, geometries, lambda i: _feature(attributes, geometries[i], i))


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return list(column.to_pylist())


def _feature(attributes: dict[str, list[Any]], geometry: Any, row: int) -> str:
    shape = None
    if geometry is not None and np.isfinite(shapely.get_coordinates(geometry)).all():
        shape = orjson.Fragment(shapely.to_geojson(geometry))
    properties = {name: values[row] for name, values in attributes.items()}
    feature = {"type": "Feature", "properties": properties, "geometry": shape}
    try:
        return orjson.dumps(feature, default=str).decode()
    except TypeError:
        feature["properties"] = {name: repr(value) for name, value in properties.items()}
        return orjson.dumps(feature).decode()


def _said(failure: Exception) -> str:
    return " ".join(str(failure).split())[:500]
