"""How findings on trucks speak of speeds and times, and which register entry they cite."""

from __future__ import annotations

from typing import Any

from analytics.calendar import city_day, date_of, local_time, utc_offset
from analytics.references import References
from layers.text import Text


def kmh(mps: float) -> str:
    """A speed in kilometres an hour."""
    return f"{mps * 3.6:.0f} km/h"


def hours(seconds: float) -> Text:
    """A long time to the second, since limits are passed by seconds."""
    whole = round(seconds)
    h, m, s = whole // 3600, whole // 60 % 60, whole % 60
    return Text(en=f"{h} h {m} min {s} s", zh=f"{h}小时{m}分{s}秒")


def moment(t_ms: int, zone: str) -> Text:
    """A time on the city's clock."""
    at, offset = local_time(t_ms, zone), utc_offset(t_ms, zone)
    return Text(en=f"{at} ({offset})", zh=f"{at}（{offset}）")


def registered(references: References, plate: str, t_ms: int) -> tuple[dict[str, Any], ...]:
    """How evidence cites the register's entry of a plate on a day; empty without one."""
    day = date_of(city_day(t_ms, references.zone))
    entry = references.haulage.truck_on(plate, day)
    return () if entry is None else (entry.reference(),)
