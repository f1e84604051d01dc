"""Zones of the one grid as OGC API – DGGS knows them: outlines, areas, kin, lists.

H3 cells are the zones, named by their usual hexadecimal text; a zone's level is its resolution.
Sub-zones are taken by the index (``cellToChildren``) and stand in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import orjson
import shapely

from layers import h3grid
from layers.errors import QueryError
from layers.h3grid import Cells
from layers.query import Box
from ogc_server.problem import not_found

FINEST = 15
# Level of the zones in which people look about: some hundred metres wide.
HERE_LEVEL = 9
# An arc of this length strays from its straight line in lon/lat by some centimetres.
_LONGEST_KM, _MOST_PIECES = 2.0, 128
_HALF_TURN, _TURN = 180.0, 360.0
_WORLD = (shapely.box(-180, -90, 180, 90), shapely.box(180, -90, 540, 90))


def parse_zone(text: str) -> int:
    """Cell of a path; RequestError 404 for a text that names none."""
    try:
        return h3grid.parse_cell(text)
    except QueryError:
        raise not_found("the zone") from None


def level_of(cell: int) -> int:
    """Level of a zone, which is its H3 resolution."""
    return h3grid.resolution_of(cell)


def outline(cell: int) -> shapely.Geometry:
    """Outline in EPSG:4326, in two parts where it crosses the antimeridian.

    H3's edges are arcs of great circles; they are followed closely enough for straight lines in
    lon/lat to stray from them by a metre at most. The two zones of a level that hold a pole reach
    up to it along the antimeridian.
    """
    corners = _along_arcs(cell)
    if np.ptp(corners[:, 0]) <= _HALF_TURN:
        return shapely.Polygon(corners)
    for pole in (90.0, -90.0):
        if h3.latlng_to_cell(pole, 0, h3.get_resolution(cell)) == cell:
            return _polar(corners, pole)
    shifted = corners.copy()
    shifted[:, 0] %= _TURN
    east, west = (shapely.Polygon(shifted).intersection(half) for half in _WORLD)
    west = shapely.transform(west, lambda xy: xy - (_TURN, 0))
    return shapely.union_all([west, east])


def _along_arcs(cell: int) -> npt.NDArray[np.float64]:
    """Corners as (lon, lat), with points between them on larger zones; none comes twice."""
    corners = np.array([(lon, lat) for lat, lon in h3.cell_to_boundary(cell)])
    edge_km = h3.average_hexagon_edge_length(h3.get_resolution(cell), "km")
    pieces = int(np.clip(np.ceil(edge_km / _LONGEST_KM), 1, _MOST_PIECES))
    if pieces == 1:
        return corners
    lon, lat = np.radians(corners).T
    start = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    end = np.roll(start, -1, axis=0)
    share = np.arange(pieces)[None, :, None] / pieces
    # The chord's points lie below the arc's, in the same direction from the centre.
    x, y, z = np.moveaxis(start[:, None] + share * (end - start)[:, None], -1, 0).reshape(3, -1)
    points = np.column_stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])
    points[::pieces] = np.radians(corners)
    degrees: npt.NDArray[np.float64] = np.degrees(points)
    return degrees


def _polar(corners: npt.NDArray[np.float64], pole: float) -> shapely.Geometry:
    ring = corners[np.argsort(corners[:, 0])]
    # Where the ring meets the antimeridian, between its last corner and its first.
    last, first = ring[-1], ring[0] + (_TURN, 0)
    share = (_HALF_TURN - last[0]) / (first[0] - last[0])
    lat = last[1] + share * (first[1] - last[1])
    ends = [(_HALF_TURN, lat), (_HALF_TURN, pole), (-_HALF_TURN, pole), (-_HALF_TURN, lat)]
    return shapely.Polygon([*map(tuple, ring), *ends])


def geojson(cell: int) -> dict[str, Any]:
    """Outline as a GeoJSON geometry."""
    read: dict[str, Any] = orjson.loads(shapely.to_geojson(outline(cell)))
    return read


def area_m2(cell: int) -> float:
    """Return the area of this very zone in m²: zones of one level differ by half of the mean."""
    return float(h3.cell_area(cell, "m^2"))


def centroid(cell: int) -> tuple[float, float]:
    """Centre as (lon, lat)."""
    lat, lon = h3.cell_to_latlng(cell)
    return lon, lat


def shape(cell: int) -> str:
    """``hexagon`` or, twelve times a level, ``pentagon``."""
    return "pentagon" if h3.is_pentagon(cell) else "hexagon"


def ancestors(cell: int) -> list[int]:
    """All zones that it is a sub-zone of, the next larger one first."""
    return [h3.cell_to_parent(cell, level) for level in range(h3.get_resolution(cell) - 1, -1, -1)]


def around(cell: int) -> int:
    """Return the zone of `HERE_LEVEL` around a cell, or the cell itself where it is larger."""
    level = level_of(cell)
    return cell if level <= HERE_LEVEL else ancestors(cell)[level - HERE_LEVEL - 1]


def sub_zones(cell: int, depth: int) -> list[int]:
    """Sub-zones some levels down, in order; the zone itself at depth 0."""
    return sorted(h3.cell_to_children(cell, h3.get_resolution(cell) + depth))


def neighbours(cell: int) -> list[int]:
    """Zones of the same level that share an edge with it, in order."""
    return sorted(set(h3.grid_disk(cell, 1)) - {cell})


def at_point(lon: float, lat: float, level: int) -> int:
    """Zone of a level that holds a point."""
    return int(h3.latlng_to_cell(lat, lon, level))


def _level(cells: Cells) -> Cells:
    levels: Cells = (cells >> 52) & 0xF
    return levels


def meeting(cells: Cells, box: Box) -> Cells:
    """Those that meet a lon/lat box, borders included; minx > maxx crosses the antimeridian."""
    minx, miny, maxx, maxy = box
    halves = [box] if minx <= maxx else [(minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy)]
    wanted = shapely.union_all([shapely.box(*half) for half in halves])
    shapely.prepare(wanted)
    shapes = np.array([outline(int(cell)) for cell in cells], object)
    return cells[shapely.intersects(wanted, shapes)] if len(cells) else cells


def within(cells: Cells, parent: int) -> Cells:
    """Those that are a zone itself or sub-zones of it."""
    level = h3grid.resolution_of(parent)
    deeper = cells[_level(cells) >= level]
    found: Cells = deeper[h3grid.parents(deeper, level) == parent]
    return found


def at_level(cells: Cells, level: int, most: int) -> Cells:
    """Cells of levels up to one, as all their sub-zones at that level; sorted, each once.

    Raises
    ------
    QueryError
        where there would be more than ``most``.
    """
    found = [cells[_level(cells) == level]]
    coarser = cells[_level(cells) < level]
    number = len(found[0]) + int((7.0 ** (level - _level(coarser))).sum())
    if number > most:
        raise QueryError(f"about {number:,} zones of level {level}, at most {most:,} are listed")
    found += [np.array(h3.cell_to_children(int(cell), level), np.int64) for cell in coarser]
    return np.unique(np.concatenate(found))


def compact(cells: Iterable[int] | Cells, coarsest: int = 0) -> Cells:
    """The same ground in the fewest zones: seven children (a pentagon's six) become their parent.

    Parameters
    ----------
    cells : of any levels; those inside of another one go.
    coarsest : no parent is coarser than this level.

    Returns
    -------
    Sorted by number.
    """
    left = np.unique(np.asarray(list(cells), np.int64))
    done: list[Cells] = []
    for level in range(FINEST, coarsest, -1):
        own = left[_level(left) == level]
        rest = left[_level(left) != level]
        if not len(own):
            continue
        parents, of, number = np.unique(
            h3grid.parents(own, level - 1), return_inverse=True, return_counts=True
        )
        full = np.array([7 - h3.is_pentagon(int(p)) for p in parents]) == number
        # A larger zone that is listed itself makes its parts redundant.
        nested = np.zeros(len(own), bool)
        for coarser in np.unique(_level(rest[_level(rest) < level])):
            nested |= np.isin(h3grid.parents(own, int(coarser)), rest)
        done.append(own[~full[of] & ~nested])
        left = np.union1d(rest, parents[full])
    return np.sort(np.concatenate([*done, left]))
