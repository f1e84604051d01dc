"""Repeat offenders: alerts counted by who, by what and by where.

A row is one of repeat where ``times`` alerts or more fall into some span as long as the period,
wherever it lies; a firm also where too large a share of its trucks had one in the latest period.
Alerts are suspicions: what people rejected should be left out of the frame.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from analytics.calendar import city_days, city_hours
from analytics.enforcement.alerts import Alerts, alerts_of
from analytics.enforcement.parameters import RepeatParameters
from layers.h3grid import cell_polygon, format_cell

By = Literal["subject", "firm", "station", "site", "corridor", "hour_of_week"]
KINDS: tuple[By, ...] = get_args(By)
_DAY_MS = 86_400_000
_DECIMALS = 4
# 1970-01-01 was a Thursday.
_THURSDAY = 3
_WEEK_H = 168


@dataclass(frozen=True)
class Offender:
    """One row: what alerts have in common.

    Attributes
    ----------
    by, key : what they are counted by, and which one: a subject, a firm, the id of a station or
        site, an H3 cell, an hour of the week such as ``1-06`` (Monday, from 6 by the city's clock).
    alerts : how many there are.
    days : on how many days of the city.
    most_in_period : most that fall into one span as long as the period.
    subjects : how many are behind them.
    first, last : when the first and the last began (UTC).
    share : of all alerts.
    repeat : whether it is one of repeat.
    fleet, fleet_share : of a firm: its trucks, and the share with an alert in the latest period.
    rules, cells : that found them, that they lie in, most alerts first.
    alert_ids : all of them, in order of time.
    """

    by: By
    key: str
    alerts: int
    days: int
    most_in_period: int
    subjects: int
    first: datetime
    last: datetime
    share: float
    repeat: bool
    fleet: int | None
    fleet_share: float | None
    rules: tuple[str, ...]
    cells: tuple[str, ...]
    alert_ids: tuple[str, ...]


def repeat_offenders(
    frame: gpd.GeoDataFrame,
    parameters: RepeatParameters,
    zone: str,
    *,
    by: tuple[By, ...] = KINDS,
    firms: Mapping[str, str] | None = None,
) -> gpd.GeoDataFrame:
    """Count alerts and name those of repeat.

    Parameters
    ----------
    frame : rows of the layer ``alert``, EPSG:4326.
    zone : IANA time zone of the city.
    by : what is counted by.
    firms : firm of each plate, of whole fleets; without it nothing is counted by firm.

    Returns
    -------
    a row for each `Offender`, in the order of ``by``, those with most alerts first. The geometry
    is the cell of a corridor, else the outlines of the cells that are listed.
    """
    alerts = alerts_of(frame, parameters.corridor_resolution)
    rows = [
        row
        for kind in dict.fromkeys(by)
        for row in _counted(alerts, kind, parameters, zone, firms or {})
    ]
    names = list(Offender.__dataclass_fields__)
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in names}
    shapes = [_outline(row.cells) for row in rows]
    return gpd.GeoDataFrame(columns, geometry=np.array(shapes, object), crs="EPSG:4326")


def _outline(cells: tuple[str, ...]) -> shapely.Geometry | None:
    if not cells:
        return None
    whole: shapely.Geometry = shapely.union_all([cell_polygon(int(cell, 16)) for cell in cells])
    return whole


def _counted(
    alerts: Alerts, by: By, parameters: RepeatParameters, zone: str, firms: Mapping[str, str]
) -> list[Offender]:
    groups: dict[str, list[int]] = defaultdict(list)
    for k in range(len(alerts)):
        for key in dict.fromkeys(_keys(alerts, k, by, parameters, zone, firms)):
            groups[key].append(k)
    fleets = Counter(firms.values())
    rows = [
        _offender(alerts, by, key, members, parameters, zone, firms, fleets)
        for key, members in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.alerts, row.key))


def _keys(
    alerts: Alerts,
    k: int,
    by: By,
    parameters: RepeatParameters,
    zone: str,
    firms: Mapping[str, str],
) -> Iterator[str]:
    if by == "subject":
        yield from alerts.subjects[k]
    elif by == "firm":
        yield from (firms[one] for one in alerts.subjects[k] if one in firms)
    elif by == "corridor":
        yield from map(format_cell, alerts.cells[k].tolist())
    elif by == "hour_of_week":
        (hour,) = hours_of_week(alerts.start_ms[k : k + 1], zone).tolist()
        yield f"{hour // 24 + 1}-{hour % 24:02d}"
    else:
        wanted = parameters.station_layers if by == "station" else parameters.site_layers
        yield from (key for layer, key in alerts.references[k] if layer in wanted)


def hours_of_week(t: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int64]:
    """Hour of the week by the city's clock, 0 from Monday midnight; t in ms UTC, shape (n,)."""
    return np.asarray((city_hours(t, zone) + _THURSDAY * 24) % _WEEK_H, np.int64)


def _offender(
    alerts: Alerts,
    by: By,
    key: str,
    members: list[int],
    parameters: RepeatParameters,
    zone: str,
    firms: Mapping[str, str],
    fleets: Mapping[str, int],
) -> Offender:
    start = alerts.start_ms[members]
    period_ms = round(parameters.period_days * _DAY_MS)
    cells = Counter(cell for k in members for cell in alerts.cells[k].tolist())
    listed = sorted(cells, key=lambda cell: (-cells[cell], cell))[: parameters.cells_listed]
    rules = Counter(alerts.rules[k] for k in members)
    most = most_within(start, period_ms)
    fleet, share = None, None
    if by == "firm":
        since = int(alerts.start_ms[-1]) - period_ms
        late = [k for k in members if alerts.start_ms[k] > since]
        trucks = {one for k in late for one in alerts.subjects[k] if firms.get(one) == key}
        fleet, share = fleets[key], round(len(trucks) / fleets[key], _DECIMALS)
    return Offender(
        by=by,
        key=key,
        alerts=len(members),
        days=len(np.unique(city_days(start, zone))),
        most_in_period=most,
        subjects=len({one for k in members for one in alerts.subjects[k]}),
        first=_moment(start[0]),
        last=_moment(start[-1]),
        share=round(len(members) / len(alerts), _DECIMALS),
        repeat=most >= parameters.times or (share is not None and share > parameters.fleet_share),
        fleet=fleet,
        fleet_share=share,
        rules=tuple(sorted(rules, key=lambda rule: (-rules[rule], rule))),
        cells=(key,) if by == "corridor" else tuple(map(format_cell, listed)),
        alert_ids=tuple(alerts.ids[k] for k in members),
    )


def most_within(t: npt.NDArray[np.int64], period_ms: int) -> int:
    """Most times that fall into a half-open span of a length; t ascending, shape (n,)."""
    ends = np.searchsorted(t, t + period_ms, side="left")
    return int((ends - np.arange(len(t))).max(initial=0))


def _moment(t_ms: np.int64) -> datetime:
    return datetime.fromtimestamp(int(t_ms) / 1000, UTC)
