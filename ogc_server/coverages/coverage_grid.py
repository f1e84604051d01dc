"""The pixels that a coverage request asks for (OGC 19-087: subsetting, scaling, CRS)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Set

from layers.crs import STORAGE
from layers.query import Box
from layers.rasters.grid import Grid, box_between
from layers.rasters.window import MOST_VALUES
from ogc_server.coverages.subsets import Part, axis_of
from ogc_server.problem import RequestError, bad_parameter, not_found

PARAMETERS = ("width", "height", "resolution", "scale-factor", "scale-axes", "scale-size")
# An earlier draft's word, which GDAL's OGCAPI driver still uses.
OLD_SIZE = "scaleSize"
_AXIS = re.compile(r"\s*([A-Za-z]+)\s*\(\s*([0-9.eE+-]*)\s*\)\s*(?:,|$)")
_MOST_SIDE = 1 << 24
_DIRECT = {"width": "x", "height": "y"}


def modern(values: Mapping[str, str]) -> dict[str, str]:
    """Say in today's words what GDAL asks: ``scaleSize=Lat(rows),Long(columns)`` of a box.

    It takes the answer for a window of that box in longitude and latitude, as its axes say.
    """
    if OLD_SIZE not in values:
        return dict(values)
    given = _by_axis(OLD_SIZE, values[OLD_SIZE])
    names = {"x": "width", "y": "height"}
    asked = {names[axis]: f"{number:.0f}" for axis, number in given.items()}
    for name in (*PARAMETERS, "crs"):
        if name in values:
            raise bad_parameter(OLD_SIZE, f"is an old word, and {name} is given beside it")
    rest = {name: value for name, value in values.items() if name != OLD_SIZE}
    return rest | asked | {"crs": "OGC:CRS84"}


def coverage_grid(
    native: Grid, crs: str, part: Part, values: Mapping[str, str], bands: int
) -> Grid:
    """Return the grid of an answer.

    Without scaling it has the raster's own pixels that meet the part, or in another CRS pixels of
    about their size. With ``width`` and ``height`` the part as it was asked for is divided.

    Parameters
    ----------
    native : of the scene.
    crs : of the answer, as PROJ's name.
    values : query parameters.
    bands : number of bands wanted.

    Raises
    ------
    RequestError
        400 for what can't be used, 404 where the part lies beside the raster, 413 where all of its
        pixels are too many.
    """
    try:
        whole = native.within(crs)
    except ValueError as failure:
        raise bad_parameter("crs", str(failure)) from failure
    box = _inside(whole, part)
    grid = whole.part(box) if box is not None else None
    if grid is None:
        raise not_found("a pixel of the raster in that part")
    size = _size(grid, values, part.sliced)
    if size is None:
        if grid.size * bands > MOST_VALUES:
            raise _too_large(grid, bands)
        return grid
    if size[0] * size[1] * bands > MOST_VALUES:
        name = next(name for name in PARAMETERS if name in values)
        words = f"{size[0]} × {size[1]} pixels in {bands} bands are more than {MOST_VALUES:,}"
        raise bad_parameter(name, words)
    window = _asked(whole, part) if "width" in values or "height" in values else grid.bounds
    return Grid.over(window, *size, crs)


def _too_large(grid: Grid, bands: int) -> RequestError:
    words = (
        f"{grid.width} × {grid.height} pixels in {bands} bands are more than the {MOST_VALUES:,} "
        "values of one answer; ask for a bbox, or for fewer by width, height or scale-factor"
    )
    return RequestError(413, "ContentTooLarge", words)


def _inside(whole: Grid, part: Part) -> Box | None:
    """Box of the whole's CRS around what a part and the raster have in common."""
    if part.box is None:
        return whole.bounds
    around = box_between(whole.bounds, whole.crs, part.crs)
    if around is None:
        return None
    found = []
    for box in _pieces(part):
        common = (
            max(box[0], around[0]),
            max(box[1], around[1]),
            min(box[2], around[2]),
            min(box[3], around[3]),
        )
        if common[0] <= common[2] and common[1] <= common[3]:
            moved = box_between(common, part.crs, whole.crs)
            found += [moved] if moved is not None and whole.part(moved) else []
    if not found:
        return None
    a, b, c, d = zip(*found, strict=True)
    return min(a), min(b), max(c), max(d)


def _pieces(part: Part) -> list[Box]:
    """Return the part as boxes that don't cross the antimeridian."""
    assert part.box is not None
    west, south, east, north = part.box
    if part.crs != STORAGE or east <= 180 or math.isinf(east):
        return [part.box]
    return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]


def _asked(whole: Grid, part: Part) -> Box:
    """Box of the whole's CRS as it was asked for, also beyond the raster."""
    if part.box is None:
        return whole.bounds
    around = box_between(whole.bounds, whole.crs, part.crs) or part.box
    sides = zip(part.box, around, strict=True)
    west, south, east, north = (side if math.isfinite(side) else own for side, own in sides)
    moved = box_between((west, south, east, north), part.crs, whole.crs)
    if moved is None or moved[0] >= moved[2] or moved[1] >= moved[3]:
        raise bad_parameter("bbox", "has no area, or lies where the CRS of the answer is undefined")
    return moved


def _size(grid: Grid, values: Mapping[str, str], sliced: frozenset[str]) -> tuple[int, int] | None:
    """Columns and rows wanted, None where nothing scales; ``sliced`` are axes of one position."""
    kinds = [
        name
        for name in ("resolution", "scale-factor", "scale-axes", "scale-size")
        if name in values
    ]
    direct = [name for name in ("width", "height") if name in values]
    if len(kinds) + bool(direct) > 1:
        raise bad_parameter((kinds + direct)[-1], "scales what another parameter scales already")
    if direct:
        scaled = {_DIRECT[name] for name in direct}
        _refuse_sliced(direct[0], scaled & sliced)
        return _whole(values, "width", grid.width), _whole(values, "height", grid.height)
    if not kinds:
        return None
    name, text = kinds[0], values[kinds[0]]
    own = grid.width, grid.height
    if name == "scale-factor":
        _refuse_sliced(name, sliced & {"x", "y"})
        factor = _positive(name, text)
        return _sides(name, own[0] / factor, own[1] / factor)
    if name == "resolution" and not text.strip():
        return None
    given = _by_axis(name, text)
    _refuse_sliced(name, sliced & set(given))
    if name == "scale-size":
        return _sides(name, given.get("x", own[0]), given.get("y", own[1]))
    if name == "scale-axes":
        return _sides(name, own[0] / given.get("x", 1), own[1] / given.get("y", 1))
    width, height = grid.width * grid.pixel[0], grid.height * grid.pixel[1]
    return _sides(
        name, width / given.get("x", grid.pixel[0]), height / given.get("y", grid.pixel[1])
    )


def _refuse_sliced(name: str, axes: Set[str]) -> None:
    if axes:
        raise bad_parameter(name, "scales an axis of which subset names one position only")


def _sides(name: str, columns: float, rows: float) -> tuple[int, int]:
    if not (columns < _MOST_SIDE and rows < _MOST_SIDE):
        raise bad_parameter(name, f"asks for {columns:.6g} × {rows:.6g} pixels, too many")
    return max(1, round(columns)), max(1, round(rows))


def _whole(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise bad_parameter(name, f"found {text!r}, expected a whole number from 1")
    return int(text)


def _positive(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError as failure:
        raise bad_parameter(name, f"found {text!r}, expected a number above 0") from failure
    if not (math.isfinite(number) and number > 0):
        raise bad_parameter(name, f"found {text!r}, expected a number above 0")
    return number


def _by_axis(name: str, text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    at = 0
    while at < len(text):
        match = _AXIS.match(text, at)
        axis = axis_of(match[1]) if match else None
        if match is None or axis not in ("x", "y") or axis in found:
            raise bad_parameter(
                name, f"found {text!r}, expected such as Lat(2),Lon(2) or E(2),N(2)"
            )
        if match[2] or name != "resolution":
            found[axis] = _positive(name, match[2])
        at = match.end()
    return found
