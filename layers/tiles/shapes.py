"""Geometries in tile units: clipped, on whole units, valid, rings turned as the format wants them.

Mapbox Vector Tile Specification 2.1, 4.3: outer rings clockwise on a screen (their area by the
surveyor's formula is positive where y runs down), inner ones against it, no point twice in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from layers.tiles.matrix import BUFFER, EXTENT, Floats, Tile
from layers.tiles.wire import LINE, POINT, POLYGON, Integers, Shapes

Geometries = npt.NDArray[np.object_]
_LOW, _HIGH = -BUFFER, EXTENT + BUFFER
_MOVE, _DRAW, _CLOSE = 1, 2, 15
# A screen of double density shows 1024 pixels for a tile: what is simplified is not seen to be.
_SIMPLIFIED_UNITS = 2.0


def points(xy: Floats, tile: Tile) -> Shapes:
    """Single points, lon/lat in degrees, shape (n, 2): those in the tile and its buffer."""
    placed = np.rint(tile.place(xy)).astype(np.int64)
    rows = np.flatnonzero(((placed >= _LOW) & (placed <= _HIGH)).all(axis=1))
    placed = placed[rows]
    commands = np.empty((len(rows), 3), np.uint64)
    commands[:, 0] = _MOVE | 1 << 3
    commands[:, 1:] = _zigzag(placed)
    n = len(rows)
    return Shapes(rows, np.full(n, POINT), commands.ravel(), np.full(n, 3))


def shapes(geometries: Geometries, tile: Tile, *, simplify: bool = False) -> Shapes:
    """Any geometries in EPSG:4326; what is empty in the tile, or has no size there, is left out.

    Parameters
    ----------
    geometries : shape (n,), none missing.
    simplify : leave out vertices that are not seen.
    """
    moved = shapely.transform(geometries, tile.place)
    if simplify:
        moved = shapely.simplify(moved, _SIMPLIFIED_UNITS, preserve_topology=False)
    rows = np.flatnonzero(~shapely.is_empty(moved))
    moved = _clipped(moved[rows])
    parts, owner = _simple(_valid_on_units(moved), rows)
    if not len(parts):
        return Shapes(*(np.empty(0, np.int64),) * 2, np.empty(0, np.uint64), np.empty(0, np.int64))
    # A feature has one kind: of a mixed collection the parts of the highest dimension are drawn.
    dimension = shapely.get_dimensions(parts)
    highest = np.zeros(len(geometries), np.int64)
    np.maximum.at(highest, owner, dimension)
    paths = [
        maker(parts[chosen], owner[chosen])
        for of, maker in enumerate((_dots, _lines, _rings))
        if (chosen := (dimension == of) & (highest[owner] == of)).any()
    ]
    return _commands([path for path in paths if len(path.owner)], highest)


def _clipped(moved: Geometries) -> Geometries:
    bounds = shapely.bounds(moved)
    inside = (bounds[:, :2] >= _LOW).all(axis=1) & (bounds[:, 2:] <= _HIGH).all(axis=1)
    cut = np.flatnonzero(~inside)
    if len(cut):
        moved = moved.copy()
        box = (_LOW, _LOW, _HIGH, _HIGH)
        try:
            moved[cut] = shapely.clip_by_rect(moved[cut], *box)
        except shapely.GEOSException:
            sound = shapely.make_valid(moved[cut])
            moved[cut] = shapely.intersection(sound, shapely.box(*box))
    return moved


def _valid_on_units(moved: Geometries) -> Geometries:
    """Snap to whole units; areas that cross themselves there are mended, flat ones vanish."""
    snapped = shapely.transform(moved, np.rint)
    area = shapely.get_dimensions(moved) == 2
    bounds = shapely.bounds(snapped)
    with np.errstate(invalid="ignore"):
        flat = area & ~((bounds[:, 2:] - bounds[:, :2]) > 0).all(axis=1)
    snapped[flat] = None
    broken = np.flatnonzero(area & ~flat)
    broken = broken[~shapely.is_valid(snapped[broken])]
    if len(broken):
        sound = shapely.make_valid(moved[broken], method="structure", keep_collapsed=False)
        snapped[broken] = shapely.set_precision(sound, 1.0)
    return snapped


def _simple(geometries: Geometries, rows: Integers) -> tuple[Geometries, Integers]:
    """Points, lines and polygons of all geometries, and the row that each is of."""
    kept = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    parts, owner = geometries[kept], rows[kept]
    while True:
        parts, row = shapely.get_parts(parts, return_index=True)
        owner = owner[row]
        if not (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
            kept = ~shapely.is_empty(parts)
            return parts[kept], np.asarray(owner[kept], np.int64)


@dataclass(frozen=True)
class _Paths:
    """Runs of vertices in whole units: all points of a feature, a line, or a ring left open.

    Attributes
    ----------
    owner : row of each run; runs of a row lie together; shape (m,).
    lengths : vertices of each run; shape (m,).
    xy : all vertices; shape (sum of lengths, 2).
    kind : of all of them.
    """

    owner: Integers
    lengths: Integers
    xy: Integers
    kind: int


def _dots(parts: Geometries, owner: Integers) -> _Paths:
    xy = shapely.get_coordinates(parts).astype(np.int64)
    rows, lengths = np.unique(owner, return_counts=True)
    return _Paths(rows, lengths, xy, POINT)


def _lines(parts: Geometries, owner: Integers) -> _Paths:
    xy, line = shapely.get_coordinates(parts, return_index=True)
    return _without_repeats(xy.astype(np.int64), line, owner, LINE, least=2)


def _rings(parts: Geometries, owner: Integers) -> _Paths:
    rings, polygon = shapely.get_rings(parts, return_index=True)
    outer = np.ones(len(rings), bool)
    outer[1:] = polygon[1:] != polygon[:-1]
    floats, ring = shapely.get_coordinates(rings, return_index=True)
    xy = floats.astype(np.int64)
    last = np.ones(len(ring), bool)
    last[:-1] = ring[1:] != ring[:-1]
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    cross = np.zeros(len(ring), np.int64)
    cross[:-1] = xy[:-1, 0] * xy[1:, 1] - xy[1:, 0] * xy[:-1, 1]
    cross[last] = 0
    area = np.add.reduceat(cross, starts)
    turned = ((area > 0) != outer)[ring]
    at = np.arange(len(ring))
    xy = xy[np.where(turned, (starts + ends)[ring] - at, at)]
    # The closing vertex is not written. Rings without area, and holes of such, are nothing.
    sound = area != 0
    sound &= sound[np.maximum.accumulate(np.where(outer, np.arange(len(rings)), 0))]
    kept = ~last & sound[ring]
    return _without_repeats(xy[kept], ring[kept], owner[polygon], POLYGON, least=3)


def _without_repeats(
    xy: Integers, run: Integers, owner_of_run: Integers, kind: int, least: int
) -> _Paths:
    new = np.ones(len(run), bool)
    new[1:] = (run[1:] != run[:-1]) | (xy[1:] != xy[:-1]).any(axis=1)
    xy, run = xy[new], run[new]
    lengths = np.bincount(run, minlength=len(owner_of_run))
    long = lengths >= least
    return _Paths(owner_of_run[long], lengths[long], xy[long[run]], kind)


def _commands(paths: list[_Paths], highest: Integers) -> Shapes:
    """Commands of all runs, features in the order of their rows."""
    rows, kinds, tokens, lengths = [], [], [], []
    for path in paths:
        made, per_run = _tokens(path)
        own, first = np.unique(path.owner, return_index=True)
        rows.append(own)
        kinds.append(np.full(len(own), path.kind))
        lengths.append(np.add.reduceat(per_run, first))
        tokens.append(made)
    if not rows:
        nothing = np.empty(0, np.int64)
        return Shapes(nothing, nothing, np.empty(0, np.uint64), nothing)
    all_rows, all_lengths = np.concatenate(rows), np.concatenate(lengths)
    commands, order = np.concatenate(tokens), np.argsort(all_rows, kind="stable")
    if len(paths) > 1:
        start = np.cumsum(all_lengths) - all_lengths
        picked, sizes = start[order], all_lengths[order]
        before = np.cumsum(sizes) - sizes
        commands = commands[np.repeat(picked - before, sizes) + np.arange(int(sizes.sum()))]
    return Shapes(all_rows[order], np.concatenate(kinds)[order], commands, all_lengths[order])


def _tokens(path: _Paths) -> tuple[npt.NDArray[np.uint64], Integers]:
    """Command integers of the runs, and how many each run has."""
    n = path.lengths
    # The pen stays where it is from run to run of a feature, and starts each feature at 0, 0.
    first = np.cumsum(n) - n
    moves = np.diff(path.xy, axis=0, prepend=np.zeros((1, 2), np.int64))
    fresh = np.ones(len(n), bool)
    fresh[1:] = path.owner[1:] != path.owner[:-1]
    moves[first[fresh]] = path.xy[first[fresh]]
    written = _zigzag(moves)
    if path.kind == POINT:
        per_run = 1 + 2 * n
        heads: tuple[tuple[Integers, Integers], ...] = ((np.zeros_like(n), _MOVE | n << 3),)
        offsets = 1 + 2 * _within(n)
    else:
        ring = path.kind == POLYGON
        per_run = 2 + 2 * n + ring
        heads = (
            (np.zeros_like(n), np.full_like(n, _MOVE | 1 << 3)),
            (np.full_like(n, 3), _DRAW | (n - 1) << 3),
        )
        heads += ((per_run - 1, np.full_like(n, _CLOSE)),) if ring else ()
        place = _within(n)
        offsets = 1 + 2 * place + (place > 0)
    start = np.cumsum(per_run) - per_run
    made = np.empty(int(per_run.sum()), np.uint64)
    for offset, value in heads:
        made[start + offset] = value
    at = np.repeat(start, n) + offsets
    made[at], made[at + 1] = written[:, 0], written[:, 1]
    return made, per_run


def _within(lengths: Integers) -> Integers:
    """Place of each vertex within its run."""
    first = np.cumsum(lengths) - lengths
    return np.asarray(np.arange(int(lengths.sum())) - np.repeat(first, lengths), np.int64)


def _zigzag(values: Integers) -> npt.NDArray[np.uint64]:
    return ((values << 1) ^ (values >> 63)).astype(np.uint64)
