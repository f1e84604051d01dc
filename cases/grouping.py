"""Which open cases belong together: many of one subject, or many of one kind in one place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from cases.process import Joining
from layers import h3grid
from layers.text import Text

Basis = Literal["subject", "place"]


@dataclass(frozen=True)
class Group:
    """Cases that may become one joint task.

    Attributes
    ----------
    basis : what joins them.
    event_type : theirs, of the most of them.
    subject, cell : the subject; the H3 cell as an integer; the other is None.
    members : ids, by the time they were opened.
    first, last : when the first and the last of them was opened.
    why : what they have in common, for people.
    """

    basis: Basis
    event_type: str
    subject: str | None
    cell: int | None
    members: tuple[str, ...]
    first: datetime
    last: datetime
    why: Text


@dataclass(frozen=True)
class _Case:
    id: str
    event_type: str
    subject: str | None
    cell: int | None
    opened: datetime


def _code(kind: str) -> Text:
    return Text(en=kind, zh=kind)


def propose(
    cases: gpd.GeoDataFrame, joining: Joining, title: Callable[[str], Text] = _code
) -> list[Group]:
    """Groups of at least so many cases that were opened within a window, the largest first.

    Parameters
    ----------
    cases : rows of ``case_event`` with ``case_id``, ``event_type``, ``subject``, ``opened_at``
        and ``h3`` (int64, finer than ``cell_resolution``), in any order; the caller leaves out what
        is over or in a joint task already.
    joining : the city's parameters.
    title : how an event type is called; by its code, where that is not told.

    Returns
    -------
    groups without a case in common: those of a subject come before those of a place. From the
    first case that is left, a group takes all that were opened within the window.
    """
    known = _cases(cases, joining.cell_resolution)
    found: list[Group] = []
    taken: set[str] = set()
    keys: tuple[tuple[Basis, Callable[[_Case], Hashable | None]], ...] = (
        ("subject", lambda one: one.subject or None),
        ("place", lambda one: None if one.cell is None else (one.event_type, one.cell)),
    )
    for basis, key in keys:
        sorted_out: dict[Hashable, list[_Case]] = {}
        for one in known:
            value = key(one)
            if value is not None and one.id not in taken:
                sorted_out.setdefault(value, []).append(one)
        for listed in sorted_out.values():
            for run in _runs(listed, joining):
                found.append(_group(basis, run, joining, title))
                taken.update(one.id for one in run)
    return sorted(found, key=lambda group: (-len(group.members), group.first, group.members))


def _cases(cases: gpd.GeoDataFrame, resolution: int) -> list[_Case]:
    cells = cases["h3"].to_numpy(dtype=float, na_value=np.nan)
    there = np.flatnonzero(np.isfinite(cells))
    # Integers of 64 bits don't survive a float.
    exact = cases["h3"].iloc[there].to_numpy(np.int64)
    above = dict(zip(there.tolist(), h3grid.parents(exact, resolution).tolist(), strict=True))
    opened = pd.to_datetime(cases["opened_at"], utc=True).dt.to_pydatetime()
    columns = (cases["case_id"], cases["event_type"], cases["subject"], opened)
    rows = [
        _Case(case_id, kind, subject, above.get(i), moment)
        for i, (case_id, kind, subject, moment) in enumerate(zip(*columns, strict=True))
    ]
    return sorted(rows, key=lambda one: (one.opened, one.id))


def _runs(cases: list[_Case], joining: Joining) -> Iterable[list[_Case]]:
    window, start = timedelta(hours=joining.window_hours), 0
    while start < len(cases):
        end = start
        while end < len(cases) and cases[end].opened - cases[start].opened <= window:
            end += 1
        if end - start >= joining.at_least:
            yield cases[start:end]
            start = end
        else:
            start += 1


def _group(basis: Basis, run: list[_Case], joining: Joining, title: Callable[[str], Text]) -> Group:
    kinds = [one.event_type for one in run]
    kind = max(sorted(set(kinds)), key=kinds.count)
    subject = run[0].subject if basis == "subject" else None
    cell = run[0].cell if basis == "place" else None
    number, hours = len(run), joining.window_hours
    where_en, where_zh = f"on {subject}", f"同一对象{subject}"
    if cell is not None:
        what = title(kind)
        where_en, where_zh = f"of “{what.en}” in one place", f"同一地点“{what.zh}”"
    return Group(
        basis=basis,
        event_type=kind,
        subject=subject,
        cell=cell,
        members=tuple(one.id for one in run),
        first=run[0].opened,
        last=run[-1].opened,
        why=Text(
            en=f"{number} cases {where_en} within {hours:g} h",
            zh=f"{hours:g}小时内{where_zh}工单{number}件",
        ),
    )
