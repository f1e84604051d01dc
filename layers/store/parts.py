"""Large states of live feeds, kept in parts: a commit writes those that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

_PUT_PART = (
    "INSERT INTO onemap_state_part (name, part, content) VALUES (?, ?, ?)"
    " ON CONFLICT (name, part) DO UPDATE SET content = excluded.content"
)
_DROP_PART = "DELETE FROM onemap_state_part WHERE name = ? AND part = ?"


def put_parts(
    connection: Connection, name: str, changed: Mapping[str, bytes], gone: Iterable[str]
) -> None:
    """Keep and drop parts on an open connection (see `Transaction.put_parts`)."""
    # By the driver itself: for thousands of parts SQLAlchemy takes longer than the database.
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    if changed:
        rows = [(name, part, content) for part, content in changed.items()]
        connection.exec_driver_sql(_PUT_PART.replace("?", mark), rows)
    if old := [(name, part) for part in gone]:
        connection.exec_driver_sql(_DROP_PART.replace("?", mark), old)
