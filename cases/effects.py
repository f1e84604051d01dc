"""What actions do to a case besides moving it to another state."""

from __future__ import annotations

from dataclasses import dataclass

from cases.actor import Actor
from cases.asking import Asking
from cases.case_rows import CASE, Row, read_rows
from cases.process import Action, Process
from cases.recording import Step
from cases.refusals import IncompleteError, NotAllowedError, TransitionError, UnknownCaseError
from cases.states import FINAL
from cases.units import Units
from layers.city import City
from layers.city_declaration import LEVELS
from layers.store.base import Transaction
from layers.text import Text


@dataclass(frozen=True)
class Setting:
    """What an effect may look at."""

    unit: Transaction
    city: City
    process: Process
    units: Units
    actor: Actor
    asked: Asking


def apply(action: Action, row: Row, setting: Setting) -> list[Step]:
    """Do to a row what an action does, in place; steps of other cases that come with it.

    Raises
    ------
    CaseError
        where what was given makes no sense for this case.
    """
    effect = action.effect
    if effect == "assign":
        _assign(row, setting)
    elif effect == "take":
        row["assignee"] = setting.actor.name
    elif effect == "release":
        row["assignee"] = None
    elif effect == "give_back":
        _count(row, "returned")
        row["assignee"] = None
        # What was handed down goes back to whom it came from.
        if LEVELS.index(row["level"] or LEVELS[0]) > LEVELS.index(setting.process.opens_at):
            _up(row, setting)
    elif effect == "rework":
        _count(row, "returned")
    elif effect == "hand_up":
        _up(row, setting)
    elif effect == "hand_down":
        _down(row, setting)
    elif effect == "merge":
        return [_merge(row, setting)]
    return []


def _count(row: Row, name: str) -> None:
    row[name] = (row.get(name) or 0) + 1


def _assign(row: Row, setting: Setting) -> None:
    details = setting.asked.details
    listed = details.get("departments", ())
    named = [details["department"], *([listed] if isinstance(listed, str) else listed)]
    for one in named:
        if one not in setting.city.departments:
            text = Text(en=f"no department '{one}' is declared", zh=f"没有部门“{one}”")
            raise IncompleteError("department", text)
    standing = [one for one in (row.get("departments") or "").split(",") if one]
    row["department"] = named[0]
    row["departments"] = ",".join(dict.fromkeys([*named, *standing]))
    assignee = details.get("assignee")
    row["assignee"] = None if assignee is None else str(assignee)


def _up(row: Row, setting: Setting) -> None:
    above = setting.units.parent(row.get("unit"))
    if above is None:
        text = Text(en="there is no unit above that could take it", zh="没有可上报的上级单元")
        raise NotAllowedError(text)
    row |= {"unit": above.code, "level": above.level, "assignee": None}


def _down(row: Row, setting: Setting) -> None:
    units, code = setting.units, str(setting.asked.details["unit"])
    declared = setting.city.jurisdictions.get(code)
    most, now = setting.process.handed_down_most, row.get("unit")
    if declared is None or now is None or not units.is_below(code, now):
        text = Text(en=f"'{code}' is no unit below {now}", zh=f"“{code}”不是{now}的下级单元")
        raise IncompleteError("unit", text)
    if not units.holds(code, row.get("jurisdiction")):
        text = Text(en=f"the place of the case is not in {code}", zh=f"工单地点不在{code}内")
        raise IncompleteError("unit", text)
    if (row.get("handed_down") or 0) >= most:
        raise NotAllowedError(
            Text(
                en=f"it was handed down {most} times already; the level above decides",
                zh=f"已下派{most}次，应由上级处理",
            )
        )
    _count(row, "handed_down")
    row |= {"unit": code, "level": declared.level, "assignee": None}


def _merge(row: Row, setting: Setting) -> Step:
    other = str(setting.asked.details["case"])
    spec = setting.city.layer(CASE)
    found = read_rows(setting.unit, spec, [other], setting.actor.audience.scope).get(other)
    if found is None:
        raise UnknownCaseError(other)
    if other == row["case_id"] or found["state"] in FINAL:
        raise TransitionError(
            Text(
                en=f"a case can't be merged into '{other}', which is {found['state']}",
                zh=f"不能并入工单“{other}”（{found['state']}）",
            )
        )
    row["parent_case"] = other
    joined = {"case": row["case_id"]}
    return Step("join", dict(found), found, setting.actor, why=setting.asked.why, details=joined)
