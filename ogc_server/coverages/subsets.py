"""Parts of space and time as coverage and map requests name them.

``bbox``, ``subset`` (OGC 19-087 and 20-058, subsetting) and ``datetime``, read strictly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from layers.city import City
from layers.query import Box, TimeInterval
from layers.rasters.moment import Step, parse_moment
from ogc_server.problem import RequestError, bad_parameter, not_found
from ogc_server.reference import CRS84, is_geographic, parse_crs, proj_name, swaps_axes
from ogc_server.times import parse_interval

PARAMETERS = ("bbox", "bbox-crs", "subset", "subset-crs", "datetime")
_AXIS = re.compile(r"\s*([A-Za-z]+)\s*\(\s*([^()]*?)\s*\)\s*(?:,|$)")
_BOUND = r'"[^"]*"|\*|[^":*]+?'
_INTERVAL = re.compile(rf"({_BOUND})(?::({_BOUND}))?")
# Without quotes the colons of a clock are told from the one between two times by what follows.
_INSTANTS = re.compile(r"(\*|\d{4}[^*]*?Z?):(\*|\d{4}-?.*)")
_NAMES = {
    "x": ("Lon", "lon", "long", "Long", "Longitude", "longitude", "E", "e", "x", "X", "easting",
          "Easting"),
    "y": ("Lat", "lat", "Latitude", "latitude", "N", "n", "y", "Y", "northing", "Northing"),
    "time": ("time", "Time", "t", "T"),
}  # fmt: skip
_AXES = {alias: axis for axis, aliases in _NAMES.items() for alias in aliases}
_TURN = 360.0
_DEGREES = {"x": 180.0, "y": 90.0}
_STEPS: tuple[Step, ...] = ("year", "month", "day")
Span = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """What was asked for of a raster.

    Attributes
    ----------
    box : in x, y order of ``crs``; edges are infinite where nothing bounds them. None for all. In
        degrees its east is beyond 180 where it crosses the antimeridian.
    crs : name for PROJ of the box.
    time : None for any time.
    sliced : axes of which one position was asked for, not a span.
    """

    box: Box | None = None
    crs: str = "EPSG:4326"
    time: TimeInterval | None = None
    sliced: frozenset[str] = frozenset()


def parse_part(values: Mapping[str, str], city: City, *systems: str) -> Part:
    """Read what part is asked for.

    Parameters
    ----------
    systems : URIs of systems published beside the city's, such as the raster's own.

    Raises
    ------
    RequestError
        400 naming the parameter that can't be used; 404 where an axis has no such position.
    """
    axes = _axes(values.get("subset", ""))
    spatial = {axis: text for axis, text in axes.items() if axis != "time"}
    if spatial and "bbox" in values:
        raise bad_parameter("subset", "names a place, and bbox does too; give one of them")
    if "time" in axes and "datetime" in values:
        raise bad_parameter("subset", "names a time, and datetime does too; give one of them")
    time = parse_time(values["datetime"]) if "datetime" in values else None
    instant = {"time"} if "/" not in values.get("datetime", "/") else set()
    if "time" in axes:
        time, one = _time_subset(axes["time"])
        instant = {"time"} if one else set()
    if spatial:
        uri = parse_crs(values.get("subset-crs", CRS84), "subset-crs", city, *systems)
        box, sliced = _box_of(spatial, uri)
        return Part(box, proj_name(uri), time, sliced | instant)
    _known(values, "subset-crs", city, *systems)
    uri = parse_crs(values.get("bbox-crs", CRS84), "bbox-crs", city, *systems)
    if "bbox" not in values:
        return Part(time=time, sliced=frozenset(instant))
    return Part(_bbox(values["bbox"], uri), proj_name(uri), time, frozenset(instant))


def axis_of(name: str) -> str | None:
    """Return ``x``, ``y`` or ``time`` for the name of an axis or one of its aliases, else None."""
    return _AXES.get(name)


def _known(values: Mapping[str, str], parameter: str, city: City, *systems: str) -> None:
    if parameter in values:
        parse_crs(values[parameter], parameter, city, *systems)


def _bbox(text: str, uri: str) -> Box:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as failure:
        raise bad_parameter("bbox", f"found {text!r}, expected four numbers") from failure
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise bad_parameter("bbox", f"found {text!r}, expected minx,miny,maxx,maxy")
    a, b, c, d = numbers
    box = (b, a, d, c) if swaps_axes(uri) else (a, b, c, d)
    if box[1] > box[3]:
        raise bad_parameter("bbox", f"found south {box[1]:g} above north {box[3]:g}")
    if box[0] > box[2]:
        if not is_geographic(uri):
            raise bad_parameter("bbox", f"found west {box[0]:g} beyond east {box[2]:g}")
        return box[0], box[1], box[2] + _TURN, box[3]
    return box


def _axes(text: str) -> dict[str, str]:
    """Axes of a subset by ``x``, ``y`` and ``time``, each with what stands in its brackets."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _AXIS.match(text, at)
        if match is None:
            raise bad_parameter("subset", f"found {text!r}, expected such as Lat(31:32),Lon(121)")
        axis = axis_of(match[1])
        if axis is None:
            words = f"there is no axis '{match[1]}'; there are Lat, Lon, E, N and time"
            raise bad_parameter("subset", words)
        if axis in found:
            raise bad_parameter("subset", f"axis '{match[1]}' is given twice")
        found[axis] = match[2]
        at = match.end()
    return found


def _box_of(axes: Mapping[str, str], uri: str) -> tuple[Box, frozenset[str]]:
    spans, sliced = {}, set()
    for axis in ("x", "y"):
        if axis not in axes:
            spans[axis] = (-math.inf, math.inf)
            continue
        low, high = _numbers(axes[axis], wraps=axis == "x" and is_geographic(uri))
        limit = _DEGREES[axis] if is_geographic(uri) else math.inf
        if low > limit or high < -limit:
            raise not_found(f"position {axes[axis]} of the axis")
        if low == high:
            sliced.add(axis)
        spans[axis] = (low, high)
    (west, east), (south, north) = spans["x"], spans["y"]
    return (west, south, east, north), frozenset(sliced)


def _numbers(text: str, *, wraps: bool) -> Span:
    match = _INTERVAL.fullmatch(text)
    low, high = (match[1], match[2] or match[1]) if match else ("", "")
    try:
        found = (
            -math.inf if low == "*" else float(low),
            math.inf if high == "*" else float(high),
        )
    except ValueError as failure:
        raise _bad_subset(text) from failure
    if any(math.isnan(number) for number in found) or (found[0] > found[1] and not wraps):
        raise _bad_subset(text)
    if math.inf in map(abs, found) and "*" not in text:
        raise _bad_subset(text)
    return found if found[0] <= found[1] else (found[0], found[1] + _TURN)


def _bad_subset(text: str) -> RequestError:
    return bad_parameter("subset", f"found {text!r}, expected a number, or low:high")


def _time_subset(text: str) -> tuple[TimeInterval | None, bool]:
    """Return the span of a ``time(…)``, and whether it is one position rather than an interval."""
    quoted = _INTERVAL.fullmatch(text)
    if quoted is not None and quoted[2] is None and '"' not in text and text.count(":") == 0:
        bounds = [quoted[1]]
    elif quoted is not None and ('"' in text or quoted[2] is not None):
        bounds = [part for part in quoted.groups() if part is not None]
    else:
        match = _INSTANTS.fullmatch(text)
        bounds = list(match.groups()) if match and not _is_clock(text) else [text]
    words = [".." if part == "*" else part.strip('"') for part in bounds]
    # A star alone is the latest time there is.
    span = None if words == [".."] else parse_time("/".join(words), "subset")
    return span, len(words) == 1


def _is_clock(text: str) -> bool:
    """Whether the whole text is one instant with a clock."""
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d(:\d\d){1,2}(\.\d+)?Z?", text) is not None


def parse_time(text: str, parameter: str = "datetime") -> TimeInterval | None:
    """Read an instant or interval whose ends may also be years, months or hours.

    A year means all of it, so ``2019/2020`` ends with the last moment of 2020.
    """
    parts = text.split("/")
    if len(parts) > 2:
        raise bad_parameter(parameter, f"found {text!r}, expected an instant or start/end")
    ends = [_end(part.strip(), parameter) for part in parts]
    if len(ends) == 1:
        if ends[0] is None:
            raise bad_parameter(parameter, f"found {text!r}, expected an instant or start/end")
        return ends[0]
    start = None if ends[0] is None else ends[0].start
    end = None if ends[1] is None else ends[1].end
    if start is not None and end is not None and end < start:
        raise bad_parameter(parameter, f"{text!r} ends before it starts")
    return None if start is None and end is None else TimeInterval(start, end)


def _end(text: str, parameter: str) -> TimeInterval | None:
    if text in ("", ".."):
        return None
    for step in _STEPS:
        try:
            moment = parse_moment(text, step)
        except ValueError:
            continue
        return TimeInterval(moment.start, moment.end)
    hour = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d)(Z?)", text)
    return parse_interval(f"{hour[1]}:00{hour[2]}" if hour else text, parameter)
