"""Whom a case concerns beside the staff: who reported it, and whom a rule found.

They are told in the transaction of the step, whoever made it. What language they read nobody knows,
so that they are told in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from cases.case_rows import Row
from cases.messages import Message, messages
from cases.notices import NoticeDeclaration, compose
from cases.process import Whom, process_of
from layers.city import City
from layers.query import Query
from layers.store.base import Transaction
from layers.store.notice import Notice

# Told here; all others work on cases and are found by their accounts.
OUTSIDE: tuple[Whom, ...] = ("reporter", "subject")
# The reporter of a case that came through Open311, before the token of the report.
OPEN311 = "open311:"
CONTACTS = "service_request"
# Ways that find a shop by the id that a rule knows it by.
_OUTWARD = ("webhook", "mqtt")


def notices_of(
    unit: Transaction, city: City, row: Row, entry: Row, declared: NoticeDeclaration
) -> list[Notice]:
    """Notices for who reported a case and for its subject, of one step.

    Parameters
    ----------
    row : the case after the step; ``entry`` its entry in the log.
    """
    action = process_of(city).action(entry["action"])
    if not action.tells_any(*OUTSIDE):
        return []
    return [
        notice_of(declared, message, *way, language=None, at=entry["at"])
        for message in messages(city, action, row, entry)
        for way in _ways(unit, declared, message)
    ]


def notice_of(
    declared: NoticeDeclaration,
    message: Message,
    channel: str,
    recipient: str,
    *,
    language: str | None,
    at: datetime,
) -> Notice:
    """Notice of a message, as it is once written: what is in the inbox of the store has arrived.

    Parameters
    ----------
    channel, recipient, language, at : see `cases.notices.compose`.
    """
    notice = compose(
        declared, message.template, channel=channel, recipient=recipient, about=message.about,
        occasion=message.occasion, fields=message.fields, language=language, at=at,
    )  # fmt: skip
    return replace(notice, status="sent", sent=at) if channel == declared.inbox else notice


def _ways(
    unit: Transaction, declared: NoticeDeclaration, message: Message
) -> Iterator[tuple[str, str]]:
    """Channels and what each calls the recipient."""
    if message.whom == "subject":
        # A hook of a subscriber is for documents, not for people.
        taken = {one.channel for one in declared.subscriptions}
        ways = [c.id for c in declared.channels if c.kind in _OUTWARD and c.id not in taken]
        for channel in ways or [one for one in [declared.inbox] if one]:
            yield channel, message.recipient
    elif message.whom == "reporter":
        if message.recipient.startswith(OPEN311):
            mail = next((one.id for one in declared.channels if one.kind == "mail"), None)
            address = mail and _address(unit, message.recipient.removeprefix(OPEN311))
            if mail and address:
                yield mail, address
        # Another node that reported is told in its own way (see `cases.announcing`).
        elif ":" not in message.recipient and declared.inbox:
            yield declared.inbox, message.recipient


def _address(unit: Transaction, token: str) -> str | None:
    page = unit.page(Query(CONTACTS, fids=(token,), properties=("email",), limit=1))
    found: str | None = page.rows[0][page.names.index("email")] if page.rows else None
    return found
