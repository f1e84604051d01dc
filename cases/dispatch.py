"""Who should go: candidates for a case by place, duty and load, each with its reasons.

Every candidate's cost is a time in minutes: the way, the open cases before this one, and what
speaks against him. The lowest cost is proposed first; the reasons add up to it, so that whoever is
chosen can be told why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from cases.case_rows import Row, plain
from cases.process import Choice
from cases.units import units_of
from layers.city import City
from layers.city_declaration import Jurisdiction
from layers.text import Text

Kind = Literal["officer", "block", "centre", "department"]
_ORDER: tuple[Kind, ...] = ("officer", "block", "centre", "department")
_ABLE = ("free", "busy", "resting")


@dataclass(frozen=True)
class Candidate:
    """Somebody who could be sent.

    Attributes
    ----------
    kind : an officer or team in the field, the post of a responsibility block, a town's branch
        centre, or the department as a whole.
    id : of the field force, the block, the unit or the department.
    department, unit : where the case would be sent.
    minutes : cost; the lower the better.
    distance_m : way as the crow flies, None where no place is known.
    reasons : why him, and what speaks against it.
    """

    kind: Kind
    id: str
    department: str | None
    unit: str | None
    minutes: float
    distance_m: float | None
    reasons: tuple[Text, ...]


def rank(
    matter: Row,
    blocks: gpd.GeoDataFrame,
    forces: gpd.GeoDataFrame,
    load: Mapping[str, int],
    *,
    city: City,
    choice: Choice,
    at: datetime,
) -> list[Candidate]:
    """Candidates for a case, the best first.

    Parameters
    ----------
    matter : the case: ``geometry`` (EPSG:4326), ``department``, ``departments``, ``jurisdiction``.
    blocks : rows of ``duty_grid`` near it: ``duty_id``, ``department``, ``team``,
        ``officer_role``, ``shift``, ``geometry``.
    forces : rows of ``field_force`` near it: ``force_id``, ``role``, ``team``, ``duty_id``,
        ``time``, ``state``, ``geometry``.
    load : open cases by id of force, block, unit or department.
    at : now (aware).

    Returns
    -------
    officers within reach who are on duty and not fully loaded, blocks that hold the place, the
        town's branch centre, the department; sorted by cost, kind and id.
    """
    setting = _Setting(matter, city, choice, at, load)
    own = _holding(setting, blocks)
    found = [
        *_officers(setting, forces, blocks, own),
        *(_block(setting, block) for block in own),
        *_centre(setting),
        *_department(setting),
    ]
    return sorted(found, key=lambda one: (one.minutes, _ORDER.index(one.kind), one.id))


@dataclass(frozen=True)
class _Setting:
    matter: Row
    city: City
    choice: Choice
    at: datetime
    load: Mapping[str, int]

    @property
    def shift(self) -> str:
        clock = f"{self.at.astimezone(self.city.zone):%H:%M}"
        begin, end = self.choice.day_shift
        return "day" if begin <= clock < end else "night"

    def loaded(self, key: str) -> tuple[float, list[Text]]:
        number = self.load.get(key, 0)
        minutes = number * self.choice.minutes_per_open_case
        return minutes, [
            Text(en=f"{number} open cases: {minutes:g} min", zh=f"在办{number}件：{minutes:g}分钟")
        ]

    @property
    def departments(self) -> list[str]:
        listed = (self.matter.get("departments") or "").split(",")
        return [one for one in dict.fromkeys([self.matter.get("department"), *listed]) if one]


def _holding(setting: _Setting, blocks: gpd.GeoDataFrame) -> list[Row]:
    """Blocks that hold the place in the shift of now, those of the case's departments only."""
    if not len(blocks):
        return []
    inside = shapely.intersects(blocks.geometry.to_numpy(), setting.matter["geometry"])
    rows = [_plain(row) for row in blocks[inside].to_dict("records")]
    return [
        row
        for row in rows
        if row["shift"] in (None, "all", setting.shift)
        and (row["department"] is None or row["department"] in setting.departments)
    ]


def _block(setting: _Setting, block: Row) -> Candidate:
    minutes, reasons = setting.loaded(block["duty_id"])
    minutes += setting.choice.no_position_minutes
    name = block.get("name_zh") or block["duty_id"]
    role = block.get("officer_role") or block.get("team") or "-"
    return Candidate(
        kind="block",
        id=block["duty_id"],
        department=block["department"] or setting.matter.get("department"),
        unit=setting.matter.get("unit"),
        minutes=round(minutes, 1),
        distance_m=None,
        reasons=(
            Text(
                en=f"the place lies in responsibility block {name}, post {role}",
                zh=f"地点位于责任网格“{name}”，岗位{role}",
            ),
            *reasons,
            _unplaced(setting),
        ),
    )


def _officers(
    setting: _Setting, forces: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame, own: Sequence[Row]
) -> list[Candidate]:
    if not len(forces):
        return []
    distances = _distances_m(setting, forces)
    mine = {block["duty_id"] for block in own}
    teams = {block["team"] for block in own if block["team"]}
    lead = {
        row["duty_id"]: plain(row["department"])
        for row in blocks[["duty_id", "department"]].to_dict("records")
    }
    oldest_s = setting.choice.position_max_age_minutes * 60
    found = []
    for record, metres in zip(forces.to_dict("records"), distances.tolist(), strict=True):
        force = _plain(record)
        age_s = (setting.at - force["time"]).total_seconds()
        department = lead.get(force["duty_id"])
        fits = department is None or department in setting.departments
        busy = setting.load.get(force["force_id"], 0) >= setting.choice.most_open_cases
        reachable = metres <= setting.choice.reach_m and 0 <= age_s <= oldest_s
        if fits and not busy and reachable and force["state"] in _ABLE:
            inside = force["duty_id"] in mine or force["team"] in teams
            found.append(_officer(setting, force, metres, inside, department))
    return found


def _officer(
    setting: _Setting, force: Row, metres: float, inside: bool, department: str | None
) -> Candidate:
    way = metres / setting.choice.walking_mps / 60
    minutes, reasons = setting.loaded(force["force_id"])
    minutes += way
    role = force["role"] or force["force_id"]
    told = [
        Text(
            en=f"{role} is {metres:.0f} m away: {way:.1f} min on foot",
            zh=f"{role}距{metres:.0f}米，步行{way:.1f}分钟",
        ),
        *reasons,
    ]
    if inside:
        told.insert(0, Text(en="his responsibility block holds the place", zh="地点在其责任网格内"))
    else:
        extra = setting.choice.outside_block_minutes
        minutes += extra
        told.append(Text(en=f"not his block: {extra:g} min", zh=f"非其责任网格：加{extra:g}分钟"))
    if force["state"] != "free":
        told.append(Text(en=f"now {force['state']}", zh=f"当前状态：{force['state']}"))
    return Candidate(
        kind="officer",
        id=force["force_id"],
        department=department or setting.matter.get("department"),
        unit=setting.matter.get("unit"),
        minutes=round(minutes, 1),
        distance_m=round(metres, 1),
        reasons=tuple(told),
    )


def _centre(setting: _Setting) -> list[Candidate]:
    """Give the branch centre of the town, or of the unit above where there is no town."""
    unit = units_of(setting.city).in_hand(setting.matter.get("jurisdiction"), "town")
    if unit is None:
        return []
    minutes, reasons = setting.loaded(unit.code)
    minutes += setting.choice.no_position_minutes + setting.choice.outside_block_minutes
    return [
        Candidate(
            kind="centre",
            id=unit.code,
            department=setting.matter.get("department"),
            unit=unit.code,
            minutes=round(minutes, 1),
            distance_m=None,
            reasons=(_answering(unit), *reasons, _unplaced(setting), _unassigned(setting)),
        )
    ]


def _department(setting: _Setting) -> list[Candidate]:
    department = setting.matter.get("department")
    if department is None:
        return []
    known = setting.city.departments.get(department)
    title = known.title if known else Text(en=department, zh=department)
    number, choice = setting.load.get(department, 0), setting.choice
    # What a whole department has in hand says nothing of who in it is free.
    minutes = choice.no_position_minutes + 2 * choice.outside_block_minutes
    return [
        Candidate(
            kind="department",
            id=department,
            department=department,
            unit=setting.matter.get("unit"),
            minutes=round(minutes, 1),
            distance_m=None,
            reasons=(
                Text(
                    en=f"{title.en} leads on events of this kind",
                    zh=f"此类事件由{title.zh}牵头",
                ),
                Text(en=f"{number} open cases", zh=f"在办{number}件"),
                _unplaced(setting),
                _unassigned(setting, 2),
            ),
        )
    ]


def _answering(unit: Jurisdiction) -> Text:
    return Text(en=f"{unit.title.en} answers for the place", zh=f"地点由{unit.title.zh}管辖")


def _unplaced(setting: _Setting) -> Text:
    minutes = setting.choice.no_position_minutes
    return Text(en=f"no position known: {minutes:g} min", zh=f"位置未知：加{minutes:g}分钟")


def _unassigned(setting: _Setting, times: int = 1) -> Text:
    minutes = times * setting.choice.outside_block_minutes
    return Text(
        en=f"must send somebody first: {minutes:g} min", zh=f"须再行指派：加{minutes:g}分钟"
    )


def _distances_m(setting: _Setting, forces: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """Metres in the city's UTM zone; infinite where a position is missing."""
    project = pyproj.Transformer.from_crs("EPSG:4326", setting.city.crs, always_xy=True).transform
    x, y = project(*shapely.get_coordinates(setting.matter["geometry"].representative_point()).T)
    points = np.asarray(forces.geometry.array, object)
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    px, py = project(lon, lat)
    metres = np.hypot(np.asarray(px) - x[0], np.asarray(py) - y[0])
    return np.where(np.isfinite(metres), metres, np.inf)


def _plain(record: Mapping[Any, Any]) -> Row:
    return {str(name): plain(value) for name, value in record.items()}
