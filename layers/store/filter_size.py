"""Walks over CQL2-JSON expressions before they are compiled."""

from __future__ import annotations

from typing import Any

from layers.errors import QueryError

MAX_DEPTH = 64
MAX_NODES = 20_000
_VERTICES = ("coordinates", "geometries")


def check_size(where: Any) -> None:
    """Refuse an expression that is too deep or too large to be compiled; QueryError.

    Walks without recursion, so that no input exhausts the stack.
    """
    waiting, nodes = [(where, 1, True)], 0
    while waiting:
        node, depth, counted = waiting.pop()
        nodes += counted
        if depth > MAX_DEPTH:
            raise QueryError(f"the filter nests deeper than {MAX_DEPTH} levels")
        if nodes > MAX_NODES:
            raise QueryError(f"the filter has more than {MAX_NODES} parts")
        if isinstance(node, dict):
            # Vertices have a measure of their own, `filter_space.MAX_VERTICES`.
            waiting += [(v, depth + 1, counted and k not in _VERTICES) for k, v in node.items()]
        elif isinstance(node, list):
            waiting += [(v, depth + isinstance(v, list), counted) for v in node]


def names_of(where: Any) -> set[str]:
    """Names of the properties that a CQL2-JSON expression of checked size speaks of."""
    waiting, names = [where], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict) and isinstance(node.get("property"), str):
            names.add(node["property"])
        elif isinstance(node, dict):
            waiting += [value for key, value in node.items() if key not in _VERTICES]
    return names
