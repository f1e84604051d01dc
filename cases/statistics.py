"""How cases are dealt with: numbers of a unit and what lies below it, never beyond.

They are read from tallies that change with the cases (see `cases.case_tallies`), whole months of a
span by the month and the days at its ends by the day. A reopened case may be closed twice, and
counts so. Medians are of times that really passed, of all stays that ended in a month that the span
meets (see `cases.case_tallies.median_s`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from cases.case_rows import CASE
from cases.case_tallies import HELD, SUBJECT, median_s
from cases.refusals import IncompleteError, NotAllowedError
from cases.units import WHOLE, Units, beyond, units_of
from layers.access import Audience
from layers.city import City
from layers.query import Query
from layers.store.base import Store
from layers.store.tables import instant_text
from layers.store.tallies import Tallied
from layers.text import Text

By = Literal["all", "unit", "department", "event_type", "origin", "level"]
# By these, medians are read off so many numbers that they are told only if asked for.
_MANY = ("unit", "department", "event_type")
_LONGEST_DAYS = 36_525


@dataclass
class Figures:
    """Numbers of one unit, department, kind, source or level.

    Attributes
    ----------
    unit : code of the unit whose subtree is counted, ``*`` for everything.
    value : what is told apart: code or id, empty for all and for what has none.
    opened, filed, closed, rejected, merged, returned, reopened : how often within the span.
    in_time, late : handled before and after the time allowed, within the span.
    overdue : open cases now whose next deadline has passed.
    now : cases by state as they stand now.
    median_hours : by the state in which the time was spent, of stays that ended in the months that
        the span meets.
    """

    unit: str
    value: str
    opened: int = 0
    filed: int = 0
    closed: int = 0
    rejected: int = 0
    merged: int = 0
    returned: int = 0
    reopened: int = 0
    in_time: int = 0
    late: int = 0
    overdue: int = 0
    now: dict[str, int] = field(default_factory=dict)
    median_hours: dict[str, float] = field(default_factory=dict)

    @property
    def share_in_time(self) -> float | None:
        """Share of what was handled that was in time, None where nothing was."""
        handled = self.in_time + self.late
        return self.in_time / handled if handled else None


def statistics(
    store: Store,
    city: City,
    audience: Audience,
    *,
    by: By,
    first: date,
    last: date,
    at: datetime,
    unit: str | None = None,
    value: str | None = None,
    medians: bool | None = None,
) -> list[Figures]:
    """Count what happened to cases from a day to a day, both included, of the city's zone.

    Parameters
    ----------
    audience : whose subtrees are counted; readers of some departments only are told by department.
    by : what is told apart; ``unit`` gives the units right below.
    at : now (aware), for what is overdue.
    unit : code of a unit within the audience's subtrees; None for all of them.
    value : the only department, event type, source or level that is wanted; None for all.
    medians : whether medians are told; None for yes, but where all units, departments or event
        types are asked for at once, which takes several times as long.

    Returns
    -------
    sorted by unit and value; what has no number is missing.

    Raises
    ------
    NotAllowedError
        for a unit beyond the audience's subtrees, or another ``by`` than it may ask for.
    IncompleteError
        for a span that ends before it begins, or is longer than a century.
    """
    if not 0 <= (last - first).days <= _LONGEST_DAYS:
        raise IncompleteError("last", Text(en="the span ends before it begins", zh="时间范围无效"))
    units = units_of(city)
    roots = _roots(units, audience, unit)
    mine = audience.scope.departments
    if mine is not None and by != "department":
        raise NotAllowedError(
            Text(en="ask by department: others' cases are not yours", zh="仅可按本部门统计")
        )
    told = roots
    if by == "unit":
        told = sorted({child.code for root in roots for child in units.children(root)})
    dimension = "all" if by == "unit" else by
    spans = periods(first, last, at.astimezone(city.zone).date())
    asked = {"now": [""], **spans}
    if medians or (medians is None and (by not in _MANY or value is not None)):
        asked[HELD] = sorted({*spans["month"], *(day[:7] for day in spans["day"])})
    parts = [one for code in told for one in (units.whole if code == WHOLE else [code])]
    # Of everything, what is told is the sum of its parts.
    whole = WHOLE in told
    rows = store.tallies(SUBJECT, parts, dimension, asked, value)
    found = _figures(rows, WHOLE if whole else None)
    _count_overdue(store, units, found, audience, by, told, at)
    if mine is not None:
        found = {key: one for key, one in found.items() if one.value in mine}
    if value is not None:
        found = {key: one for key, one in found.items() if one.value == value}
    return [found[key] for key in sorted(found)]


def periods(first: date, last: date, today: date) -> dict[str, list[str]]:
    """Whole months of a span, and the days that are in none of them, by span.

    The month that is running is whole: nothing has happened yet on the days to come.
    """
    if last >= today:
        last = (last.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    days: list[str] = []
    months: list[str] = []
    day = first
    while day <= last:
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day.day == 1 and following - timedelta(days=1) <= last:
            months.append(f"{day:%Y-%m}")
            day = following
        else:
            days.append(f"{day:%Y-%m-%d}")
            day += timedelta(days=1)
    return {"day": days, "month": months}


def _roots(units: Units, audience: Audience, unit: str | None) -> list[str]:
    roots = units.roots(audience.scope)
    if unit is None:
        return roots
    allowed = WHOLE in roots or any(unit == one or units.is_below(unit, one) for one in roots)
    if not allowed or not units.knows(unit):
        raise beyond(unit)
    return [unit]


def _figures(rows: list[Tallied], as_unit: str | None) -> dict[tuple[str, str], Figures]:
    found: dict[tuple[str, str], Figures] = {}
    held: dict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
    numbers: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        unit = as_unit or row.unit
        one = found.setdefault((unit, row.value), Figures(unit, row.value))
        if row.span == HELD:
            held[unit, row.value, row.measure][row.bucket] += row.number
        elif row.span == "now":
            if row.number:
                one.now[row.measure] = one.now.get(row.measure, 0) + row.number
        else:
            numbers[unit, row.value, row.measure] += row.number
    for (unit, value, measure), number in numbers.items():
        setattr(found[unit, value], measure, number)
    for (unit, value, state), buckets in sorted(held.items()):
        found[unit, value].median_hours[state] = round(median_s(buckets) / 3600, 4)
    return found


def _count_overdue(
    store: Store,
    units: Units,
    found: dict[tuple[str, str], Figures],
    audience: Audience,
    by: By,
    told: list[str],
    at: datetime,
) -> None:
    """Open cases past their deadline are counted as they stand: time alone makes them late."""
    past = {"op": "<", "args": [{"property": "deadline"}, {"timestamp": instant_text(at)}]}
    names = ["jurisdiction"] if by in ("all", "unit") else ["jurisdiction", by]
    late = store.count_by(Query(CASE, where=past, scope=audience.scope), names)
    for (code, *values), number in late.items():
        named = (values[0] or "") if values else ""
        for unit in (WHOLE, *units.counted(code)):
            if unit in told:
                key = (unit, named)
                found.setdefault(key, Figures(*key)).overdue += number
