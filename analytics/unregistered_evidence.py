"""Evidence and sentences of `analytics.rules.unregistered_vessel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import Geod

from analytics.calendar import local_time, utc_offset
from analytics.event import Comparison, Evidence, Measure
from analytics.names import Candidate
from analytics.references import MarineZone, References, RegisterEntry, RegisterOn
from analytics.vessels import Fix, Said
from analytics.wording import place, speed
from layers.crs import STORAGE, transformer
from layers.text import Text

_GEOD = Geod(ellps="WGS84")
_BLANKS = frozenset(" .-_@0?>")


@dataclass(frozen=True)
class Finding:
    """What was found, before it is put into words.

    Attributes
    ----------
    keys : comparable forms of the claimed name.
    fix, before : the position inside the watch area and the one before it.
    candidates : registered names nearest to the claimed one.
    second_keys : registered vessels that have this MMSI or call sign, each with the key that
        matched.
    """

    subject: str
    said: Said
    keys: tuple[str, ...]
    fix: Fix
    before: Fix | None
    zones: tuple[MarineZone, ...]
    register: RegisterOn
    candidates: tuple[Candidate, ...]
    second_keys: tuple[tuple[str, RegisterEntry], ...]

    @property
    def near(self) -> Candidate | None:
        """A registered name that differs in confusable characters only."""
        return next((c for c in self.candidates if c.confusable), None)


def tell(finding: Finding, parameters: Any, references: References) -> tuple[Evidence, Text]:
    """Evidence and sentence of a finding."""
    fix, said = finding.fix, finding.said
    points = sorted({(fix.t, fix.pid), (said.t, said.pid)})
    if finding.before is not None:
        points.insert(0, (finding.before.t, finding.before.pid))
    evidence = Evidence(
        measures=_measures(finding, references),
        points=tuple(dict.fromkeys(pid for _, pid in sorted(points))),
        references=_references(finding),
        quality=_quality(finding),
        doubts=_doubts(finding),
        comparisons=_comparisons(finding, parameters),
    )
    return evidence, _sentence(finding, references.zone)


def _measures(finding: Finding, references: References) -> tuple[Measure, ...]:
    x, y = transformer(STORAGE, references.crs).transform(finding.fix.lon, finding.fix.lat)
    at = shapely.Point(x, y)
    depth = max(float(shapely.distance(zone.shape.boundary, at)) for zone in finding.zones)
    measures = [Measure("distance_inside_zone", round(depth, 1), "m", 0.0, round(depth, 1))]
    if finding.candidates:
        least = min(candidate.distance for candidate in finding.candidates)
        measures.append(Measure("name_distance", least, "{character}", 0.0, least))
    return tuple(measures)


def _references(finding: Finding) -> tuple[dict[str, Any], ...]:
    register = {
        "layer": "vessel_registry",
        "id": "",
        "version": finding.register.version,
        "entries": len(finding.register.entries),
        "nearest": [vars(candidate) for candidate in finding.candidates],
    }
    matched = [
        {
            "layer": "vessel_registry",
            "id": entry.registry_id,
            "version": finding.register.version,
            "matched_by": key,
            "name_zh": entry.name_zh,
            "name_pinyin": entry.name_pinyin,
        }
        for key, entry in finding.second_keys
    ]
    return (register, *matched, *(zone.reference() for zone in finding.zones))


def _quality(finding: Finding) -> dict[str, Any]:
    said = finding.said
    return {
        "name_sent": said.name,
        "name_compared": list(finding.keys),
        "callsign_sent": said.callsign,
        "ship_type_sent": said.ship_type or None,
        # Since when the vessel has said so; negative where the name came after the position.
        "said_since_s": round((finding.fix.t - said.t) / 1000, 3),
        "second_keys_matched": [key for key, _ in finding.second_keys],
    }


def _doubts(finding: Finding) -> tuple[Text, ...]:
    doubts = [
        Text(en="The register may lag behind new registrations.", zh="登记册可能滞后于最新登记。"),
        Text(
            en="Names and MMSI in AIS are entered by hand and may be copied or shared.",
            zh="AIS船名与MMSI由人工录入，可能被冒用或共用。",
        ),
    ]
    near = finding.near
    if near is not None:
        doubts.insert(
            0,
            Text(
                en=f"The name may be a misspelling of the registered {near.name}.",
                zh=f"船名可能是已登记船名{near.name}的误写。",
            ),
        )
    for key, entry in finding.second_keys:
        name = entry.name_pinyin or entry.name_zh
        doubts.insert(
            0,
            Text(
                en=f"The {key} belongs to the registered vessel {name}.",
                zh=f"{_KEYS_ZH[key]}属于已登记船舶{entry.name_zh or name}。",
            ),
        )
    return tuple(doubts)


_KEYS_ZH = {"MMSI": "MMSI", "call sign": "呼号"}


def _comparisons(finding: Finding, parameters: Any) -> tuple[Comparison, ...]:
    """Make the six comparisons: position, speed, course, name, destination, track."""
    fix, said = finding.fix, finding.said
    zones = ", ".join(zone.zone_id for zone in finding.zones)
    low, high = parameters.fishing_speed_mps
    slow = None if fix.sog_mps is None else low <= fix.sog_mps <= high
    where = f"{fix.lon:.6f}, {fix.lat:.6f} (lon, lat)"
    going_to = said.destination.strip()
    told = bool(going_to) and not set(going_to) <= _BLANKS
    return (
        Comparison("position", where, f"inside {zones}", True),
        Comparison("speed", speed(fix.sog_mps), f"fishing speed {low}-{high} m/s", slow),
        _course(finding, parameters.course_tolerance_deg),
        Comparison("name", " / ".join(finding.keys), finding.register.version, True),
        # A destination that is given can't be judged without a chart of ways to it.
        Comparison("destination", going_to, "a destination is given", None if told else True),
        _track(finding, parameters.max_speed_mps),
    )


def _course(finding: Finding, tolerance_deg: float) -> Comparison:
    fix, before = finding.fix, finding.before
    if fix.cog_deg is None or before is None or (before.lon, before.lat) == (fix.lon, fix.lat):
        found = "-" if fix.cog_deg is None else f"{fix.cog_deg:.1f}°"
        return Comparison("course", found, "no way made since a position before", None)
    bearing = _GEOD.inv(before.lon, before.lat, fix.lon, fix.lat)[0] % 360
    off = abs((fix.cog_deg - bearing + 180) % 360 - 180)
    against = f"way made {bearing:.1f}°, tolerance {tolerance_deg:g}°"
    return Comparison("course", f"{fix.cog_deg:.1f}°", against, bool(off > tolerance_deg))


def _track(finding: Finding, max_speed_mps: float) -> Comparison:
    fix, before = finding.fix, finding.before
    if before is None or before.t >= fix.t:
        return Comparison("track", "no position before", f"at most {max_speed_mps:g} m/s", None)
    metres = _GEOD.inv(before.lon, before.lat, fix.lon, fix.lat)[2]
    implied = float(np.round(metres / ((fix.t - before.t) / 1000), 2))
    found = f"{implied:.2f} m/s over {(fix.t - before.t) / 1000:.0f} s"
    return Comparison("track", found, f"at most {max_speed_mps:g} m/s", implied > max_speed_mps)


def _sentence(finding: Finding, zone: str) -> Text:
    fix = finding.fix
    name = " / ".join(finding.keys)
    where = place(fix.lon, fix.lat)
    at, offset = local_time(fix.t, zone), utc_offset(fix.t, zone)
    zones_en = ", ".join(z.name_en for z in finding.zones)
    zones_zh = "、".join(z.name_zh for z in finding.zones)
    day = finding.register.day.isoformat()
    near = _near(finding)
    return Text(
        en=(
            f"Suspected unregistered fishing vessel: {name} (MMSI {finding.subject}) at {where.en},"
            f" {at} ({offset}), inside {zones_en}; the name is not in the register of {day}"
            f" ({finding.register.version}){near.en}."
        ),
        zh=(
            f"疑似无证渔船：{name}（MMSI {finding.subject}）于{at}（{offset}）位于{where.zh}，"
            f"在{zones_zh}内；该船名不在{day}的船舶登记册中（{finding.register.version}）{near.zh}。"
        ),
    )


def _near(finding: Finding) -> Text:
    near = finding.near
    if near is not None:
        return Text(
            en=f"; near match: the registered {near.name} differs in confusable characters only",
            zh=f"；近似匹配：已登记船名{near.name}仅有易混字符不同",
        )
    if not finding.candidates:
        return Text(en="", zh="")
    one = finding.candidates[0]
    characters = "character" if one.distance == 1 else "characters"
    return Text(
        en=f"; nearest registered name {one.name}, {one.distance} {characters} away",
        zh=f"；最接近的登记船名为{one.name}，相差{one.distance}个字符",
    )
