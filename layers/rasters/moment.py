"""The time that a scene shows: a year, a month, a day or an instant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Step = Literal["year", "month", "day", "instant"]
_FORMS: dict[Step, str] = {
    "year": r"\d{4}",
    "month": r"\d{4}-\d\d",
    "day": r"\d{4}-\d\d-\d\d",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z",
}
EXAMPLES: dict[Step, str] = {
    "year": "2020",
    "month": "2020-07",
    "day": "2020-07-01",
    "instant": "2020-07-01T08:00:00Z",
}
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, order=True)
class Moment:
    """A closed span of time, both ends aware UTC.

    Attributes
    ----------
    start, end : first and last microsecond that belong to it; equal for an instant.
    text : as it is written, such as ``2020`` or ``2020-07-01``.
    """

    start: datetime
    end: datetime
    text: str


def parse_moment(text: str, step: Step) -> Moment:
    """Read a time as a raster's step demands.

    Raises
    ------
    ValueError
        for a time of another form, or that is not in the calendar.
    """
    said = text.strip()
    if not re.fullmatch(_FORMS[step], said, re.ASCII):
        raise ValueError(f"found {text!r}, expected a {step} such as {EXAMPLES[step]}")
    filled = said + {"year": "-01-01", "month": "-01"}.get(step, "")
    try:
        start = datetime.fromisoformat(filled.replace("Z", "+00:00"))
    except ValueError as failure:
        raise ValueError(f"{text!r} is no time of the calendar") from failure
    start = start.replace(tzinfo=UTC)
    try:
        return Moment(start, _last(start, step), said)
    except (ValueError, OverflowError) as failure:
        raise ValueError(f"{text!r} lies at the end of the calendar") from failure


def _last(start: datetime, step: Step) -> datetime:
    if step == "instant":
        return start
    if step == "day":
        return start + timedelta(days=1) - _TICK
    if step == "year":
        return start.replace(year=start.year + 1) - _TICK
    following = start.replace(day=28) + timedelta(days=4)
    return following.replace(day=1) - _TICK
