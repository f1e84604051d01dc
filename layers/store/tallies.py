"""Tallies: how many of something there were, kept beside the rows they count.

They are changed in the transaction of the rows, so that they are never ahead or behind. One key is
a row of one table, ordered so that a question about a unit, a dimension and a span reads one range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from layers.store.tables import tally


@dataclass(frozen=True, order=True)
class TallyKey:
    """What is counted.

    Attributes
    ----------
    unit : code of the unit for whose subtree it holds, ``*`` for everything.
    dimension, value : what is told apart, such as a department; ``all`` and empty for nothing.
    span, period : ``day`` 2020-07-01, ``month`` 2020-07, or ``now`` and empty for what stands.
    measure, bucket : what was counted; the bucket tells sizes apart, 0 where there are none.
    """

    unit: str
    dimension: str
    span: str
    period: str
    value: str
    measure: str
    bucket: int = 0


@dataclass(frozen=True)
class Tallied:
    """A number that was asked for, summed over periods."""

    unit: str
    value: str
    measure: str
    bucket: int
    number: int


def add(connection: Connection, subject: str, numbers: Mapping[TallyKey, int]) -> None:
    """Add numbers, which may be negative, to what is kept of a subject."""
    rows = [
        {"subject": subject, **vars(key), "number": number}
        for key, number in sorted(numbers.items())
        if number
    ]
    if not rows:
        return
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = made(tally)
    keys = [column.name for column in tally.primary_key]
    summed = {"number": tally.c.number + new.excluded.number}
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=summed), rows)


def read(
    connection: Connection,
    subject: str,
    units: Sequence[str],
    dimension: str,
    periods: Mapping[str, Sequence[str]],
) -> list[Tallied]:
    """Read numbers, summed over periods.

    Parameters
    ----------
    periods : periods by span.
    """
    spans = [
        and_(tally.c.span == span, tally.c.period.in_(list(listed)))
        for span, listed in periods.items()
        if listed
    ]
    if not spans or not units:
        return []
    told = (tally.c.unit, tally.c.value, tally.c.measure, tally.c.bucket)
    statement = (
        select(*told, func.sum(tally.c.number))
        .where(
            tally.c.subject == subject,
            tally.c.unit.in_(list(units)),
            tally.c.dimension == dimension,
            or_(*spans),
        )
        .group_by(*told)
    )
    return [Tallied(*row[:4], int(row[4])) for row in connection.execute(statement)]
