"""The quality gate: what a row must be to get into a layer.

Good rows pass, each bad one is refused with the first thing that is wrong with it; the batch goes
on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd

from ingest.gate_geometry import Fault, Geometries, GeometryGate, distance_m
from ingest.rejects import RefusedRow
from layers.city import City
from layers.feeds import Reject, Tally
from layers.spec import LayerSpec, PropertySpec
from layers.values import parse_value

MAX_TEXT = 64 * 1024
_INT64 = 2**63


@dataclass(frozen=True)
class Rows:
    """Rows as they were read, before anything was checked.

    Attributes
    ----------
    numbers : 1-based line or row number of each row, n of them.
    columns : our names to n values each, texts or numbers.
    geometries : shapely geometries in the file's CRS, shape (n,); None for registers.
    raw : gives the row of an index as text, to be fed again.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    geometries: Geometries | None
    raw: Callable[[int], str]


@dataclass(frozen=True)
class Passed:
    """What came through, and the account of it."""

    frame: gpd.GeoDataFrame
    tally: Tally
    rejects: list[Reject]


class Gate:
    """Checks the rows of one input against one layer's declaration.

    Parameters
    ----------
    city, spec : what is declared.
    feed : kind of input, for the rejects.
    file : name of the input.
    crs : reference system of the geometries as they come.
    zone : zone of times written without one; None refuses such times.
    """

    def __init__(
        self,
        city: City,
        spec: LayerSpec,
        *,
        feed: str,
        file: str,
        crs: str = "EPSG:4326",
        zone: ZoneInfo | None = None,
    ) -> None:
        self.spec, self.feed, self.file, self.zone = spec, feed, file, zone
        self._geometry = GeometryGate(city, spec, crs)
        self._seen: dict[Any, int] = {}

    def check(self, rows: Rows) -> Passed:
        """Check some rows; ids are unique over all calls."""
        faults: dict[int, tuple[str, Fault]] = {}
        parsed = {p.name: self._column(p, rows, faults) for p in self.spec.properties}
        geometries = rows.geometries
        if self.spec.has_geometry:
            if geometries is None:
                geometries = np.full(len(rows.numbers), None, object)
            geometries, found = self._geometry.check(geometries)
            for row, fault in found.items():
                faults.setdefault(row, ("geometry", fault))
            if self.spec.quality.stated_place is not None:
                self._stated(self.spec.quality.stated_place, parsed, geometries, faults)
        self._ids(parsed[self.spec.id_field], rows, faults)
        return self._result(rows, parsed, geometries, faults)

    def _column(
        self, p: PropertySpec, rows: Rows, faults: dict[int, tuple[str, Fault]]
    ) -> list[Any]:
        values = rows.columns.get(p.name)
        if values is None:
            values = [None] * len(rows.numbers)
        parsed: list[Any] = []
        for row, value in enumerate(values):
            try:
                parsed.append(self._value(p, value))
            except (ValueError, TypeError, OverflowError, RecursionError) as failure:
                missing = p.required and _is_missing(value)
                reason = "missing_value" if missing else "bad_value"
                faults.setdefault(row, (p.name, Fault(reason, str(failure)[:500])))
                parsed.append(None)
        return parsed

    def _value(self, p: PropertySpec, value: Any) -> Any:
        if _is_missing(value):
            return parse_value(p, None)
        if p.type == "string":
            value = _text(value)
        elif p.type == "datetime":
            value = self._moment(value)
        elif p.type == "date" and isinstance(value, str):
            value = date.fromisoformat(value.strip()[:10])
        elif isinstance(value, str):
            _text(value)
        if isinstance(value, np.generic):
            value = value.item()
        parsed = parse_value(p, value)
        if p.type == "integer" and not -_INT64 <= parsed < _INT64:
            raise ValueError(f"expected a whole number of 64 bits, found {value!r}")
        return parsed

    def _moment(self, value: Any) -> Any:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if isinstance(moment, pd.Timestamp):
            moment = moment.to_pydatetime()
        if isinstance(moment, datetime) and moment.tzinfo is None and self.zone is not None:
            moment = moment.replace(tzinfo=self.zone)
        return moment

    def _stated(
        self,
        names: tuple[str, str],
        parsed: dict[str, list[Any]],
        geometries: Geometries,
        faults: dict[int, tuple[str, Fault]],
    ) -> None:
        for row, (lon, lat) in enumerate(zip(*(parsed[name] for name in names), strict=True)):
            if row in faults or lon is None or lat is None:
                continue
            far = distance_m(geometries[row], lon, lat)
            if far > self.spec.quality.stated_within_m:
                detail = f"{far:,.0f} m from its geometry, as {lon:.6f}, {lat:.6f} says"
                faults[row] = (names[0], Fault("place_mismatch", detail))

    def _ids(self, ids: list[Any], rows: Rows, faults: dict[int, tuple[str, Fault]]) -> None:
        name = self.spec.id_field
        for row, key in enumerate(ids):
            if row in faults:
                continue
            if key is None:
                faults[row] = (name, Fault("missing_value", "a row needs an id"))
            elif key in self._seen:
                detail = f"{key!r} came before, in row {self._seen[key]}"
                faults[row] = (name, Fault("duplicate_id", detail))
            else:
                self._seen[key] = rows.numbers[row]

    def _result(
        self,
        rows: Rows,
        parsed: dict[str, list[Any]],
        geometries: Geometries | None,
        faults: dict[int, tuple[str, Fault]],
    ) -> Passed:
        good = [row for row in range(len(rows.numbers)) if row not in faults]
        columns = {
            name: pd.Series([values[row] for row in good], dtype=object)
            for name, values in parsed.items()
        }
        shapes = geometries[good] if geometries is not None and self.spec.has_geometry else None
        frame = gpd.GeoDataFrame(
            columns, geometry=shapes, crs="EPSG:4326" if shapes is not None else None
        )
        ids = parsed[self.spec.id_field]
        rejects: list[Reject] = [
            RefusedRow(
                self.feed,
                self.file,
                int(rows.numbers[row]),
                field,
                fault.reason,
                fault.detail,
                rows.raw(row),
                "" if ids[row] is None or fault.reason == "duplicate_id" else str(ids[row]),
            )
            for row, (field, fault) in sorted(faults.items())
        ]
        accepted = Counter({self.spec.id: len(good)} if good else {})
        return Passed(frame, Tally(accepted, Counter(r.reason for r in rejects)), rejects)


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NaT or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    text = str(value)
    if "\0" in text:
        raise ValueError("the text has a NUL byte")
    if len(text) > MAX_TEXT:
        raise ValueError(f"the text has {len(text):,} characters, more than {MAX_TEXT:,}")
    try:
        text.encode()
    except UnicodeEncodeError as failure:
        raise ValueError(f"the text is no valid Unicode: {failure.reason}") from failure
    return text
