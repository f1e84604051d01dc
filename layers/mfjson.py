"""MF-JSON: moving features as JSON (OGC 19-045r3, Prism encoding), written and read.

Coordinates are lon, lat in degrees (CRS84), times RFC 3339 in UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from layers.errors import OnemapError
from layers.movers import Interpolation, Measured
from layers.trajectory import Ints, Run, Series

CRS: Mapping[str, Any] = {
    "type": "Name",
    "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"},
}
TRS: Mapping[str, Any] = {"type": "Name", "properties": {"name": "urn:ogc:data:time:iso8601"}}
# What a document may call the one system of each kind that is read.
_CRS_NAMES = ("urn:ogc:def:crs:OGC:1.3:CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84")
_INTERPOLATIONS: tuple[Interpolation, ...] = ("Discrete", "Step", "Linear")
_DECIMALS = 7
_ID = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z", re.ASCII)
_MOST_INSTANTS = 1_000_000


def write_times(t: Ints) -> list[str]:
    """RFC 3339 texts of ms since 1970, with milliseconds only where there are any."""
    unit: Literal["s", "ms"] = "ms" if (t % 1000).any() else "s"
    texts = np.datetime_as_string(t.astype("datetime64[ms]"), unit=unit)
    return [f"{text}Z" for text in texts.tolist()]


def write_id(first: int) -> str:
    """Name of a run by the time of its first fix, such as ``20200701T000312.000Z``."""
    text = str(np.datetime_as_string(np.datetime64(first, "ms"), unit="ms"))
    return text.replace("-", "").replace(":", "") + "Z"


def read_id(text: str) -> int | None:
    """Time in ms that a run is named by, None for a text that names none."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int(match[7])


def primitive(run: Run) -> dict[str, Any]:
    """Write a run as *TemporalPrimitiveGeometry* (7.2.2.1)."""
    return {
        "type": "MovingPoint",
        "datetimes": write_times(run.t),
        "coordinates": _coordinates(run),
        "interpolation": run.lon.interpolation if len(run.t) > 1 else "Discrete",
    }


def _coordinates(run: Run) -> list[list[float]]:
    pairs = np.column_stack([run.lon.values, run.lat.values]).round(_DECIMALS)
    read: list[list[float]] = pairs.tolist()
    return read


def temporal_geometry(runs: Sequence[Run]) -> dict[str, Any]:
    """Write runs as *TemporalGeometry*: one primitive, or a collection of them (7.2.2)."""
    prisms = [primitive(run) for run in runs]
    if len(prisms) == 1:
        return prisms[0]
    return {"type": "MovingGeometryCollection", "prisms": prisms}


def primitive_value(series: Series, truth: bool = False) -> dict[str, Any]:
    """Write a series as *TemporalPrimitiveValue* (OGC 22-003r3, 9.9)."""
    return {
        "datetimes": write_times(series.t),
        "values": values(series, truth),
        "interpolation": series.interpolation,
    }


def values(series: Series, truth: bool = False) -> list[Any]:
    """Values as JSON writes them; whole numbers without a fraction."""
    if truth:
        return [bool(value) for value in series.values]
    # Measured in single precision, so further digits would be made up.
    return [int(v) if v == int(v) else float(f"{v:.7g}") for v in series.values.tolist()]


def parametric_values(
    measured: Iterable[tuple[Measured, Sequence[Series]]], language: str = "en"
) -> list[dict[str, Any]]:
    """Write properties as *TemporalProperties* (7.2.3); those of the same times in one object."""
    groups: dict[bytes, dict[str, Any]] = {}
    for what, parts in measured:
        for part in parts:
            group = groups.setdefault(part.t.tobytes(), {"datetimes": write_times(part.t)})
            group[what.name] = {
                "type": "Text" if what.truth else "Measure",
                **({"form": what.form} if what.form else {}),
                "values": values(part, what.truth),
                "interpolation": part.interpolation,
                "description": what.title.say(language),
            }
    return sorted(groups.values(), key=lambda group: str(group["datetimes"][0]))


@dataclass(frozen=True)
class Feature:
    """A moving feature as it was read.

    Attributes
    ----------
    id : as given, or None.
    runs : its primitives in the order of the document.
    properties : what doesn't change.
    measured : what changes: by name, series in the order of the document. Only numbers and truths.
    """

    id: str | int | None
    runs: tuple[Run, ...]
    properties: Mapping[str, Any]
    measured: Mapping[str, tuple[Series, ...]]


def read_features(document: Any) -> list[Feature]:
    """Read a *MovingFeature* or *MovingFeatureCollection* of moving points.

    Heights are left out, and so are texts and images that change.

    Raises
    ------
    OnemapError
        naming what doesn't fit.
    """
    if not isinstance(document, dict):
        raise OnemapError("MF-JSON: found no object")
    if document.get("type") == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise OnemapError("MF-JSON: 'features' is no list")
        return [_feature(one) for one in features]
    return [_feature(document)]


def _feature(document: Any) -> Feature:
    if not isinstance(document, dict) or document.get("type") != "Feature":
        raise OnemapError("MF-JSON: expected a Feature")
    if "temporalGeometry" not in document:
        raise OnemapError("MF-JSON: 'temporalGeometry' is missing")
    _check_crs(document.get("crs"))
    properties = document.get("properties") or {}
    if not isinstance(properties, dict):
        raise OnemapError("MF-JSON: 'properties' is no object")
    return Feature(
        document.get("id", properties.get("id")),
        tuple(read_geometry(document["temporalGeometry"])),
        properties,
        read_properties(document.get("temporalProperties")),
    )


def _check_crs(crs: Any) -> None:
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name", properties.get("href")) if isinstance(properties, dict) else None
    if name not in _CRS_NAMES:
        raise OnemapError(f"MF-JSON: found crs {name!r}, only CRS84 is read")


def read_geometry(geometry: Any) -> list[Run]:
    """Read *TemporalGeometry*; OnemapError for what are no moving points."""
    if not isinstance(geometry, dict):
        raise OnemapError("MF-JSON: 'temporalGeometry' is no object")
    if geometry.get("type") == "MovingGeometryCollection":
        prisms = geometry.get("prisms")
        if not isinstance(prisms, list):
            raise OnemapError("MF-JSON: 'prisms' is no list")
        return [_run(prism) for prism in prisms]
    return [_run(geometry)]


def _run(prism: Any) -> Run:
    if not isinstance(prism, dict) or prism.get("type") != "MovingPoint":
        raise OnemapError("MF-JSON: expected a MovingPoint")
    _check_crs(prism.get("crs"))
    t = read_times(prism.get("datetimes"))
    places = prism.get("coordinates")
    if not isinstance(places, list) or len(places) != len(t):
        raise OnemapError(f"MF-JSON: expected {len(t)} coordinates, one for each time")
    pairs = np.array([_place(place) for place in places], np.float64).reshape(-1, 2)
    how = _interpolation(prism)
    first = int(t[0]) if len(t) else 0
    return Run(first, Series(t, pairs[:, 0], how), Series(t, pairs[:, 1], how))


def _place(place: Any) -> list[float]:
    if not isinstance(place, list) or not 2 <= len(place) <= 3:
        raise OnemapError(f"MF-JSON: found {place!r:.60}, expected [lon, lat]")
    lon, lat = _number(place[0]), _number(place[1])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise OnemapError(f"MF-JSON: {lon:g}, {lat:g} is no place in degrees")
    return [lon, lat]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OnemapError(f"MF-JSON: found {value!r:.60}, expected a number")
    return float(value)


def _interpolation(holder: Mapping[str, Any]) -> Interpolation:
    how = holder.get("interpolation", holder.get("interpolations", "Linear"))
    for known in _INTERPOLATIONS:
        if how == known:
            return known
    raise OnemapError(f"MF-JSON: found interpolation {how!r:.60}, expected Linear, Step, Discrete")


def read_times(texts: Any) -> Ints:
    """Read ``datetimes``: RFC 3339 texts or ms since 1970, strictly ascending.

    Raises
    ------
    OnemapError
        for anything else.
    """
    if not isinstance(texts, list) or len(texts) > _MOST_INSTANTS:
        raise OnemapError("MF-JSON: 'datetimes' is no list of times")
    t = np.array([_instant(text) for text in texts], np.int64)
    if (np.diff(t) <= 0).any():
        raise OnemapError("MF-JSON: 'datetimes' do not ascend")
    return t


def _instant(text: Any) -> int:
    if isinstance(text, int) and not isinstance(text, bool) and abs(text) < 10**15:
        return text
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as failure:
        raise OnemapError(f"MF-JSON: {text!r:.60} is no time") from failure
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def read_properties(groups: Any) -> dict[str, tuple[Series, ...]]:
    """Read *TemporalProperties*: numbers and truths by name; texts and images are left out."""
    found: dict[str, list[Series]] = {}
    for group in groups if isinstance(groups, list) else []:
        if not isinstance(group, dict):
            raise OnemapError("MF-JSON: 'temporalProperties' holds no object")
        t = read_times(group.get("datetimes"))
        for name, told in group.items():
            if name != "datetimes" and isinstance(told, dict):
                series = _series(name, t, told)
                found.setdefault(name, []).extend([series] if series else [])
    return {name: tuple(parts) for name, parts in found.items() if parts}


def _series(name: str, t: Ints, told: Mapping[str, Any]) -> Series | None:
    listed = told.get("values")
    if not isinstance(listed, list) or len(listed) != len(t):
        raise OnemapError(f"MF-JSON: expected {len(t)} values of '{name}', one for each time")
    if any(isinstance(value, str) for value in listed):
        return None
    numbers = [float(v) if isinstance(v, bool) else _number(v) for v in listed]
    return Series(t, np.array(numbers, np.float64), _interpolation(told))
