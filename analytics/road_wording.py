"""How findings on trucks speak of roads, speeds and the fixes that they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from analytics.routes import Seen
from analytics.truck_references import Roads
from layers.text import Text

# More would make evidence unreadable: the first ones and the last.
_MOST_POINTS = 60
_HOUR_MS = 3_600_000


def road_name(roads: Roads, road: int) -> Text:
    """Name of a road; its id where it has none."""
    ident = str(roads.road_id[road])
    zh, en = str(roads.name_zh[road] or ""), str(roads.name_en[road] or "")
    return Text(en=en or zh or ident, zh=zh or en or ident)


def kmh(mps: float) -> str:
    """A speed in km/h, one decimal."""
    return f"{mps * 3.6:.1f} km/h"


def metres(length_m: float) -> Text:
    """A length in whole metres."""
    return Text(en=f"{length_m:,.0f} m", zh=f"{length_m:,.0f}米")


def points_of(fixes: Sequence[Seen]) -> tuple[str, ...]:
    """Ids of fixes, the first ones and the last."""
    chosen = fixes if len(fixes) <= _MOST_POINTS else (*fixes[: _MOST_POINTS - 1], fixes[-1])
    return tuple(one.pid for one in chosen)


def fixes_quality(fixes: Sequence[Seen]) -> dict[str, Any]:
    """What is known of the fixes that a finding rests on: number, density, gap, fit to the road."""
    gaps = [b.t - a.t for a, b in pairwise(fixes)]
    lasted = fixes[-1].t - fixes[0].t
    return {
        "fixes": len(fixes),
        "fixes_per_h": round((len(fixes) - 1) * _HOUR_MS / lasted, 1) if lasted else None,
        "worst_gap_s": max(gaps, default=0) / 1000,
        "worst_off_m": round(max(one.off_m for one in fixes), 1),
    }


MATCHED = Text(
    en="The road was found by matching positions to a map: a parallel road, a ramp or a level above"
    " or below may have been taken.",
    zh="所在道路由定位点匹配地图得出，可能实际行驶于平行道路、匝道或上下层道路。",
)
CLOCK = Text(
    en="The terminal's clock may be wrong.",
    zh="车载终端时钟可能有误。",
)
