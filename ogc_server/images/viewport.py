"""The window of a map image: its place, its size in pixels and its scale (OGC 20-058)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyproj

from layers.city import City
from layers.crs import STORAGE, to_lonlat
from layers.query import Box
from layers.rasters.grid import Grid, box_between
from ogc_server.coverages.subsets import Part
from ogc_server.problem import bad_parameter
from ogc_server.reference import is_geographic, parse_crs, proj_name, swaps_axes, uris

PARAMETERS = (
    "crs", "width", "height", "center", "center-crs", "scale-denominator", "mm-per-pixel"
)  # fmt: skip
# A screen of 4K resolution and a little more; images are made in memory.
MOST_PIXELS = 9_000_000
MOST_SIDE = 8192
_LONG_SIDE = 1024
_MM_PER_PIXEL = 0.28
_GEOD = pyproj.Geod(ellps="WGS84")
_STEP_M = 50.0
_DEGREE_M = 111_320.0
Pair = tuple[float, float]


@dataclass(frozen=True)
class Viewport:
    """Where a map image is.

    Attributes
    ----------
    grid : its pixels.
    uri : of their reference system.
    """

    grid: Grid
    uri: str

    @property
    def box(self) -> Box | None:
        """Box in EPSG:4326 around it, None where that is not defined."""
        return box_between(self.grid.bounds, self.grid.crs, STORAGE)

    def ground_pixel_m2(self) -> float:
        """Ground that a pixel in the middle covers."""
        west, south, east, north = self.grid.bounds
        mx, my = ground_metres(self.grid.crs, (west + east) / 2, (south + north) / 2)
        return mx * my * self.grid.pixel[0] * self.grid.pixel[1]


def parse_viewport(
    values: Mapping[str, str],
    part: Part,
    city: City,
    default: tuple[Box, str],
    *,
    storage: str,
    pixel_m: float | None = None,
    systems: tuple[str, ...] = (),
) -> Viewport:
    """Read where and how large a map is wanted.

    A side that is not given follows from the other so that pixels are square on the ground in the
    middle of the map; without any, the long side has 1024 pixels.

    Parameters
    ----------
    part : what ``bbox`` or ``subset`` ask for.
    default : box shown where nothing else is asked for, and the name of its CRS for PROJ.
    storage : URI of the CRS of answers that name none.
    pixel_m : side of the data's own pixels, None where they have none.
    systems : URIs of systems published beside the city's.

    Raises
    ------
    RequestError
        400 naming the parameter that can't be used.
    """
    uri = parse_crs(values["crs"], "crs", city, *systems) if "crs" in values else storage
    crs = proj_name(uri)
    width, height = _side(values, "width"), _side(values, "height")
    scale = _number(values, "scale-denominator")
    mm = _number(values, "mm-per-pixel") or _MM_PER_PIXEL
    home = _moved(*default, crs)
    if "center-crs" in values:
        parse_crs(values["center-crs"], "center-crs", city, *systems)
    if part.box is not None:
        if "center" in values:
            raise bad_parameter("center", "names a place, and bbox or subset does too")
        if scale is not None and (width or height):
            raise bad_parameter("scale-denominator", "is given beside a place and a size")
        box = _finite(part, home, crs)
        return _sized(box, width, height, scale, mm, crs, uri)
    if "center" not in values and scale is None:
        return _sized(home, width, height, None, mm, crs, uri)
    centre = _centre(values, city, crs, systems) or _middle(home)
    metres = scale * mm / 1000 if scale is not None else pixel_m
    return _around(centre, home, width, height, metres, crs, uri)


def _around(
    centre: Pair,
    home: Box,
    width: int | None,
    height: int | None,
    metres: float | None,
    crs: str,
    uri: str,
) -> Viewport:
    """Make a window of so many pixels around a place, each so many metres wide."""
    columns, rows = width or _LONG_SIDE, height or _LONG_SIDE * 3 // 4
    mx, my = ground_metres(crs, *centre)
    if metres is None:
        metres = max((home[2] - home[0]) * mx / columns, (home[3] - home[1]) * my / rows)
    half = columns * metres / mx / 2, rows * metres / my / 2
    box = centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1]
    return _checked(box, columns, rows, crs, uri)


def _sized(
    box: Box,
    width: int | None,
    height: int | None,
    scale: float | None,
    mm: float,
    crs: str,
    uri: str,
) -> Viewport:
    mx, my = ground_metres(crs, *_middle(box))
    across, down = (box[2] - box[0]) * mx, (box[3] - box[1]) * my
    if not (across > 0 and down > 0):
        raise bad_parameter("bbox", "has no area")
    if scale is not None:
        metres = scale * mm / 1000
        width, height = _whole(across / metres), _whole(down / metres)
    elif width is None and height is None:
        longer = max(across, down)
        width, height = _whole(_LONG_SIDE * across / longer), _whole(_LONG_SIDE * down / longer)
    elif width is None:
        width = _whole((height or 1) * across / down)
    elif height is None:
        height = _whole(width * down / across)
    return _checked(box, width, height or 1, crs, uri)


def _whole(number: float) -> int:
    return max(1, round(min(number, 1e9)))


def _checked(box: Box, width: int, height: int, crs: str, uri: str) -> Viewport:
    if width > MOST_SIDE or height > MOST_SIDE or width * height > MOST_PIXELS:
        words = f"{width} × {height} pixels are more than {MOST_SIDE} a side or {MOST_PIXELS:,}"
        raise bad_parameter("width" if width >= height else "height", f"{words} in all")
    if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
        raise bad_parameter("bbox", "has no area")
    return Viewport(Grid.over(box, width, height, crs), uri)


def _finite(part: Part, home: Box, crs: str) -> Box:
    """Box asked for in the map's CRS; open ends are those of the data."""
    assert part.box is not None
    own = box_between(home, crs, part.crs) or part.box
    sides = [
        side if math.isfinite(side) else other for side, other in zip(part.box, own, strict=True)
    ]
    west, south, east, north = sides
    # One position of an axis is a pixel around it.
    x = _DEGREE_M if is_degrees(part.crs) else 1.0
    if "x" in part.sliced:
        west, east = west - 0.5 / x, east + 0.5 / x
    if "y" in part.sliced:
        south, north = south - 0.5 / x, north + 0.5 / x
    return _moved((west, south, east, north), part.crs, crs)


def is_degrees(crs: str) -> bool:
    """Whether coordinates of a system, as PROJ names it, are degrees."""
    return bool(pyproj.CRS.from_user_input(crs).is_geographic)


def _moved(box: Box, source: str, target: str) -> Box:
    found = box_between(box, source, target)
    if found is None:
        raise bad_parameter("bbox", "lies where the CRS of the map is not defined")
    return found


def _middle(box: Box) -> Pair:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _centre(
    values: Mapping[str, str], city: City, crs: str, systems: tuple[str, ...]
) -> Pair | None:
    text = values.get("center")
    if text is None:
        return None
    default = uris(city)[0]
    uri = parse_crs(values.get("center-crs", default), "center-crs", city, *systems)
    try:
        a, b = (float(part) for part in text.split(","))
    except ValueError as failure:
        raise bad_parameter("center", f"found {text!r}, expected two numbers") from failure
    x, y = (b, a) if swaps_axes(uri) else (a, b)
    inside = not is_geographic(uri) or (abs(x) <= 180 and abs(y) <= 90)
    moved = box_between((x, y, x, y), proj_name(uri), crs) if inside else None
    if moved is None or not math.isfinite(x + y):
        raise bad_parameter("center", f"found {text!r}, which lies nowhere in its CRS or the map's")
    return moved[0], moved[1]


def _side(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise bad_parameter(name, f"found {text!r}, expected a whole number from 1")
    if int(text) > MOST_SIDE:
        raise bad_parameter(name, f"found {text}, at most {MOST_SIDE} are drawn")
    return int(text)


def _number(values: Mapping[str, str], name: str) -> float | None:
    text = values.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError as failure:
        raise bad_parameter(name, f"found {text!r}, expected a number above 0") from failure
    if not 1e-6 <= number <= 1e12:
        raise bad_parameter(name, f"found {text!r}, expected a number above 0")
    return number


def ground_metres(crs: str, x: float, y: float) -> Pair:
    """Metres on the ground of one unit of a CRS to the east and to the north, at a place.

    1 where the place lies outside of what the CRS is for.
    """
    step = _STEP_M / (_DEGREE_M if is_degrees(crs) else 1.0)
    xs, ys = [x - step, x + step, x, x], [y, y, y - step, y + step]
    lon, lat = to_lonlat(xs, ys, crs)
    if not all(math.isfinite(v) and abs(v) <= 90 for v in lat) or not all(map(math.isfinite, lon)):
        return 1.0, 1.0
    across = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])[2]
    down = _GEOD.inv(lon[2], lat[2], lon[3], lat[3])[2]
    return max(across / (2 * step), 1e-9), max(down / (2 * step), 1e-9)
