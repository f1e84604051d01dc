"""What an algorithm gave, as the bytes that go out: JSON, GeoJSON, CSV or plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import orjson
import shapely

from analytics.algorithm import CSV, GEOJSON, TEXT, Algorithm, Inputs, Outputs
from analytics.table import Table
from layers.export import csv_cell
from layers.store.jobs import Result

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
# All outputs of one run together.
MOST_BYTES = 256 * 1024 * 1024


class ResultTooLargeError(Exception):
    """What a run gave is more than is kept."""


def encode(
    algorithm: Algorithm, inputs: Inputs, outputs: Outputs, media: Mapping[str, str]
) -> dict[str, Result]:
    """Write outputs in the media types that are wanted.

    Parameters
    ----------
    media : media type of each wanted output by name; what a run did not give is left out.

    Raises
    ------
    ResultTooLargeError
        where they are larger together than `MOST_BYTES`.
    """
    written: dict[str, Result] = {}
    size = 0
    for name, kind in media.items():
        if name in outputs:
            body = _bytes(outputs[name], kind, algorithm.provenance(inputs))
            size += len(body)
            if size > MOST_BYTES:
                raise ResultTooLargeError(f"the result has more than {MOST_BYTES >> 20} MiB")
            written[name] = Result(kind, body)
    return written


def _bytes(value: Any, media: str, provenance: dict[str, Any]) -> bytes:
    if isinstance(value, Table):
        return _csv(value) if media == CSV else _geojson(value, provenance)
    if media == TEXT:
        return str(value).encode()
    if media == GEOJSON and isinstance(value, dict):
        value = value | {"provenance": provenance}
    return orjson.dumps(value, option=_OPTIONS)


def _geojson(table: Table, provenance: dict[str, Any]) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": fid,
            "geometry": None if text is None else orjson.Fragment(text),
            "properties": row,
        }
        for fid, text, row in zip(table.ids, table.geometry_texts(), table.rows(), strict=True)
    ]
    document = {"type": "FeatureCollection", "features": features, "provenance": provenance}
    return orjson.dumps(document, option=_OPTIONS)


def _csv(table: Table) -> bytes:
    """UTF-8 with a mark, nothing that runs as a formula; geometries as ``wkt``, lon/lat."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    names = [*table.columns]
    shapes: list[tuple[str, ...]] = [()] * len(table)
    if table.geometries is not None:
        names.append("wkt")
        shapes = [(text,) for text in shapely.to_wkt(table.geometries, rounding_precision=7)]
    writer.writerow(names)
    for row, shape in zip(table.rows(), shapes, strict=True):
        writer.writerow([*(csv_cell(_plain(value)) for value in row.values()), *shape])
    return out.getvalue().encode("utf-8-sig")


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
