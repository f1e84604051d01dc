"""Rows that wait for their match, and what is remembered of trucks, as a state that JSON keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.feeds import segments
from analytics.roads.fleet import Memory, no_memory
from analytics.rule import Columns, State, rows

Longs = npt.NDArray[np.int64]

# Columns of held rows that the stage itself needs again.
ROLE = "role"
_TYPES = {
    "whole": np.int64,
    "real": np.float64,
    "steps": np.int64,
    "options": np.int64,
    "places": np.float64,
}


def movers_of(state: State) -> list[str]:
    """Trucks that are remembered, sorted."""
    movers: list[str] = state.get("movers", [])
    return movers


def held_rows(state: State) -> Columns:
    """Rows that wait, sorted; {} where none do."""
    kept = state.get("rows", {})
    if not kept:
        return {}
    types = state["types"]
    return {name: _column(values, types[name]) for name, values in kept.items()}


def _column(values: Any, kind: str) -> npt.NDArray[Any]:
    if kind != "object":
        return np.asarray(values, np.dtype(kind))
    column = np.empty(len(values), object)
    column[:] = values
    return column


def keep_rows(state: State, waiting: Columns) -> None:
    """Let rows wait; what waited before is replaced."""
    if not rows(waiting):
        state.pop("rows", None)
        state.pop("types", None)
        return
    state["types"] = {name: values.dtype.str for name, values in waiting.items()}
    state["types"] |= {n: "object" for n, values in waiting.items() if values.dtype == object}
    state["rows"] = {
        name: values.tolist() if values.dtype == object else values
        for name, values in waiting.items()
    }


def recall(state: State, movers: list[str]) -> Memory:
    """What is remembered of some trucks, in that order; of unknown ones nothing."""
    memory = no_memory(len(movers))
    known = movers_of(state)
    if not known:
        return memory
    stored: dict[str, npt.NDArray[Any]] = {
        name: np.asarray(state[name], kind) for name, kind in _TYPES.items()
    }
    if known == movers:
        return _memory(stored, np.asarray(state["count"], np.int64))
    place = {name: number for number, name in enumerate(known)}
    source = np.array([place.get(name, -1) for name in movers], np.int64)
    there = source >= 0
    memory.whole[there] = stored["whole"].reshape(len(known), -1)[source[there]]
    memory.real[there] = stored["real"].reshape(len(known), -1)[source[there]]
    counts = np.asarray(state["count"], np.int64)
    steps = stored["steps"].reshape(-1, 2)
    chosen = _ranges(_bounds(counts), source)
    options = _ranges(_bounds(steps[:, 1]), chosen)
    own = np.where(there, counts[source], 0)
    return Memory(
        memory.whole,
        memory.real,
        _bounds(own),
        steps[chosen],
        stored["options"].reshape(-1, 4)[options],
        stored["places"].reshape(-1, 3)[options],
    )


def _memory(stored: dict[str, npt.NDArray[Any]], counts: Longs) -> Memory:
    m = len(counts)
    return Memory(
        stored["whole"].reshape(m, -1).copy(),
        stored["real"].reshape(m, -1).copy(),
        _bounds(counts),
        stored["steps"].reshape(-1, 2),
        stored["options"].reshape(-1, 4),
        stored["places"].reshape(-1, 3),
    )


def remember(state: State, movers: list[str], memory: Memory) -> None:
    """Remember exactly these trucks, sorted by name."""
    state["movers"] = movers
    state["count"] = np.diff(memory.bounds)
    for name in _TYPES:
        state[name] = getattr(memory, name)


def _bounds(counts: Longs) -> Longs:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _ranges(bounds: Longs, chosen: Longs) -> Longs:
    """Members of the chosen ranges, one after the other; nothing for a negative number."""
    chosen = chosen[chosen >= 0]
    counts = bounds[chosen + 1] - bounds[chosen]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    members: Longs = np.arange(total) + np.repeat(bounds[chosen] - (ends - counts), counts)
    return members


def merged(held: Columns, new: Columns) -> tuple[Columns, Longs, Longs, list[str]]:
    """Put rows that wait before the new ones of each truck.

    Returns
    -------
    all rows, the bounds of trucks, the first new row of each, and their names.
    """
    if not rows(held):
        bounds = segments(new)
        return new, bounds, bounds[:-1].copy(), [str(m) for m in new["mover"][bounds[:-1]]]
    parts = [(part, segments(part)) for part in (held, new)]
    owners = [part["mover"][bounds[:-1]] for part, bounds in parts]
    names, owner = np.unique(np.concatenate(owners), return_inverse=True)
    sizes = np.concatenate([np.diff(bounds) for _, bounds in parts])
    number = np.repeat(owner.reshape(-1), sizes)
    # A stable sort: what waited stays before what is new.
    order = np.argsort(number, kind="stable")
    # One column after the other, so that there is no second copy of all of them.
    both = {name: np.concatenate([held[name], new[name]])[order] for name in new}
    bounds = _bounds(np.bincount(number, minlength=len(names)))
    waited = np.bincount(number[: rows(held)], minlength=len(names))
    return both, bounds, bounds[:-1] + waited, [str(name) for name in names]
