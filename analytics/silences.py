"""How silences of vessels are told: those that are over, and those that still last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from analytics.event import Evidence, Measure, above
from analytics.preparation.statics import Statics
from analytics.references import MarineZone
from analytics.tracks import distance_m, name_of
from analytics.vessel_wording import between, duration, knots, told, who
from analytics.vessels import Fix
from analytics.wording import place
from layers.text import Text

_SMALLEST = 1e-6


@dataclass(frozen=True)
class Silence:
    """A silence, and why it is no chance.

    Attributes
    ----------
    mmsi, track, said : whose; key of the track that it follows; what the vessel said of itself.
    start : the last position.
    zones : watched, near its beginning or end.
    rate, intervals, cell : how often in a vessel-day a vessel that goes on sending there is silent
        for longer, in how many intervals seen, and the id of the cell and class.
    min_gap_s, max_per_day : limits.
    zone : time zone of the city.
    """

    mmsi: str
    track: str
    said: Statics | None
    start: Fix
    zones: Sequence[MarineZone]
    rate: float
    intervals: int
    cell: str
    min_gap_s: float
    max_per_day: float
    zone: str


Told = tuple[tuple[int, int], shapely.Geometry, Evidence, Text]


def ended(silence: Silence, fix: Fix) -> Told:
    """Span, place, evidence and sentence of a silence that a position ends."""
    start, gap = silence.start, (fix.t - silence.start.t) / 1000
    far = distance_m(start, fix)
    more = (
        Measure("distance", round(far, 1), "m"),
        Measure("implied_speed", round(far / gap, 3), "m/s"),
    )
    evidence = _evidence(silence, gap, more, (start.pid, fix.pid), {}, _DOUBTS)
    name, when = who(silence.said, silence.mmsi), between(start.t, fix.t, silence.zone)
    lasted, where, again = duration(gap), place(start.lon, start.lat), place(fix.lon, fix.lat)
    names, rate = _names(silence.zones), _rate(silence)
    sentence = Text(
        en=(
            f"Suspected switching off: {name.en} was silent for {lasted.en}, {when.en}, in or"
            f" near {names.en}; last at {where.en}, again at {again.en}, {far / 1000:,.1f} km"
            f" away ({knots(far / gap)}). {rate.en}"
        ),
        zh=(
            f"疑似关闭信号：{name.zh}于{when.zh}在{names.zh}或其附近中断{lasted.zh}；"
            f"中断前位置{where.zh}，恢复位置{again.zh}，相距{far / 1000:,.1f}公里"
            f"（{knots(far / gap)}）。{rate.zh}"
        ),
    )
    ends = [(start.lon, start.lat), (fix.lon, fix.lat)]
    line = shapely.LineString(ends) if ends[0] != ends[1] else shapely.Point(ends[0])
    return (start.t, fix.t), line, evidence, sentence


def lasting(silence: Silence, due_ms: int) -> Told:
    """The same of one that no position had ended by a moment; it depends on nothing later."""
    start, gap = silence.start, (due_ms - silence.start.t) / 1000
    quality = {"still_silent": True}
    evidence = _evidence(silence, gap, (), (start.pid,), quality, _DOUBTS + _DOUBTS_OF_LASTING)
    name, when = who(silence.said, silence.mmsi), between(start.t, due_ms, silence.zone)
    lasted, where = duration(gap), place(start.lon, start.lat)
    names, rate = _names(silence.zones), _rate(silence)
    speed, course = knots(start.sog_mps or 0.0), f"{start.cog_deg or 0.0:.0f}°"
    sentence = Text(
        en=(
            f"Suspected switching off, still silent: {name.en} was not heard for {lasted.en},"
            f" {when.en}; last at {where.en} in or near {names.en}, under way at {speed} on"
            f" {course}. {rate.en}"
        ),
        zh=(
            f"疑似关闭信号且尚未恢复：{name.zh}于{when.zh}已中断{lasted.zh}；最后位置{where.zh}，"
            f"在{names.zh}或其附近，当时航速{speed}、航向{course}。{rate.zh}"
        ),
    )
    return (start.t, due_ms), shapely.Point(start.lon, start.lat), evidence, sentence


def _evidence(
    silence: Silence,
    gap: float,
    more: tuple[Measure, ...],
    points: tuple[str, ...],
    quality: dict[str, Any],
    doubts: tuple[Text, ...],
) -> Evidence:
    # What was learned does not carry further than that.
    rate, limit = max(silence.rate, _SMALLEST), silence.max_per_day
    expected = (float(f"{rate:.3g}"), "1/d", limit, float(f"{limit - rate:.3g}"))
    of_cell = {"version": f"{silence.intervals} intervals"}
    return Evidence(
        measures=(
            above("silence", gap, "s", silence.min_gap_s),
            Measure("silences_expected_per_vessel_day", *expected),
            *more,
        ),
        points=points,
        references=(
            *(zone.reference() for zone in silence.zones),
            {"layer": "ais_reception", "id": silence.cell, **of_cell},
        ),
        quality={
            **told(silence.said),
            "track": name_of(silence.track),
            "intervals_in_cell": silence.intervals,
            **quality,
        },
        doubts=doubts,
    )


def _names(zones: Sequence[MarineZone]) -> Text:
    return Text(
        en=", ".join(zone.name_en for zone in zones), zh="、".join(zone.name_zh for zone in zones)
    )


def _rate(silence: Silence) -> Text:
    rate, limit = max(silence.rate, _SMALLEST), silence.max_per_day
    return Text(
        en=(
            "Vessels that go on sending there are not heard for so long"
            f" {rate:.1g} times a day, limit {limit:g}."
        ),
        zh=f"持续发送的船舶在该处如此长时间未被接收每船日约{rate:.1g}次，限值{limit:g}次。",
    )


_DOUBTS = (
    Text(
        en="The transponder may have failed, or a receiver been down; compare other vessels at"
        " that time.",
        zh="设备故障或接收站停机亦可致中断，请比对同时段其他船舶。",
    ),
    Text(
        en="Reception was learned from all hours and weathers alike.",
        zh="接收能力由全部时段与天气统计所得，未加区分。",
    ),
)
_DOUBTS_OF_LASTING = (
    Text(
        en="It may have turned and left the waters that are received, or moored outside of a"
        " declared port; only the way straight on was looked at.",
        zh="船舶可能已转向驶出接收范围，或在未登记港口停泊；仅核查了其原航向前方。",
    ),
)
