"""Spatial SQL functions that shapely does, registered on every SQLite connection.

Geometry arguments are GeoPackage blobs, or a token that `keep` gave for a geometry of a query: then
the geometry is parsed and prepared once instead of for each row.
"""

from __future__ import annotations

import hashlib
import math
import re
import sqlite3
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakValueDictionary

import orjson
import pyproj
import shapely
from shapely.geometry.polygon import orient

from layers.store import gpb

Argument = bytes | str | None

SQL_NAMES = {
    "intersects": "ST_Intersects",
    "within": "ST_Within",
    "contains": "ST_Contains",
    "disjoint": "ST_Disjoint",
    "crosses": "ST_Crosses",
    "touches": "ST_Touches",
    "overlaps": "ST_Overlaps",
    "equals": "ST_Equals",
}
_DIACRITICS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_PREPARED_MOST = 512
_ELLIPSOID = pyproj.Geod(ellps="WGS84")


class Token(str):
    """Stands for a geometry in SQL, and holds its WKB for as long as the statement lives."""

    body: bytes


_kept: WeakValueDictionary[str, Token] = WeakValueDictionary()
_lock = threading.Lock()


class _Prepared(threading.local):
    """Prepared geometries of one thread: GEOS builds their index lazily, unfit for sharing."""

    def __init__(self) -> None:
        self.geometries: OrderedDict[str, shapely.Geometry] = OrderedDict()


_prepared = _Prepared()


def keep(geometry: shapely.Geometry) -> Token:
    """Keep a query's geometry for the functions below; return the token that stands for it.

    The geometry is kept as long as the token is, so that no other query can push it out.
    """
    body = shapely.to_wkb(geometry)
    name = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    with _lock:
        token = _kept.get(name)
        if token is None:
            token = Token(name)
            token.body = body
            _kept[name] = token
    return token


def _geometry(argument: bytes | str) -> shapely.Geometry:
    if isinstance(argument, bytes):
        return gpb.decode_one(argument)
    found = _prepared.geometries.get(argument)
    if found is None:
        with _lock:
            body = _kept[argument].body
        found = shapely.from_wkb(body)
        shapely.prepare(found)
        _prepared.geometries[argument] = found
        while len(_prepared.geometries) > _PREPARED_MOST:
            _prepared.geometries.popitem(last=False)
    return found


# Prepared geometries answer only as the first argument; the other side takes the inverse predicate.
_INVERSE: dict[str, Callable[..., Any]] = {
    "within": shapely.contains,
    "contains": shapely.within,
}


def _relation(predicate: str) -> Callable[[Argument, Argument], bool | None]:
    ahead: Callable[..., Any] = getattr(shapely, predicate)
    behind = _INVERSE.get(predicate, ahead)

    def relate(a: Argument, b: Argument) -> bool | None:
        if a is None or b is None:
            return None
        if isinstance(b, str):
            return bool(behind(_geometry(b), _geometry(a)))
        return bool(ahead(_geometry(a), _geometry(b)))

    return relate


def _meets_box(
    blob: bytes | None, minx: float, miny: float, maxx: float, maxy: float
) -> bool | None:
    if blob is None:
        return None
    box = gpb.bounds_of(blob)
    if box is None or box[0] > maxx or box[2] < minx or box[1] > maxy or box[3] < miny:
        return False
    if box[0] >= minx and box[2] <= maxx and box[1] >= miny and box[3] <= maxy:
        return True
    return bool(shapely.intersects(shapely.box(minx, miny, maxx, maxy), gpb.decode_one(blob)))


def _bound(position: int) -> Callable[[bytes | None], float | None]:
    def bound(blob: bytes | None) -> float | None:
        box = None if blob is None else gpb.bounds_of(blob)
        return None if box is None else box[position]

    return bound


def _is_empty(blob: bytes | None) -> int | None:
    return None if blob is None else int(gpb.bounds_of(blob) is None)


def casei(text: str | None) -> str | None:
    """Text with Unicode case folding."""
    return text.casefold() if isinstance(text, str) else text


def accenti(text: str | None) -> str | None:
    """Text without diacritics: decomposed (NFD), combining marks left out, composed again.

    Only the blocks of combining diacritical marks are left out; the voicing marks of kana, which
    Unicode combines too, make other letters and stay.
    """
    if not isinstance(text, str) or text.isascii():
        return text
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", plain)


def _power(base: float | None, exponent: float | None) -> float | None:
    if base is None or exponent is None:
        return None
    try:
        return math.pow(base, exponent)
    except (ValueError, OverflowError):
        return None


def _modulo(a: float | None, b: float | None) -> float | None:
    # Division by 0 and an infinite dividend have no remainder.
    return None if a is None or not b or not math.isfinite(a) else math.fmod(a, b)


def _round(number: float) -> float:
    """Halves away from zero, as people round; beyond 2**52 every number is whole."""
    if abs(number) >= 2.0**52:
        return number
    whole = math.floor(abs(number))
    return math.copysign(whole + (abs(number) - whole >= 0.5), number)


def _area_m2(blob: bytes) -> float:
    shape = gpb.decode_one(blob)
    areas = [
        abs(_ELLIPSOID.geometry_area_perimeter(orient(part))[0])
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]
    return math.fsum(areas)


def _length_m(blob: bytes) -> float:
    lengths = [
        _ELLIPSOID.geometry_length(line)
        for part in shapely.get_parts(gpb.decode_one(blob))
        if part.geom_type != "Point"
        for line in shapely.get_parts(part.boundary if part.geom_type == "Polygon" else part)
    ]
    return math.fsum(lengths)


def _elements(array: str) -> set[Any] | None:
    """Elements of a JSON array as a set, each with its type; None for what is no array."""
    try:
        read = orjson.loads(array)
    except ValueError:
        return None
    return {_typed(element) for element in read} if isinstance(read, list) else None


def _typed(value: Any) -> Hashable:
    if isinstance(value, list):
        return ("list", *map(_typed, value))
    if isinstance(value, dict):
        return ("object", frozenset((key, _typed(part)) for key, part in value.items()))
    # For Python 1 equals True; JSON tells them apart, but not 1 from 1.0.
    return (isinstance(value, bool), value)


def _array_contains(a: str, b: str) -> bool | None:
    whole, part = _elements(a), _elements(b)
    return None if whole is None or part is None else whole >= part


def _array_overlaps(a: str, b: str) -> bool | None:
    one, other = _elements(a), _elements(b)
    return None if one is None or other is None else not one.isdisjoint(other)


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null for null, as SQL functions are."""

    def answer(*arguments: Any) -> Any:
        return None if None in arguments else function(*arguments)

    return answer


# Functions that filters call, see `layers.store.filter_functions`.
_CALLED: dict[str, tuple[int, Callable[..., Any]]] = {
    "lower": (1, str.lower),
    "upper": (1, str.upper),
    "length": (1, len),
    "abs": (1, abs),
    "floor": (1, lambda number: float(math.floor(number)) if math.isfinite(number) else number),
    "ceil": (1, lambda number: float(math.ceil(number)) if math.isfinite(number) else number),
    "round": (1, _round),
    "area_m2": (1, _area_m2),
    "length_m": (1, _length_m),
    "array_contains": (2, _array_contains),
    "array_overlaps": (2, _array_overlaps),
}


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the spatial functions and those of the GeoPackage R*Tree triggers."""

    def add(name: str, arguments: int, function: Callable[..., Any]) -> None:
        connection.create_function(name, arguments, function, deterministic=True)

    for predicate, name in SQL_NAMES.items():
        add(name, 2, _relation(predicate))
    for position, name in enumerate(("ST_MinX", "ST_MinY", "ST_MaxX", "ST_MaxY")):
        add(name, 1, _bound(position))
    add("ST_IsEmpty", 1, _is_empty)
    add("onemap_meets_box", 5, _meets_box)
    add("onemap_casei", 1, casei)
    add("onemap_accenti", 1, accenti)
    add("onemap_power", 2, _power)
    add("onemap_modulo", 2, _modulo)
    for called, (arguments, function) in _CALLED.items():
        add(f"onemap_{called}", arguments, _strict(function))
