"""Rows as GeoJSON features (RFC 7946), a page at once: columns are turned, not single values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from layers.spec import LayerSpec, PropertyType
from layers.store import gpb
from layers.store.order import kind_of
from layers.store.tables import parse_instant

_OPTIONS = orjson.OPT_UTC_Z
_WHOLE_SECONDS = ".000Z"
_INSTANT_LENGTH = len("2020-06-30T19:42:20.000Z")
_NEWLINE = orjson.Fragment(b"\n")
_TRUTH = {0: False, 1: True}
_WKB_POINT = b"\x01\x01\x00\x00\x00"
_WKB_POINT_BYTES = len(_WKB_POINT) + 16
CELL = "h3"
Turn = Callable[[Sequence[Any]], Sequence[Any]]


class FeatureText(ABC):
    """Writes rows of one layer as features.

    Parameters
    ----------
    spec : the layer.
    names : properties to write, in this order; the system column ``h3`` goes out as hexadecimal.
    geometry : whether rows come with their geometry.
    """

    def __init__(self, spec: LayerSpec, names: Sequence[str], geometry: bool) -> None:
        self.names, self.geometry = tuple(names), geometry
        kinds = [(name, kind_of(spec, name)) for name in names]
        turns = [_cells if name == CELL else self._turn(kind) for name, kind in kinds]
        self._turns = [(i, turn) for i, turn in enumerate(turns) if turn is not None]

    @abstractmethod
    def _turn(self, kind: PropertyType) -> Turn | None:
        """Return what makes JSON values of the driver's; None where they are."""

    @abstractmethod
    def _shapes(self, values: Sequence[Any]) -> Sequence[Any]:
        """Geometries as orjson writes them: 7 decimals (about 1 cm), lon/lat; None for None."""

    def texts(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """Text of each row.

        Parameters
        ----------
        rows : fid, the geometry if there is one, then the values of the properties.
        """
        features = self._features(rows)
        if not features:
            return []
        # One call for all is ten times faster than one for each. JSON text holds no bare newline.
        parted = [part for feature in features for part in (feature, _NEWLINE)]
        return orjson.dumps(parted, option=_OPTIONS)[1:-3].split(b",\n,")

    def joined(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """Text of all rows (see `texts`), as the inside of a JSON array."""
        return orjson.dumps(self._features(rows), option=_OPTIONS)[1:-1]

    def _features(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        if not rows:
            return []
        fids, *columns = zip(*rows, strict=True)
        shapes: Sequence[Any] = [None] * len(fids)
        if self.geometry:
            shapes = self._shapes(columns.pop(0))
        for i, turn in self._turns:
            columns[i] = tuple(turn(columns[i]))
        values = zip(*columns, strict=True) if columns else [()] * len(fids)
        names = self.names
        return [
            {
                "type": "Feature",
                "id": fid,
                "geometry": shape,
                "properties": dict(zip(names, row, strict=True)),
            }
            for fid, shape, row in zip(fids, shapes, values, strict=True)
        ]


class GeoPackageText(FeatureText):
    """Values as sqlite3 gives them: times and nested values are text, truth is a number."""

    def _turn(self, kind: PropertyType) -> Turn | None:
        turns: dict[str, Turn] = {
            "boolean": lambda values: [_TRUTH.get(value) for value in values],
            "datetime": lambda values: [_instant(value) for value in values],
            "json": lambda values: [v if v is None else orjson.loads(v) for v in values],
        }
        return turns.get(kind)

    def _shapes(self, values: Sequence[Any]) -> Sequence[Any]:
        points = _points(values, gpb.PLAIN_POINT, gpb.POINT_BYTES)
        return _fragments(gpb.geojson(values)) if points is None else points


class PostgisText(FeatureText):
    """Values as psycopg gives them: points as WKB, other geometries and nested values as text."""

    def __init__(self, spec: LayerSpec, names: Sequence[str], geometry: bool) -> None:
        super().__init__(spec, names, geometry)
        self._points = spec.geometry == "Point"

    def _turn(self, kind: PropertyType) -> Turn | None:
        return _fragments if kind == "json" else None

    def _shapes(self, values: Sequence[Any]) -> Sequence[Any]:
        if not self._points:
            return _fragments(values)
        points = _points(values, _WKB_POINT, _WKB_POINT_BYTES)
        return _fragments(gpb.geojson_of_wkb(values)) if points is None else points


def _points(values: Sequence[bytes | None], head: bytes, size: int) -> list[dict[str, Any]] | None:
    """Points of blobs that all are ``head`` and two little-endian floats; None if one isn't."""
    whole = b"".join([value or b"" for value in values])
    if len(whole) != size * len(values):
        return None
    rows = np.frombuffer(whole, np.uint8).reshape(-1, size)
    if not (rows[:, : len(head)] == np.frombuffer(head, np.uint8)).all():
        return None
    xy = np.ascontiguousarray(rows[:, len(head) :]).view("<f8")
    pairs = np.round(xy, gpb.DECIMALS).tolist()
    return [{"type": "Point", "coordinates": pair} for pair in pairs]


def _fragments(texts: Sequence[str | None]) -> Sequence[Any]:
    return [None if text is None else orjson.Fragment(text) for text in texts]


def _cells(values: Sequence[int | None]) -> Sequence[str | None]:
    return [None if value is None else f"{value:x}" for value in values]


def _instant(text: str | None) -> str | datetime | None:
    """Write a stored time as `datetime` would be: no fraction where it is zero, else six digits."""
    if text is None:
        return None
    if len(text) != _INSTANT_LENGTH or text[-1] != "Z" or text[19] != ".":
        return parse_instant(text)
    return text[:19] + "Z" if text[19:] == _WHOLE_SECONDS else text[:-1] + "000Z"
