"""An R*Tree built at once instead of row by row.

SQLite keeps a tree as rows of three shadow tables, whose format its source fixes (`src/rtree.c`,
"Database Format of R-Tree Tables"). A whole tree is packed bottom-up by sort-tile-recursive
(Leutenegger, Lopez and Edgington 1997), about ten times faster than inserting.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bounds = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
ROOT = 1
_CELL = np.dtype([("id", ">i8"), ("box", ">f4", (4,))])
_HEADER_BYTES = 4


@dataclass(frozen=True)
class Tree:
    """Rows of the shadow tables.

    Attributes
    ----------
    nodes : (number, content) of each node; the root is 1.
    leaves : (row id, number of its leaf), sorted.
    parents : (number, number of the parent) of each node but the root.
    """

    nodes: list[tuple[int, bytes]]
    leaves: list[tuple[int, int]]
    parents: list[tuple[int, int]]


def pack(ids: Ids, bounds: Bounds, node_bytes: int) -> Tree:
    """Build a tree.

    Parameters
    ----------
    ids : row ids, shape (n,), n > 0.
    bounds : (minx, miny, maxx, maxy) of each row, shape (n, 4), finite.
    node_bytes : size of a node in this file.
    """
    most = (node_bytes - _HEADER_BYTES) // _CELL.itemsize
    cells = _cells(ids, bounds)
    order = _tiled(bounds, most)
    cells = cells[order]
    tree = Tree([], [], [])
    depth, following = 0, ROOT + 1
    while True:
        ends = _ends(len(cells), most)
        if len(ends) == 1:
            numbers = np.array([ROOT], np.int64)
        else:
            numbers = np.arange(following, following + len(ends), dtype=np.int64)
            following += len(ends)
        _put_level(tree, cells, ends, numbers, depth, node_bytes)
        if len(ends) == 1:
            return tree
        cells = _around(cells, ends, numbers)
        depth += 1


def _cells(ids: Ids, bounds: Bounds) -> npt.NDArray[np.void]:
    """Cells with 32-bit bounds, rounded so that they never cut the row's box."""
    narrow = bounds.astype(np.float32)
    low, high = narrow[:, :2], narrow[:, 2:]
    low = np.where(low > bounds[:, :2], np.nextafter(low, np.float32(-np.inf)), low)
    high = np.where(high < bounds[:, 2:], np.nextafter(high, np.float32(np.inf)), high)
    cells = np.empty(len(ids), _CELL)
    cells["id"] = ids
    cells["box"] = np.column_stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]])
    return cells


def _tiled(bounds: Bounds, most: int) -> npt.NDArray[np.int64]:
    """Order that puts neighbours into one leaf: slabs by x, within them by y."""
    x, y = bounds[:, 0] + bounds[:, 2], bounds[:, 1] + bounds[:, 3]
    leaves = -(-len(bounds) // most)
    slabs = int(np.ceil(np.sqrt(leaves)))
    slab = np.empty(len(bounds), np.int64)
    slab[np.argsort(x, kind="stable")] = np.arange(len(bounds)) * slabs // len(bounds)
    return np.lexsort((y, slab))


def _ends(n: int, most: int) -> npt.NDArray[np.int64]:
    """Where each of the fewest, evenly filled groups ends."""
    groups = -(-n // most)
    return np.arange(1, groups + 1, dtype=np.int64) * n // groups


def _put_level(
    tree: Tree,
    cells: npt.NDArray[np.void],
    ends: npt.NDArray[np.int64],
    numbers: Ids,
    depth: int,
    node_bytes: int,
) -> None:
    start = 0
    for number, end in zip(numbers.tolist(), ends.tolist(), strict=True):
        # Only the root says how deep the tree is.
        head = struct.pack(">HH", depth if number == ROOT else 0, end - start)
        tree.nodes.append((number, (head + cells[start:end].tobytes()).ljust(node_bytes, b"\x00")))
        start = end
    owner = np.repeat(numbers, np.diff(ends, prepend=0))
    links = sorted(zip(cells["id"].tolist(), owner.tolist(), strict=True))
    (tree.leaves if depth == 0 else tree.parents).extend(links)


def _around(
    cells: npt.NDArray[np.void], ends: npt.NDArray[np.int64], numbers: Ids
) -> npt.NDArray[np.void]:
    """Cells of the next level: the box around each group."""
    starts = np.concatenate([[0], ends[:-1]])
    box = cells["box"].astype(np.float32)
    low = np.minimum.reduceat(box, starts, axis=0)
    high = np.maximum.reduceat(box, starts, axis=0)
    above = np.empty(len(ends), _CELL)
    above["id"] = numbers
    above["box"] = np.column_stack([low[:, 0], high[:, 1], low[:, 2], high[:, 3]])
    return above
