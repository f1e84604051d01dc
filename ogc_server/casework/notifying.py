"""Notices of a step: whom of the people with accounts it concerns, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from cases.case_rows import Row
from cases.messages import Message
from cases.notices import InboxChannel, NoticeDeclaration, compose
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
# Ways that find a shop by the id that a rule knows it by; people's own inboxes are for accounts.
_OUTWARD = ("webhook", "mqtt")


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
    """Put the notices of a step into the outbox.

    Parameters
    ----------
    unit : the transaction of the step: either both are there or neither.
    row : the case after the step.
    language : of the words.
    at : the clock (aware), the same as in the log.
    """
    made = []
    for message in messages:
        for channel, recipient in _ways(city, entrance, declared, row, message, at):
            notice = compose(
                declared, message.template, channel=channel, recipient=recipient,
                about=message.about, occasion=message.occasion, fields=message.fields,
                language=language, at=at,
            )  # fmt: skip
            # The inbox lies in the store itself: what is written there has arrived.
            inbox = channel == inbox_of(declared)
            made.append(replace(notice, status="sent", sent=at) if inbox else notice)
    unit.put_notices(made)
    return made


def inbox_of(declared: NoticeDeclaration) -> str | None:
    """Id of the channel that accounts read on their pages, None where a city has none."""
    return next((one.id for one in declared.channels if isinstance(one, InboxChannel)), None)


def _ways(
    city: City,
    entrance: Entrance,
    declared: NoticeDeclaration,
    row: Row,
    message: Message,
    at: datetime,
) -> Iterator[tuple[str, str]]:
    inbox = inbox_of(declared)
    if message.whom == "subject":
        outward = [one.id for one in declared.channels if one.kind in _OUTWARD]
        for channel in outward or ([inbox] if inbox else []):
            yield channel, message.recipient
    elif inbox is not None:
        for name in _names(city, entrance, row, message, at):
            yield inbox, name


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
