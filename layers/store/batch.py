"""A frame of rows made ready for a store: ids, typed columns, checked geometries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import shapely

from layers.errors import StoreError
from layers.spec import SYSTEM_COLUMNS, LayerSpec, PropertySpec
from layers.store.tables import json_text

Geometries = npt.NDArray[np.object_]
_INT64 = 2**63
_SINGLE_OF = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}
# Numbers of shapely.get_type_id.
_TYPE_IDS = {
    "Point": 0,
    "LineString": 1,
    "Polygon": 3,
    "MultiPoint": 4,
    "MultiLineString": 5,
    "MultiPolygon": 6,
}
_MULTI_MAKER: dict[str, Callable[..., Any]] = {
    "MultiPoint": shapely.multipoints,
    "MultiLineString": shapely.multilinestrings,
    "MultiPolygon": shapely.multipolygons,
}


@dataclass(frozen=True)
class Batch:
    """Rows of one layer as columns.

    Attributes
    ----------
    fids : id of each row, none twice.
    geometries : shapely geometries or None, shape (n,); None for a register.
    columns : values of each declared property, in the order of the declaration. Datetimes are a
        datetime64[ms] array in UTC, json is canonical text, the rest Python values or None.
    jurisdictions : codes as given, or None where the store finds them.
    """

    fids: list[str]
    geometries: Geometries | None
    columns: list[Any]
    jurisdictions: list[str | None] | None

    def part(self, start: int, stop: int) -> Batch:
        """Rows from ``start`` up to ``stop``."""
        return Batch(
            self.fids[start:stop],
            None if self.geometries is None else self.geometries[start:stop],
            [column[start:stop] for column in self.columns],
            None if self.jurisdictions is None else self.jurisdictions[start:stop],
        )


def make_batch(spec: LayerSpec, rows: pd.DataFrame) -> Batch:
    """Check a frame against the layer's declaration.

    Parameters
    ----------
    spec : the layer.
    rows : see `layers.store.base.Transaction.upsert`.

    Raises
    ------
    StoreError
        naming the column and, where one row is wrong, its id.
    """
    active = rows.geometry.name if _places(rows) else None
    declared = {p.name for p in spec.properties}
    extra = [str(c) for c in rows.columns if c not in declared and c not in SYSTEM_COLUMNS]
    extra = [c for c in extra if c != active]
    if extra:
        raise StoreError(f"layer '{spec.id}' declares no {', '.join(sorted(extra))}")
    fids = _fids(spec, rows)
    columns = [
        _column(spec, p, rows[p.name], fids) if p.name in rows else _nothing(p, len(fids))
        for p in spec.properties
    ]
    given = None
    if "jurisdiction" in rows:
        missing = rows["jurisdiction"].isna()
        given = [None if m else str(v) for v, m in zip(rows["jurisdiction"], missing, strict=True)]
    return Batch(fids, _geometries(spec, rows, fids), columns, given)


def _places(rows: pd.DataFrame) -> bool:
    return isinstance(rows, gpd.GeoDataFrame) and rows.active_geometry_name is not None


def _fids(spec: LayerSpec, rows: pd.DataFrame) -> list[str]:
    if spec.id_field not in rows:
        raise StoreError(f"layer '{spec.id}': the id column '{spec.id_field}' is missing")
    series = rows[spec.id_field]
    missing = np.flatnonzero(series.isna().to_numpy())
    if len(missing):
        raise StoreError(f"layer '{spec.id}': row {missing[0]} has no '{spec.id_field}'")
    fids = [v if isinstance(v, str) else _id_text(v) for v in series.tolist()]
    if len(set(fids)) != len(fids):
        seen: set[str] = set()
        for fid in fids:
            if fid in seen:
                raise StoreError(f"layer '{spec.id}': id {fid!r} comes twice in the batch")
            seen.add(fid)
    if "" in fids:
        raise StoreError(f"layer '{spec.id}': row {fids.index('')} has an empty '{spec.id_field}'")
    return fids


def _id_text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _nothing(p: PropertySpec, n: int) -> Any:
    return np.full(n, "NaT", "datetime64[ms]") if p.type == "datetime" else [None] * n


def _column(spec: LayerSpec, p: PropertySpec, series: pd.Series[Any], fids: list[str]) -> Any:
    readers = {
        "string": _strings,
        "integer": _integers,
        "number": _numbers,
        "boolean": _booleans,
        "date": _dates,
        "datetime": _datetimes,
        "json": _nested,
    }
    try:
        return readers[p.type](series, fids)
    except _WrongValueError as wrong:
        raise StoreError(
            f"layer '{spec.id}', row {wrong.fid!r}, '{p.name}': "
            f"expected {p.type}, found {wrong.value!r}"
        ) from None


class _WrongValueError(ValueError):
    def __init__(self, fid: str, value: Any) -> None:
        self.fid, self.value = fid, value
        super().__init__(fid)


def _present(series: pd.Series[Any]) -> list[Any]:
    """Values with None for every kind of missing."""
    missing = series.isna()
    values: list[Any] = series.tolist()
    if missing.any():
        return [None if m else v for v, m in zip(values, missing.tolist(), strict=True)]
    return values


def _strings(series: pd.Series[Any], fids: list[str]) -> list[str | None]:
    values = _present(series)
    for fid, value in zip(fids, values, strict=True):
        if value is not None and not isinstance(value, str):
            raise _WrongValueError(fid, value)
    _check_text(values, fids)
    return values


def _check_text(values: Sequence[str | None], fids: list[str]) -> None:
    """NUL ends a text for some back ends and lone surrogates are no Unicode."""
    try:
        if b"\x00" not in "".join(v for v in values if v).encode():
            return
    except UnicodeEncodeError:
        pass
    for fid, value in zip(fids, values, strict=True):
        if value and ("\x00" in value or any("\ud800" <= c <= "\udfff" for c in value)):
            raise _WrongValueError(fid, value)


def _integers(series: pd.Series[Any], fids: list[str]) -> list[int | None]:
    values = _present(series)
    if series.dtype.kind == "i":
        return values
    for i, value in enumerate(values):
        if (type(value) is int and -_INT64 <= value < _INT64) or value is None:
            continue
        whole = (
            not isinstance(value, bool | np.bool_ | str)
            and isinstance(value, int | float | np.number)
            and float(value).is_integer()
            and -_INT64 <= int(value) < _INT64
        )
        if not whole:
            raise _WrongValueError(fids[i], value)
        values[i] = int(value)
    return values


def _numbers(series: pd.Series[Any], fids: list[str]) -> list[float | None]:
    if series.dtype.kind == "f":
        array = series.to_numpy(np.float64)
        if np.isinf(array).any():
            worst = int(np.flatnonzero(np.isinf(array))[0])
            raise _WrongValueError(fids[worst], array[worst])
        return [None if v != v else v for v in array.tolist()]
    values = _present(series)
    for i, value in enumerate(values):
        if value is None:
            continue
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
            raise _WrongValueError(fids[i], value)
        values[i] = float(value)
        if not np.isfinite(values[i]):
            raise _WrongValueError(fids[i], value)
    return values


def _booleans(series: pd.Series[Any], fids: list[str]) -> list[bool | None]:
    values = _present(series)
    for i, value in enumerate(values):
        if value is not None and not isinstance(value, bool | np.bool_):
            raise _WrongValueError(fids[i], value)
        values[i] = None if value is None else bool(value)
    return values


def _dates(series: pd.Series[Any], fids: list[str]) -> list[date | None]:
    values = _present(series)
    for i, value in enumerate(values):
        if isinstance(value, datetime):
            values[i] = value.date()
        elif isinstance(value, str):
            try:
                values[i] = date.fromisoformat(value)
            except ValueError:
                raise _WrongValueError(fids[i], value) from None
        elif value is not None and not isinstance(value, date):
            raise _WrongValueError(fids[i], value)
    return values


def _datetimes(series: pd.Series[Any], fids: list[str]) -> npt.NDArray[np.datetime64]:
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        values = _present(series)
        for i, value in enumerate(values):
            if isinstance(value, str):
                try:
                    values[i] = datetime.fromisoformat(value)
                except ValueError:
                    raise _WrongValueError(fids[i], value) from None
            if values[i] is not None and (
                not isinstance(values[i], datetime) or values[i].tzinfo is None
            ):
                raise _WrongValueError(fids[i], value)
        series = pd.Series(pd.to_datetime(pd.Series(values, dtype=object), utc=True))
    utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
    array: npt.NDArray[np.datetime64] = utc.to_numpy().astype("datetime64[ms]")
    return array


def _nested(series: pd.Series[Any], fids: list[str]) -> list[str | None]:
    texts: list[str | None] = []
    for fid, value in zip(fids, series.tolist(), strict=True):
        if value is None or (isinstance(value, float) and np.isnan(value)):
            texts.append(None)
            continue
        try:
            parsed = orjson.loads(value) if isinstance(value, str | bytes) else value
            texts.append(json_text(_plain(parsed)))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            raise _WrongValueError(fid, value) from None
    if any(text and "\\u0000" in text for text in texts):
        worst = next(i for i, text in enumerate(texts) if text and "\\u0000" in text)
        raise _WrongValueError(fids[worst], texts[worst])
    return texts


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _geometries(spec: LayerSpec, rows: pd.DataFrame, fids: list[str]) -> Geometries | None:
    if not _places(rows):
        return None if not spec.has_geometry else np.full(len(rows), None, object)
    assert isinstance(rows, gpd.GeoDataFrame)
    geometries = np.asarray(rows.geometry.array, object)
    absent = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    if not spec.has_geometry:
        if not absent.all():
            raise StoreError(f"layer '{spec.id}' is a register, its rows have no geometry")
        return None
    if rows.crs is not None and rows.crs != "EPSG:4326":
        raise StoreError(f"layer '{spec.id}': geometry is in {rows.crs.name}, expected EPSG:4326")
    if shapely.has_z(geometries).any():
        geometries = shapely.force_2d(geometries)
    geometries = geometries.copy()
    geometries[absent] = None
    finite = np.isfinite(shapely.bounds(geometries)).all(axis=1) | absent
    if not finite.all():
        worst = int(np.flatnonzero(~finite)[0])
        raise StoreError(f"layer '{spec.id}', row {fids[worst]!r}: coordinates are not finite")
    return _as_declared(spec, geometries, fids)


def _as_declared(spec: LayerSpec, geometries: Geometries, fids: list[str]) -> Geometries:
    """Make single geometries multiple where the layer says so, and the other way for one part."""
    wanted = spec.geometry
    if wanted == "Geometry":
        return geometries
    kinds = shapely.get_type_id(geometries)
    for i in np.flatnonzero((kinds != _TYPE_IDS[wanted]) & (kinds >= 0)).tolist():
        g, kind = geometries[i], geometries[i].geom_type
        if _SINGLE_OF.get(kind) == wanted:
            geometries[i] = _MULTI_MAKER[wanted]([g])
        elif _SINGLE_OF.get(wanted) == kind and len(g.geoms) == 1:
            geometries[i] = g.geoms[0]
        else:
            raise StoreError(f"layer '{spec.id}', row {fids[i]!r}: expected {wanted}, found {kind}")
    return geometries
