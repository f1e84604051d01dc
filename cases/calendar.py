"""Working time: when a number of hours of work will have passed.

Time is counted in hours that really pass: where clocks are changed within a span of work, that span
is an hour longer or shorter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from layers.errors import OnemapError

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
# A calendar that gives less than this many hours of work has a mistake in it.
_FURTHEST_DAYS = 3660
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class CalendarError(OnemapError):
    """A time without zone, or hours of work that never come."""


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError("expected a time of day such as 08:30")
    return value


Clock = Annotated[str, AfterValidator(_clock)]
Span = tuple[Clock, Clock]


class WorkingTime(BaseModel):
    """Hours of work as a city declares them, in its own zone.

    Attributes
    ----------
    hours : spans of a working day, in order, such as ``[["09:00", "12:00"], ["13:00", "17:00"]]``.
    weekdays : names of the days that are worked.
    holidays : days that are not, though their weekday is.
    workdays : days that are, though their weekday is not (such as days that make up for holidays).
    source : where holidays and workdays are laid down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: tuple[Span, ...]
    weekdays: tuple[str, ...]
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    source: str

    @model_validator(mode="after")
    def _orderly(self) -> WorkingTime:
        times = [one for span in self.hours for one in span]
        if not times or any(a >= b for a, b in pairwise(times)):
            raise ValueError("hours are spans in order, each ending after it begins")
        for name in self.weekdays:
            if name not in WEEKDAYS:
                raise ValueError(f"'{name}' is no weekday; they are {', '.join(WEEKDAYS)}")
        if not self.weekdays:
            raise ValueError("no weekday is worked")
        both = set(self.holidays) & set(self.workdays)
        if both:
            raise ValueError(f"{min(both)} is both a holiday and worked")
        return self


@dataclass(frozen=True)
class Calendar:
    """Hours that count.

    Attributes
    ----------
    spans : of a working day, as minutes since midnight in ``zone``.
    weekdays : numbers of the days that are worked, Monday is 0; None where all hours count.
    """

    zone: ZoneInfo
    spans: tuple[tuple[int, int], ...] = ()
    weekdays: frozenset[int] | None = None
    exceptions: Mapping[date, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: WorkingTime, zone: str) -> Calendar:
        """Make the calendar of a city."""
        exceptions = dict.fromkeys(declared.holidays, False) | dict.fromkeys(
            declared.workdays, True
        )
        return cls(
            zone=ZoneInfo(zone),
            spans=tuple((_minutes(a), _minutes(b)) for a, b in declared.hours),
            weekdays=frozenset(WEEKDAYS.index(name) for name in declared.weekdays),
            exceptions=exceptions,
        )

    def add(self, start: datetime, hours: float) -> datetime:
        """First moment at which so many hours of work have passed since a start.

        Parameters
        ----------
        start : aware.
        hours : not negative; for 0 the start itself.

        Returns
        -------
        aware UTC.

        Raises
        ------
        CalendarError
            for a start without zone, negative hours, and hours that lie ten years ahead.
        """
        moment, left = _utc(start), timedelta(hours=_amount(hours))
        if self.weekdays is None or not left:
            return moment + left
        day = moment.astimezone(self.zone).date()
        for _ in range(_FURTHEST_DAYS):
            for begin, end in self._spans(day):
                begin = max(begin, moment)
                if begin < end:
                    if end - begin >= left:
                        return begin + left
                    left -= end - begin
            day += timedelta(days=1)
        raise CalendarError(f"{hours:g} hours of work lie more than ten years ahead")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Time of work from a start to an end (aware); 0 where the end is before the start."""
        first, last = _utc(start), _utc(end)
        if last <= first:
            return timedelta(0)
        if self.weekdays is None:
            return last - first
        total, day = timedelta(0), first.astimezone(self.zone).date()
        while day <= last.astimezone(self.zone).date():
            for begin, until in self._spans(day):
                total += max(timedelta(0), min(until, last) - max(begin, first))
            day += timedelta(days=1)
        return total

    def _spans(self, day: date) -> list[tuple[datetime, datetime]]:
        assert self.weekdays is not None
        if not self.exceptions.get(day, day.weekday() in self.weekdays):
            return []
        return [(self._moment(day, a), self._moment(day, b)) for a, b in self.spans]

    def _moment(self, day: date, minutes: int) -> datetime:
        days, rest = divmod(minutes, 24 * 60)
        local = datetime.combine(day + timedelta(days), time(rest // 60, rest % 60), self.zone)
        return local.astimezone(UTC)


ALWAYS = Calendar(ZoneInfo("UTC"))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise CalendarError(f"expected a time with its zone, found {moment.isoformat()}")
    return moment.astimezone(UTC)


def _amount(hours: float) -> float:
    if not 0 <= hours < float("inf"):
        raise CalendarError(f"expected hours from 0 on, found {hours}")
    return hours
