"""Groups of axles that weigh more than their limit, whatever the instrument erred.

``axle_groups`` of a weighing says how many axles each group has, front first, such as ``1+2+3``.
The first group steers: its axles have single tyres. A single axle right behind it is the drive
axle; further back two axles are a tandem and three a tridem. What is not among these has no limit.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from analytics.calendar import in_force
from analytics.rule import Columns, Parameters
from layers.text import Text

GroupKind = Literal["single_steering", "drive", "single", "tandem", "tridem"]
NAMES: dict[GroupKind, Text] = {
    "single_steering": Text(en="steering", zh="转向轴"),
    "drive": Text(en="drive axle", zh="驱动轴"),
    "single": Text(en="single axle", zh="单轴"),
    "tandem": Text(en="tandem", zh="二轴组"),
    "tridem": Text(en="tridem", zh="三轴组"),
}
# Masses are told in whole kilograms; a millionth of one is arithmetic.
DECIMALS = 6
_GROUPS = re.compile(r"[1-9](\+[1-9])*")
_BY_SIZE: dict[int, GroupKind] = {1: "single", 2: "tandem", 3: "tridem"}
Floats = npt.NDArray[np.float64]


class AxleLimit(Parameters):
    """A limit of a group of axles; of ``single_steering`` for each axle of the group."""

    group: GroupKind
    limit_kg: float = Field(gt=0)


class DatedTable(Parameters):
    """Limits in force between two days, both included.

    Attributes
    ----------
    source : law or standard, as quoted in evidence.
    """

    in_force_from: date
    in_force_to: date | None = None
    source: Text


class AxleTable(DatedTable):
    """Limits of groups of axles."""

    limits: tuple[AxleLimit, ...] = Field(min_length=1)


class HeavyGroup(NamedTuple):
    """A group that is too heavy.

    Attributes
    ----------
    number : counted from the front, from 1; ``axles`` it has.
    mass_kg : of all its axles as weighed; ``least_kg`` that less the instrument's error.
    table : number of the table that its limit is from.
    """

    number: int
    axles: int
    kind: GroupKind
    mass_kg: float
    least_kg: float
    limit_kg: float
    table: int


@lru_cache(maxsize=1024)
def read_groups(text: str) -> tuple[int, ...]:
    """Axles of each group; empty where the text tells none."""
    return tuple(map(int, text.split("+"))) if _GROUPS.fullmatch(text) else ()


def kinds_of(groups: tuple[int, ...]) -> tuple[GroupKind | None, ...]:
    """What each group is; None for what has no limit of its own."""
    behind = groups[1:2]
    second: tuple[GroupKind | None, ...] = tuple(
        "drive" if size == 1 else _BY_SIZE.get(size) for size in behind
    )
    return ("single_steering", *second, *(_BY_SIZE.get(size) for size in groups[2:]))


def adds_up(groups: tuple[int, ...], masses: tuple[float, ...]) -> bool:
    """Whether the groups have as many axles as were weighed."""
    return bool(groups) and sum(groups) == len(masses)


def heavy_groups(
    tables: tuple[AxleTable, ...], columns: Columns, days: npt.NDArray[np.int64], error: Floats
) -> dict[int, tuple[HeavyGroup, ...]]:
    """Find the weighings with groups above their limits.

    Parameters
    ----------
    tables : later ones win where they overlap.
    columns : of the feed ``weighing``, n rows.
    days : of the city; error : share of the mass by which a group's may err; shape (n,) each.

    Returns
    -------
    by row its groups that are too heavy, from the front.
    """
    found: dict[int, tuple[HeavyGroup, ...]] = {}
    texts, masses = columns["axle_groups"], columns["axle_masses_kg"]
    for text in sorted({*texts.tolist()}):
        groups = read_groups(text)
        same = np.flatnonzero(texts == text).tolist()
        rows = np.array([row for row in same if adds_up(groups, masses[row])], np.int64)
        if not len(rows):
            continue
        weighed = np.array([masses[row] for row in rows], np.float64)
        sums = np.add.reduceat(weighed, np.cumsum((0, *groups[:-1])), axis=1)
        limits, used = _limits(tables, groups, days[rows])
        least = sums / (1 + error[rows, None])
        heavy = np.round(least - limits, DECIMALS) > 0
        kinds = kinds_of(groups)
        for k in np.flatnonzero(heavy.any(axis=1)).tolist():
            found[int(rows[k])] = tuple(
                HeavyGroup(g + 1, groups[g], kind, float(sums[k, g]), float(least[k, g]),
                           float(limits[k, g]), int(used[k]))
                for g, kind in enumerate(kinds) if kind is not None and heavy[k, g]
            )  # fmt: skip
    return found


def _limits(
    tables: tuple[AxleTable, ...], groups: tuple[int, ...], days: npt.NDArray[np.int64]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Limits of each row's groups (inf where there is none), and the table they are from."""
    limits = np.full((len(days), len(groups)), np.inf)
    used = np.zeros(len(days), np.int64)
    for number, table in enumerate(tables):
        held = in_force(days, table.in_force_from, table.in_force_to)
        known: dict[Any, float] = {row.group: row.limit_kg for row in table.limits}
        own = [known.get(kind, np.inf) for kind in kinds_of(groups)]
        own[0] *= groups[0]
        limits[held], used[held] = own, number
    return limits, used
