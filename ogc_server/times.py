"""Times as clients write them: RFC 3339 instants, dates, and intervals with open ends."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from layers.query import TimeInterval
from ogc_server.problem import bad_parameter

# QGIS writes open ends as the first and last day that a date can name.
_BEGINNING, _END = "0000-01-01", "9999-12-31"
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:\d\d)?)?"
)
_TICK = timedelta(microseconds=1)


def parse_interval(text: str, parameter: str = "datetime") -> TimeInterval | None:
    """Read ``instant``, ``start/end``, ``../end`` or ``start/..``; None where both ends are open.

    A date means its whole UTC day; a time without zone is UTC.

    Raises
    ------
    RequestError
        400 for anything else, and for an end before its start.
    """
    parts = text.split("/")
    if len(parts) > 2:
        raise bad_parameter(parameter, f"found {text!r}, expected an instant or start/end")
    start = _bound(parts[0], parameter, last=False)
    end = _bound(parts[-1], parameter, last=True)
    if len(parts) == 1 and start is None and end is None:
        raise bad_parameter(parameter, f"found {text!r}, expected an instant or start/end")
    if start is not None and end is not None and end < start:
        raise bad_parameter(parameter, f"{text!r} ends before it starts")
    return None if start is None and end is None else TimeInterval(start, end)


def parse_instant(text: str, parameter: str) -> datetime:
    """Read one instant; a date means the end of its UTC day. RequestError 400 where it is none."""
    instant = _bound(text, parameter, last=True)
    if instant is None:
        raise bad_parameter(parameter, f"found {text!r}, expected an RFC 3339 instant")
    return instant


def _bound(text: str, parameter: str, *, last: bool) -> datetime | None:
    text = text.strip()
    if text in ("", ".."):
        return None
    # A "+" that was not percent-encoded arrives as a blank before the zone.
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text) if "T" in text else text
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise bad_parameter(
            parameter, f"found {text!r}, expected RFC 3339 such as 2020-07-01T00:00:00Z"
        )
    day, clock, zone = match.groups()
    if day == (_END if last else _BEGINNING):
        return None
    try:
        if clock is None:
            midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
            return midnight + timedelta(days=1) - _TICK if last else midnight
        moment = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').upper()}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as failure:
        raise bad_parameter(parameter, f"{text!r} is no time of the calendar") from failure


def write_instant(moment: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC, None for an open end."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
