"""Where and when to patrol: shifts that would have met most offenders, shown against later ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import ValidationError

from analytics.algorithm import (
    CSV,
    GEOJSON,
    InputError,
    Output,
    Outputs,
    Progress,
    algorithm,
    given,
)
from analytics.enforcement.alerts import alerts_of
from analytics.enforcement.asked import AlertInputs, changes, chosen_alerts, told_parameters
from analytics.enforcement.parameters import PatrolParameters, enforcement_of
from analytics.enforcement.patrol import Proposal, Shares, propose
from analytics.reader import Reader
from analytics.table import FEATURES, Table
from layers.h3grid import cell_polygon, format_cell
from layers.text import Text

_DECIMALS = 4
_SHARES = {
    "type": "object",
    "properties": {
        "alerts": {"type": "integer"},
        "caught": {"type": "number"},
        "share": {"type": ["number", "null"]},
    },
}


class PatrolProposalInputs(AlertInputs):
    """Which alerts, and what there is to patrol with."""

    places: int | None = given("Shifts a week", "每周班次", None, ge=1, le=1_000)
    teams: int | None = given("Teams at a time", "同时在岗队数", None, ge=1, le=1_000)
    shift_h: int | None = given(
        "Hours of a shift, a divisor of 24", "每班小时数（24的约数）", None, ge=1, le=24
    )
    resolution: int | None = given("H3 resolution of a place", "地点格网分辨率", None, ge=0, le=12)
    fit_share: float | None = given(
        "Share of the time that the plan is made from", "用于规划的时段比例", None, gt=0, lt=1
    )


@algorithm(
    "patrol-proposal",
    "1.0.0",
    Text(en="Patrol proposal", zh="巡查建议"),
    Text(
        en="H3 cells and hours of the week, by the city's clock, in which teams would have met most"
        " of the alerts of the first part of the time, chosen greedily; and what they catch of the"
        " later part, which the choice has not seen, beside as many shifts at random and last"
        " week's hottest ones. Alerts show where one looked: places without sensors have none.",
        zh="按城市时间选出各队巡查能遇到最多前期预警的格网与周内时段（贪心选取），并用选取时未见的后期预警"
        "检验，同时给出随机班次与上周最热班次的对照。预警只反映有监测之处，无传感器的地方没有预警。",
    ),
    PatrolProposalInputs,
    {
        "shifts": Output(
            Text(en="Shifts, best first", zh="班次（优先在前）"), FEATURES, (GEOJSON, CSV)
        ),
        "summary": Output(
            Text(en="What the shifts catch", zh="效果检验"),
            {
                "type": "object",
                "properties": {
                    "held_from": {"type": ["string", "null"], "format": "date"},
                    **dict.fromkeys(("fit", "held", "held_by_chance", "held_by_hottest"), _SHARES),
                    "fit_at_most": {"type": "integer"},
                    "guarantee": {"type": "number"},
                    "parameters": {"type": "object"},
                    "sources": {"type": "object"},
                },
            },
        ),
    },
    keywords=("enforcement", "H3", "planning"),
)
def patrol_proposal(reader: Reader, inputs: PatrolProposalInputs, progress: Progress) -> Outputs:
    """Plan from the alerts that the reader sees."""
    declared = enforcement_of(reader.city)
    names = ("places", "teams", "shift_h", "resolution", "fit_share")
    changed = changes({name: getattr(inputs, name) for name in names})
    parameters = _with(declared.patrol, changed)
    progress(0.0, "reading")
    frame = chosen_alerts(reader, inputs)
    progress(0.3, f"{len(frame):,} alerts")
    known = alerts_of(frame, parameters.resolution)
    proposal = propose(known, parameters, reader.city.declaration.zone)
    progress(1.0)
    summary: dict[str, Any] = {
        "held_from": None if proposal.held_from is None else proposal.held_from.isoformat(),
        "fit": _told(proposal.fit),
        "held": _told(proposal.held),
        "held_by_chance": _told(proposal.held_by_chance),
        "held_by_hottest": _told(proposal.held_by_hottest),
        "fit_at_most": proposal.fit_at_most,
        "guarantee": round(proposal.guarantee, _DECIMALS),
        **told_parameters(parameters, changed, "patrol", declared.sources),
    }
    return {"shifts": _table(proposal), "summary": summary}


def _with(declared: PatrolParameters, changed: dict[str, Any]) -> PatrolParameters:
    try:
        return PatrolParameters.model_validate(declared.model_dump() | changed)
    except ValidationError as failure:
        first = failure.errors()[0]
        raise InputError(str(first["loc"][0]), first["msg"]) from failure


def _told(shares: Shares) -> dict[str, Any]:
    share = None if shares.share is None else round(shares.share, _DECIMALS)
    return {"alerts": shares.alerts, "caught": round(shares.caught, _DECIMALS), "share": share}


def _table(proposal: Proposal) -> Table:
    rows = proposal.shifts
    shapes = np.empty(len(rows), object)
    shapes[:] = [cell_polygon(row.cell) for row in rows]
    ids = [f"{row.weekday}-{row.from_h:02d}-{format_cell(row.cell)}" for row in rows]
    told: dict[str, list[Any]] = {
        "rank": list(range(1, len(rows) + 1)),
        "cell": [format_cell(row.cell) for row in rows],
        "weekday": [row.weekday for row in rows],
        "from": [f"{row.from_h:02d}:00" for row in rows],
        "to": [f"{row.to_h:02d}:00" for row in rows],
        "caught_fit": [len(row.fit) for row in rows],
        "caught_held": [len(row.held) for row in rows],
        "caught_fit_alone": [row.fit_alone for row in rows],
        "caught_held_alone": [row.held_alone for row in rows],
        "alerts_fit": [",".join(row.fit) for row in rows],
        "alerts_held": [",".join(row.held) for row in rows],
    }
    return Table(ids, told, shapes)
