"""A message that somebody is to get, as the outbox keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

NoticeStatus = Literal["waiting", "sent", "failed"]


@dataclass(frozen=True)
class Notice:
    """One message to one recipient by one way.

    Attributes
    ----------
    key : tells it from all others; a receiver that has seen it already may ignore it.
    channel : id of the declared way, such as ``inbox``.
    recipient : what the channel sends to: an account, a number, an address.
    about : id of what it tells of, such as a case.
    template : which words it was made from.
    created, due, sent : aware UTC; it is not sent before ``due``.
    status : ``failed`` where it will not be tried again by itself.
    attempts : in vain so far.
    seen : when the recipient opened it, for an inbox.
    fault : of the last attempt in vain.
    """

    key: str
    channel: str
    recipient: str
    about: str
    template: str
    subject: str
    body: str
    created: datetime
    due: datetime
    status: NoticeStatus = "waiting"
    attempts: int = 0
    sent: datetime | None = None
    seen: datetime | None = None
    fault: str | None = None
