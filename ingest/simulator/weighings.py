"""Weigh-in-motion records of a day, with overloads and near misses planted in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ingest.simulator.axles import group_limits as axles_of
from ingest.simulator.axles import groups_of, heavy_group, on_axles, spread
from ingest.simulator.feed_plan import AxleLimits, MassLimit, WeighingPlan
from ingest.simulator.geography import Station
from ingest.simulator.trucks import Plates, Truck, Vehicle
from ingest.simulator.truth import Planted
from layers.crs import to_lonlat
from layers.text import Text

Ints = npt.NDArray[np.int64]
RULE = "overload"
HEADING = (
    "record_id,station_id,lane,time,plate,vehicle_kind,axles,axle_masses_kg,axle_groups,gross_kg,"
    "speed_kmh,error_share,single_drive_axle,image_ref"
)
_FULL = 0.97
# Whole kilograms at limit × (1 + error), in spite of binary fractions.
_ROUNDING = 1e-6
_AXLES_ABOVE_KG = 150
_RECORDS_PER_STORY = 4
_WHY = {
    "just_above": Text(
        en="Gross mass a little above limit × (1 + instrument error)",
        zh="总质量略高于限值×（1＋仪器误差）",
    ),
    "well_above": Text(
        en="Gross mass well above limit × (1 + instrument error)",
        zh="总质量明显高于限值×（1＋仪器误差）",
    ),
    "exactly": Text(
        en="Gross mass exactly at limit × (1 + instrument error)",
        zh="总质量恰为限值×（1＋仪器误差）",
    ),
    "within_error": Text(
        en="Above the limit, but within the instrument error", zh="高于限值，但在仪器误差范围内"
    ),
    "axles_above": Text(
        en="A group of axles above limit × (1 + error), the whole truck within its limit",
        zh="轴组质量高于限值×（1＋误差），总质量未超限",
    ),
    "axles_exactly": Text(
        en="A group of axles exactly at limit × (1 + error)", zh="轴组质量恰为限值×（1＋误差）"
    ),
    "axles_within": Text(
        en="A group of axles above its limit, but within the error",
        zh="轴组质量高于限值，但在误差范围内",
    ),
    "two_drive_axles": Text(
        en="Above the limit for one drive axle, but the tractor has two",
        zh="高于单驱动轴限值，但该牵引车为双驱动轴",
    ),
}


@dataclass(frozen=True)
class Weighed:
    """A truck over a station: number of the station, Unix seconds, direction.

    ``vehicle`` and ``gross_kg`` are given for trucks that send positions; those that are ``fixed``
    belong to a story of their own.
    """

    plate: str
    station: int
    t: float
    forward: bool
    vehicle: Vehicle | None = None
    gross_kg: int | None = None
    fixed: bool = False


@dataclass(frozen=True)
class _Load:
    """What a truck is and weighs; ``story`` is "" for ordinary ones.

    ``groups`` are the masses of its groups of axles, None where the limits divide the gross mass.
    """

    limit: MassLimit
    gross_kg: int
    story: str = ""
    groups: Ints | None = None


def passages(
    trucks: Sequence[Truck],
    stations: Sequence[Station],
    count: int,
    least: int,
    plates: Plates,
    day: tuple[int, int],
    rng: np.random.Generator,
) -> list[Weighed]:
    """Trucks over stations in the order of time.

    Parameters
    ----------
    trucks : those with known positions; whenever one passes a station in a direction that this
        covers, it is weighed.
    count : of records; those that are not known are trucks that send no positions, ``least`` of
        them at least.
    """
    known = [
        Weighed(truck.plate, p.station, p.t, p.forward, truck.vehicle, truck.gross_kg, truck.quiet)
        for truck in trucks
        for p in truck.passages
        if stations[p.station].covers(p.forward)
    ]
    # Enough of them for every planted load, whatever the scale.
    rest = max(count - len(known), least)
    strange = [plates.next() for _ in range(max(1, rest // 3))]
    # Trucks are rarer at night: a broad hump over the day.
    share = rng.beta(2.2, 2.2, rest)
    others = []
    for part in share:
        which = int(rng.integers(len(stations)))
        forward = stations[which].covers(True) and bool(
            rng.random() < 0.5 or not stations[which].covers(False)
        )
        t = float(day[0] + part * (day[1] - day[0] - 2))
        others.append(Weighed(strange[int(rng.integers(len(strange)))], which, t, forward))
    return sorted(known + others, key=lambda w: (w.t, w.plate))


def write_records(
    weighed: Sequence[Weighed],
    stations: Sequence[Station],
    plan: WeighingPlan,
    crs: str,
    day_name: str,
    clock: npt.NDArray[np.str_],
    day_start: int,
    rng: np.random.Generator,
) -> tuple[bytes, int, list[Planted], dict[str, MassLimit]]:
    """All records as CSV.

    Parameters
    ----------
    weighed : in the order of time.
    crs : of the stations' lines.
    clock : local time of each second since ``day_start``.

    Returns
    -------
    The file's bytes, the number of its rows without the heading, what was planted, and the class of
    each truck that was weighed.
    """
    loads = _loads(weighed, stations, plan, rng)
    lines, planted = [], []
    for number, (one, load) in enumerate(zip(weighed, loads, strict=True), start=1):
        station = stations[one.station]
        record = f"W{day_name}-{number:06d}"
        time = str(clock[int(one.t) - day_start])
        lines.append(_line(record, one, load, station, time, plan.axles, rng))
        if load.story:
            planted.append(_truth(one, load, station, crs))
    for row in sorted(rng.permutation(len(lines))[: plan.broken].tolist(), reverse=True):
        lines.insert(row, _broken(lines[row], int(rng.integers(6))))
    content = ("\n".join([HEADING, *lines]) + "\n").encode()
    classes = {one.plate: load.limit for one, load in zip(weighed, loads, strict=True)}
    return content, len(lines), planted, classes


def strangers(plan: WeighingPlan) -> int:
    """How many records of trucks without positions all planted loads need."""
    kinds = 2 * plan.planted_per_limit + 3 * plan.axles.planted + 1
    return _RECORDS_PER_STORY * kinds * len(plan.limits)


def stories(plan: WeighingPlan, error_share: float, rng: np.random.Generator) -> Iterator[_Load]:
    """The planted loads for an instrument error, violations and near misses."""
    for limit in plan.limits:
        reach = int(limit.limit_kg * (1 + error_share) + _ROUNDING)
        for number in range(plan.planted_per_limit):
            if number % 2 == 0:
                yield _Load(limit, reach + int(rng.integers(1, 40)), "just_above")
                yield _Load(limit, reach, "exactly")
            else:
                yield _Load(limit, int(reach * rng.uniform(1.06, 1.6)), "well_above")
                inside = int(rng.integers(limit.limit_kg + 1, reach))
                yield _Load(limit, inside, "within_error")
        for other in plan.limits:
            same = (other.vehicle_kind, other.axles) == (limit.vehicle_kind, limit.axles)
            if same and other.single_drive_axle and not limit.single_drive_axle:
                above = round(other.limit_kg * (1 + error_share)) + 200
                yield _Load(limit, above, "two_drive_axles")
    for _ in range(plan.axles.planted):
        for limit in plan.limits:
            yield from _axle_stories(limit, plan.axles)


def _axle_stories(limit: MassLimit, axles: AxleLimits) -> Iterator[_Load]:
    """A load that lies on the last group of axles, though the truck as a whole isn't too heavy."""
    most = int(axles_of(limit, axles)[-1])
    reach = int(most * (1 + axles.error_share) + _ROUNDING)
    for story, mass in (
        ("axles_above", reach + _AXLES_ABOVE_KG),
        ("axles_exactly", reach),
        ("axles_within", (most + reach) // 2),
    ):
        groups = heavy_group(limit, mass, axles)
        if groups is not None:
            yield _Load(limit, int(groups.sum()), story, groups)


def _loads(
    weighed: Sequence[Weighed],
    stations: Sequence[Station],
    plan: WeighingPlan,
    rng: np.random.Generator,
) -> list[_Load]:
    kinds: dict[str, MassLimit] = {}
    loads = []
    for one in weighed:
        own = one.vehicle.limit if one.vehicle else plan.limits[int(rng.integers(len(plan.limits)))]
        limit = kinds.setdefault(one.plate, own)
        by_chance = int(limit.limit_kg * rng.uniform(0.25, _FULL))
        loads.append(_Load(limit, by_chance if one.gross_kg is None else one.gross_kg))
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(weighed):
        if not one.fixed:
            rows.setdefault(one.plate, []).append(row)
    error = stations[weighed[0].station].error_share
    free = [
        (plate, int(rng.choice(rows[plate])))
        for plate in rng.permutation(sorted(rows)).tolist()
        if all(stations[weighed[row].station].error_share == error for row in rows[plate])
    ]
    for (plate, row), story in zip(free, stories(plan, error, rng), strict=False):
        for at in rows[plate]:
            loads[at] = _Load(story.limit, int(story.limit.limit_kg * rng.uniform(0.3, _FULL)))
        loads[row] = story
    return loads


def _line(
    record: str,
    one: Weighed,
    load: _Load,
    station: Station,
    time: str,
    axles: AxleLimits,
    rng: np.random.Generator,
) -> str:
    lanes = max(1, station.lanes // 2)
    lane = int(rng.integers(1, lanes + 1)) + (0 if one.forward or station.lanes < 2 else lanes)
    groups = load.groups
    if groups is None:
        groups = spread(load.limit, load.gross_kg, axles, None if load.story else rng)
    values = (
        *(record, station.id, lane, time, one.plate, load.limit.vehicle_kind, load.limit.axles),
        ";".join(map(str, on_axles(load.limit, groups))),
        "+".join(map(str, groups_of(load.limit))),
        *(load.gross_kg, round(float(rng.uniform(25, 78)), 1), station.error_share),
        "true" if load.limit.single_drive_axle else "false",
        f"wim/{record}.jpg",
    )
    return ",".join(map(str, values))


def _truth(one: Weighed, load: _Load, station: Station, crs: str) -> Planted:
    middle = station.line.centroid
    lon, lat = to_lonlat([middle.x], [middle.y], crs)
    expect: Literal["event", "silent"] = "event" if load.story.endswith("above") else "silent"
    axles = f"{load.limit.vehicle_kind}-{load.limit.axles}"
    name = f"{RULE}-{load.story}-{axles}-{one.plate}"
    t = float(int(one.t))
    return Planted(
        name, RULE, one.plate, t, t, float(lon[0]), float(lat[0]), expect, _WHY[load.story]
    )


def _broken(line: str, way: int) -> str:
    """A record that no reader may take in."""
    fields = line.split(",")
    fields[0] += "X"
    at, found = ((9, "NaN"), (9, "-5"), (6, "1"), (5, "tank"), (3, "yesterday"), (4, ""))[way]
    fields[at] = found
    return ",".join(fields)
