"""How findings on vessels speak of who, where and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from analytics.calendar import local_time, utc_offset
from analytics.preparation.statics import Statics
from analytics.wording import KNOT_MPS
from layers.text import Text


def who(said: Statics | None, mmsi: str) -> Text:
    """Name and MMSI of a vessel."""
    name = said.name if said is not None and said.name else "-"
    return Text(en=f"{name} (MMSI {mmsi})", zh=f"{name}（MMSI {mmsi}）")


def between(start_ms: int, end_ms: int, zone: str) -> Text:
    """A span of time on the city's clock."""
    start, end, offset = (
        local_time(start_ms, zone),
        local_time(end_ms, zone),
        utc_offset(start_ms, zone),
    )
    return Text(en=f"from {start} to {end} ({offset})", zh=f"{start}至{end}（{offset}）")


def duration(seconds: float) -> Text:
    """A long time in hours and minutes."""
    whole = round(seconds / 60)
    return Text(en=f"{whole // 60} h {whole % 60} min", zh=f"{whole // 60}小时{whole % 60}分")


def knots(mps: float) -> str:
    """A speed in knots."""
    return f"{mps / KNOT_MPS:.1f} kn"


def told(said: Statics | None) -> dict[str, Any]:
    """Static data as evidence keeps them."""
    if said is None:
        return {"name_sent": None}
    return {
        "name_sent": said.name or None,
        "callsign_sent": said.callsign or None,
        "ship_type_sent": said.ship_type or None,
        "statics_since": datetime.fromtimestamp(said.t / 1000, UTC).isoformat(timespec="seconds"),
    }
