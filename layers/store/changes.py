"""The log of changes: which rows of the layers of operation came, changed and went, in order.

It is written in the transaction of the change itself, and writers wait for one another until they
have committed. So numbers become visible in their order and none comes late: whoever has read up to
a number misses nothing by asking for what lies beyond. Only the newest entries are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from layers.spec import LayerSpec
from layers.store.tables import change

Kind = Literal["created", "updated", "deleted"]
KEPT = 100_000
# Alerts, cases, last positions, measurements: what people wait for. Other layers come in bulk.
_DOMAIN = "operations"


@dataclass(frozen=True)
class Change:
    """One change of one row.

    Attributes
    ----------
    number : grows with each change, never used twice.
    layer, fid : the row.
    kind : what happened.
    at : when it became true.
    jurisdiction, before : the row's unit after and before; None outside of all, or where there is
        no after or before.
    """

    number: int
    layer: str
    fid: str
    kind: Kind
    at: datetime
    jurisdiction: str | None
    before: str | None


def is_logged(spec: LayerSpec) -> bool:
    """Whether changes of a layer are logged."""
    return spec.domain == _DOMAIN


def log(
    connection: Connection,
    spec: LayerSpec,
    kind: Kind,
    at: datetime,
    fids: Sequence[str],
    after: Sequence[str | None],
    before: Mapping[str, str | None],
) -> None:
    """Write down changes of rows; part of the transaction that changes them.

    Parameters
    ----------
    after : unit of each row now.
    before : unit of each row until now, by id.
    """
    if not fids or not is_logged(spec):
        return
    rows = [
        {
            "layer": spec.id,
            "fid": fid,
            "kind": kind,
            "at": at,
            "jurisdiction": unit,
            "before": before.get(fid),
        }
        for fid, unit in zip(fids, after, strict=True)
    ]
    connection.execute(change.insert(), rows)


def prune(connection: Connection) -> None:
    """Take away all but the newest entries."""
    newest = connection.scalar(select(func.max(change.c.number))) or 0
    connection.execute(change.delete().where(change.c.number <= newest - KEPT))


def since(connection: Connection, number: int, limit: int) -> list[Change]:
    """Changes beyond a number, in order."""
    columns = [change.c[name] for name in Change.__dataclass_fields__]
    statement = select(*columns).where(change.c.number > number).order_by(change.c.number)
    return [Change(*row) for row in connection.execute(statement.limit(limit))]


def ends(connection: Connection) -> tuple[int, int]:
    """Numbers of the oldest change that is kept and of the newest; (1, 0) where there is none."""
    row = connection.execute(select(func.min(change.c.number), func.max(change.c.number))).one()
    return (1, 0) if row[1] is None else (int(row[0]), int(row[1]))
