"""Whether somebody may do something to a case that he sees."""

from __future__ import annotations

from cases.actor import Actor
from cases.asking import Asking
from cases.case_rows import Row
from cases.process import Action, Need
from cases.refusals import IncompleteError, NotAllowedError
from cases.units import Units
from layers.text import Text

_NEEDED: dict[Need, tuple[str, Text]] = {
    "reason": ("why", Text(en="a reason", zh="原因")),
    "photo": ("photos", Text(en="a photo", zh="照片")),
    "place": ("where", Text(en="the place of who acts", zh="操作地点")),
    "department": ("department", Text(en="a department", zh="部门")),
    "unit": ("unit", Text(en="a unit", zh="单元")),
    "case": ("case", Text(en="another case", zh="另一工单")),
}


def check_allowed(action: Action, actor: Actor, units: Units, row: Row) -> None:
    """Refuse what role, level, unit, department or assignment don't allow.

    Who sees the case at all is not asked here: that is the scope's.

    Raises
    ------
    NotAllowedError
        saying which of them.
    """
    check_right(action, actor)
    title = action.title
    level = units.level(actor.audience.scope)
    if level not in action.levels:
        levels = ", ".join(action.levels)
        _refuse(title, f"is for {levels}, not for a {level}", f"限{levels}级，当前为{level}级")
    if action.guard == "unit" and not _answers(actor, row):
        unit = row.get("unit") or "-"
        _refuse(title, f"is for who answers for unit {unit}, which has the case in hand",
                f"工单由单元{unit}办理")  # fmt: skip
    if action.own:
        _check_own(title, actor, row)


def check_right(action: Action, actor: Actor) -> None:
    """Refuse who has no right to an action, whatever the case; NotAllowedError."""
    right = action.right
    if right is None:
        _refuse(action.title, "is done by the platform itself", "由平台自动完成")
    elif not actor.audience.may(right):
        _refuse(action.title, f"needs the right '{right}'", f"需要“{right}”权限")


def check_complete(action: Action, asked: Asking) -> None:
    """Refuse what lacks something that the action needs; IncompleteError naming it."""
    given = {
        "reason": asked.why,
        "photo": asked.photos,
        "place": asked.where,
        **{name: asked.details.get(name) for name in ("department", "unit", "case")},
    }
    for need in action.needs:
        if not given[need]:
            name, what = _NEEDED[need]
            raise IncompleteError(
                name,
                Text(en=f"'{action.id}' needs {what.en}", zh=f"“{action.title.zh}”须提供{what.zh}"),
            )


def check_apart(action: Action, actor: Actor, other: str | None) -> None:
    """Refuse who did the other action himself; NotAllowedError.

    Parameters
    ----------
    other : who did it last.
    """
    if other is not None and other == actor.name and not actor.alone:
        _refuse(action.title, f"is not for who did '{action.apart_from}'", "不得由同一人完成")


def _check_own(title: Text, actor: Actor, row: Row) -> None:
    mine = actor.audience.departments
    lead = row.get("department")
    if mine is not None and lead not in mine:
        _refuse(title, f"is for department {lead}", f"限部门{lead}")
    assignee = row.get("assignee")
    if assignee and assignee != actor.name:
        _refuse(
            title, f"is for {assignee}, to whom the case is assigned", f"工单已指派给{assignee}"
        )


def _answers(actor: Actor, row: Row) -> bool:
    prefixes = actor.audience.scope.jurisdictions
    return prefixes is None or (row.get("unit") or "").startswith(prefixes)


def _refuse(title: Text, en: str, zh: str) -> None:
    raise NotAllowedError(Text(en=f"'{title.en}' {en}", zh=f"“{title.zh}”：{zh}"))
