"""Codes of a unit and all below it, marked by a prefix, which an index on the code answers."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping

_LAST_CHARACTER = "\U0010ffff"


def prefixes(parents: Mapping[str, str | None]) -> dict[str, str | None]:
    """Prefix that marks the subtree of each unit among all units.

    It is the unit's code without the zeros at its end that stand for "the whole unit" (120400 for
    a town, 120401 for a village of it), or the whole code where those digits alone would take in a
    neighbour (1210 beside 1211).

    Parameters
    ----------
    parents : code of the parent of each unit, None at the top.

    Returns
    -------
    prefix by code, None for a unit that no prefix marks: a neighbour's code begins with its own,
    or a child's code doesn't.
    """
    codes = sorted(parents)
    children: dict[str, list[str]] = defaultdict(list)
    for code, parent in parents.items():
        if parent is not None:
            children[parent].append(code)
    return {code: _prefix(code, codes, children) for code in parents}


def _prefix(code: str, codes: list[str], children: Mapping[str, list[str]]) -> str | None:
    below = _subtree(code, children)
    for prefix in dict.fromkeys((code.rstrip("0"), code)):
        first = bisect_left(codes, prefix)
        last = bisect_left(codes, prefix + _LAST_CHARACTER)
        if prefix and last - first == len(below) and below.issuperset(codes[first:last]):
            return prefix
    return None


def _subtree(code: str, children: Mapping[str, list[str]]) -> set[str]:
    found, open_ = {code}, [code]
    while open_:
        for child in children.get(open_.pop(), ()):
            if child not in found:
                found.add(child)
                open_.append(child)
    return found
