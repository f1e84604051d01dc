"""Notices of a step: whom of the people with accounts it concerns, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cases.case_rows import Row
from cases.messages import Message
from cases.notices import NoticeDeclaration
from cases.people_told import OUTSIDE, notice_of
from layers.access import Audience, Right
from layers.city import City
from layers.errors import OnemapError
from layers.store.base import Transaction
from layers.store.notice import Notice
from ogc_server.access.entrance import Entrance

# Who of a department or a unit is told: those who can do something about it.
_RIGHTS: dict[str, tuple[Right, ...]] = {
    "department": ("handle",),
    "unit": ("dispatch",),
}


def tell(
    unit: Transaction,
    city: City,
    entrance: Entrance,
    declared: NoticeDeclaration,
    row: Row,
    messages: Sequence[Message],
    *,
    language: str,
    at: datetime,
) -> list[Notice]:
    """Put into the outbox what the staff is told of a step; others are told by its record.

    Parameters
    ----------
    unit : the transaction of the step: either both are there or neither.
    row : the case after the step.
    language : of the words.
    at : the clock (aware), the same as in the log.
    """
    inbox, made = declared.inbox, []
    for message in messages:
        if inbox is None or message.whom in OUTSIDE:
            continue
        for name in _names(city, entrance, row, message, at):
            made.append(notice_of(declared, message, inbox, name, language=language, at=at))
    unit.put_notices(made)
    return made


def _names(city: City, entrance: Entrance, row: Row, message: Message, at: datetime) -> list[str]:
    """Accounts that a message is for; whoever sits at the machine where there are none."""
    if message.whom not in _RIGHTS:
        return [message.recipient]
    if not entrance.guarded or entrance.accounts is None:
        return ["local"]
    found = []
    for account in entrance.accounts.all():
        try:
            audience = city.roles.audience(account)
        except OnemapError:
            continue
        concerned = account.departments if message.whom == "department" else account.jurisdictions
        if (
            message.recipient in concerned
            and any(audience.may(right) for right in _RIGHTS[message.whom])
            and _within(audience, row)
            and account.stands(at)
        ):
            found.append(account.name)
    return found


def _within(audience: Audience, row: Row) -> bool:
    prefixes = audience.scope.jurisdictions
    return prefixes is None or (row.get("jurisdiction") or "").startswith(prefixes)
