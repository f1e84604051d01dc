"""How many rows each H3 cell has, with what must stay hidden of personal layers left out.

Of a layer whose rows may be read, any question can be counted. Rows of a personal layer leave the
store in no other form than these counts, and no pair of answers may be subtracted to find a few of
them (a differencing attack). So there is, for each state of such a layer, one published table: the
counts of whole cells of one resolution, those under `SMALLEST` left out. Every answer is made of
that table alone: coarser cells are sums of its rows, and no filter, box, time or part of a cell can
be asked for (threshold rule with a fixed partition; see Eurostat, *Guidelines for statistical
disclosure control methods applied on geo-referenced data*, 2024).
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from layers import h3grid
from layers.errors import QueryError
from layers.query import EVERYTHING, Query
from layers.spec import LayerSpec
from layers.store.base import Store

SMALLEST = 10
# About 0.1 km²: finer cells would hold so few persons that hardly a cell could be shown.
_FINEST_PERSONAL = 9
# Of a personal layer only these may be asked for, beside the layer itself.
_WHOLE = frozenset({"layer", "scope", "cells"})
_DEFAULTS = {field.name: getattr(Query("x"), field.name) for field in fields(Query)}


def finest_resolution(spec: LayerSpec) -> int | None:
    """Finest resolution that a layer is counted at, None for a register without places."""
    if spec.h3_resolution is None:
        return None
    if spec.sensitivity == "personal":
        return min(spec.h3_resolution, _FINEST_PERSONAL)
    return spec.h3_resolution


def cell_counts(store: Store, spec: LayerSpec, query: Query, resolution: int) -> dict[int, int]:
    """Rows per cell, by the cell of each row's representative point; cells without any are absent.

    Each row is counted in one cell, so that counts of a cell's descendants add up to its own.

    Parameters
    ----------
    store : where the layer is.
    spec : the layer; whether its counts may be seen at all is for the caller to decide
        (`layers.access.Audience.counts`).
    query : which rows; ``cells`` keeps counts inside of these cells. Its scope is always kept: of a
        personal layer a reader with walls is shown the cells that lie wholly inside of them, with
        the same number that everybody else is shown.
    resolution : 0 to `finest_resolution`.

    Returns
    -------
    Number of rows by cell, sorted by cell.

    Raises
    ------
    QueryError
        for a register, a finer resolution, and a part of a personal layer.
    """
    finest = finest_resolution(spec)
    if finest is None:
        raise QueryError(f"layer '{spec.id}' is a register without places")
    if not 0 <= resolution <= finest:
        raise QueryError(f"layer '{spec.id}' is counted at resolutions 0–{finest}")
    if spec.sensitivity == "personal":
        _refuse_parts(spec, query)
        counts, counted_at = _published(store, query, finest), finest
    else:
        # Cells that are no finer than what is wanted hold whole cells of it.
        coarse = all(h3grid.resolution_of(cell) <= resolution for cell in query.cells or ())
        counted_at = resolution if coarse else finest
        counts = store.cell_counts(query, counted_at)
    if query.cells is not None:
        # The cover of a line or area also finds rows that only reach into a cell.
        counts = _inside(counts, [h3grid.descendants(cell, counted_at) for cell in query.cells])
    return _summed(counts, resolution)


def _refuse_parts(spec: LayerSpec, query: Query) -> None:
    for name, default in _DEFAULTS.items():
        if name not in _WHOLE and getattr(query, name) != default:
            raise QueryError(
                f"'{spec.id}' is a personal layer: it is counted in whole cells only,"
                f" '{name}' can't be asked for"
            )


def _published(store: Store, query: Query, finest: int) -> dict[int, int]:
    """Return the table that every answer of a personal layer is made of."""
    counts = store.cell_counts(Query(query.layer), finest)
    shown = {cell: number for cell, number in counts.items() if number >= SMALLEST}
    if query.scope == EVERYTHING:
        return shown
    own = store.cell_counts(Query(query.layer, scope=query.scope), finest)
    return {cell: number for cell, number in shown.items() if own.get(cell) == number}


def _inside(counts: dict[int, int], ranges: list[tuple[int, int]]) -> dict[int, int]:
    merged = sorted(ranges)
    lows = np.array([low for low, _ in merged], np.int64)
    # Cells are disjoint or nested, so the furthest end so far closes whatever has begun.
    ends = np.maximum.accumulate(np.array([high for _, high in merged], np.int64))
    if not len(lows) or not counts:
        return {}
    cells = np.fromiter(counts, np.int64, len(counts))
    at = np.searchsorted(lows, cells, side="right") - 1
    kept = (at >= 0) & (cells <= ends[at])
    return {int(cell): counts[int(cell)] for cell in cells[kept]}


def _summed(counts: dict[int, int], resolution: int) -> dict[int, int]:
    if not counts:
        return {}
    cells = np.fromiter(counts, np.int64, len(counts))
    numbers = np.fromiter(counts.values(), np.int64, len(counts))
    ancestors, of = np.unique(h3grid.parents(cells, resolution), return_inverse=True)
    sums = np.bincount(of, weights=numbers, minlength=len(ancestors)).astype(np.int64)
    return dict(zip(ancestors.tolist(), sums.tolist(), strict=True))
