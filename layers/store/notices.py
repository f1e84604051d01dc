"""The outbox in the store: what waits to be sent, what was, and what could not be.

A notice is put in with the change that it tells of, in one transaction. Whoever sends takes it for
a while by moving ``due`` forward: should he die, it is due again by itself. So a notice is sent at
least once, and its key tells a receiver of a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from layers.errors import StoreError
from layers.store.base import Store
from layers.store.database import SqlDatabase
from layers.store.notice import Notice, NoticeStatus
from layers.store.tables import notice

_FAULT_LENGTH = 500


def insert_notices(connection: Connection, notices: Sequence[Notice]) -> int:
    """Put notices in on an open connection; return how many keys were not known."""
    if not notices:
        return 0
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    added = 0
    for one in notices:
        put = make(notice).values(**asdict(one)).on_conflict_do_nothing().returning(notice.c.key)
        added += len(connection.execute(put).all())
    return added


class NoticeRecords:
    """The notices of a store."""

    def __init__(self, store: Store) -> None:
        if not isinstance(store, SqlDatabase):
            raise StoreError("this store keeps no notices")
        self._store = store

    def put(self, notices: Sequence[Notice]) -> int:
        """Put notices in by themselves; return how many were new."""
        with self._store.writing() as connection:
            return insert_notices(connection, notices)

    def get(self, key: str) -> Notice | None:
        """Return a notice, None where there is none."""
        found = self._read(select(notice).where(notice.c.key == key))
        return found[0] if found else None

    def take(
        self, channels: Iterable[str], now: datetime, hold: timedelta, limit: int
    ) -> list[Notice]:
        """Take notices that are due, the longest waiting first; nobody else gets them meanwhile.

        Parameters
        ----------
        channels : ids of the channels that can be sent by.
        hold : for how long they are held; then they are due again.
        """
        wanted = (
            select(notice)
            .where(
                notice.c.status == "waiting",
                notice.c.due <= now,
                notice.c.channel.in_(list(channels)),
            )
            .order_by(notice.c.due, notice.c.key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._store.writing() as connection:
            found = [Notice(**row) for row in connection.execute(wanted).mappings()]
            keys = [one.key for one in found]
            if keys:
                connection.execute(
                    update(notice).where(notice.c.key.in_(keys)).values(due=now + hold)
                )
        return found

    def sent(self, key: str, now: datetime) -> None:
        """Note that a notice went out."""
        self._change(key, {"status": "sent", "sent": now, "fault": None}, ("waiting", "failed"))

    def failed(self, key: str, fault: str, due: datetime | None) -> None:
        """Note an attempt in vain; ``due`` is when to try again, None for never."""
        values: dict[str, Any] = {
            "attempts": notice.c.attempts + 1,
            "fault": fault[:_FAULT_LENGTH],
        }
        values |= {"status": "failed"} if due is None else {"due": due}
        self._change(key, values, ("waiting",))

    def again(self, keys: Iterable[str], now: datetime) -> int:
        """Try notices that had failed once more; return how many there were."""
        with self._store.writing() as connection:
            done = connection.execute(
                update(notice)
                .where(notice.c.key.in_(list(keys)), notice.c.status == "failed")
                .values(status="waiting", due=now, attempts=0)
            )
        return int(done.rowcount)

    def listed(
        self,
        *,
        status: str | None = None,
        about: str | None = None,
        limit: int = 100,
    ) -> list[Notice]:
        """Notices that meet all conditions, the newest first."""
        wanted = select(notice).order_by(notice.c.created.desc(), notice.c.key).limit(limit)
        if status is not None:
            wanted = wanted.where(notice.c.status == status)
        if about is not None:
            wanted = wanted.where(notice.c.about == about)
        return self._read(wanted)

    def inbox(self, channel: str, recipient: str, limit: int = 100) -> list[Notice]:
        """What somebody has in his inbox, the newest first."""
        return self._read(
            select(notice)
            .where(
                notice.c.channel == channel,
                notice.c.recipient == recipient,
                notice.c.status == "sent",
            )
            .order_by(notice.c.created.desc(), notice.c.key)
            .limit(limit)
        )

    def seen(self, recipient: str, keys: Iterable[str], now: datetime) -> int:
        """Note that somebody opened notices of his own; return how many were unseen."""
        with self._store.writing() as connection:
            done = connection.execute(
                update(notice)
                .where(
                    notice.c.key.in_(list(keys)),
                    notice.c.recipient == recipient,
                    notice.c.seen.is_(None),
                )
                .values(seen=now)
            )
        return int(done.rowcount)

    def counts(self) -> dict[str, int]:
        """How many notices there are of each status."""
        counted = select(notice.c.status, func.count()).group_by(notice.c.status)
        with self._store.reading() as connection:
            return {str(status): int(number) for status, number in connection.execute(counted)}

    def next_due(self, channels: Iterable[str]) -> datetime | None:
        """When the next notice is due, None where none waits."""
        wanted = select(func.min(notice.c.due)).where(
            notice.c.status == "waiting", notice.c.channel.in_(list(channels))
        )
        with self._store.reading() as connection:
            due: datetime | None = connection.scalar(wanted)
        return due

    def _read(self, wanted: Select[Any]) -> list[Notice]:
        with self._store.reading() as connection:
            return [Notice(**row) for row in connection.execute(wanted).mappings()]

    def _change(self, key: str, values: dict[str, Any], start: tuple[NoticeStatus, ...]) -> None:
        with self._store.writing() as connection:
            connection.execute(
                update(notice).where(notice.c.key == key, notice.c.status.in_(start)).values(values)
            )
