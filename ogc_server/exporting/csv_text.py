"""Rows as CSV (RFC 4180) for spreadsheets: UTF-8 with a mark, nothing that runs as a formula."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from layers.export import csv_cell
from layers.store import Page
from ogc_server.parameters import ItemsRequest
from ogc_server.places import readable_rows
from ogc_server.reference import texts_in
from ogc_server.times import write_instant

CSV = "text/csv; charset=utf-8"


def csv_text(request: ItemsRequest, page: Page, *, head: bool = True) -> bytes:
    """Write a page as CSV.

    Points come as the columns ``x`` and ``y``, other geometries as ``wkt``, both in the request's
    CRS and its order of axes. Nested values are JSON.

    Parameters
    ----------
    head : whether the mark of UTF-8 and the names of the columns come first.
    """
    names, places = _places(request, page)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if head:
        writer.writerow([*page.names, *names])
    for row, place in zip(readable_rows(page), places, strict=True):
        writer.writerow([*(_cell(value) for value in row), *place])
    return out.getvalue().encode("utf-8-sig" if head else "utf-8")


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    return csv_cell(write_instant(value) if isinstance(value, datetime) else value)


def _places(request: ItemsRequest, page: Page) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    if not request.spec.has_geometry or request.query.skip_geometry:
        return (), [()] * len(page.rows)
    texts = np.asarray(texts_in(page.geometries, request.crs), object)
    shapes = shapely.from_geojson(texts) if len(texts) else texts
    if request.spec.geometry != "Point":
        return ("wkt",), [(text,) for text in shapely.to_wkt(shapes, rounding_precision=7)]
    pairs = zip(shapely.get_x(shapes).tolist(), shapely.get_y(shapes).tolist(), strict=True)
    return ("x", "y"), [pair if pair[0] == pair[0] else (None, None) for pair in pairs]
