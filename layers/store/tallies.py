"""Tallies: how many of something there were, kept beside the rows they count.

They are changed in the transaction of the rows, so that they are never ahead or behind. One key is
a row of one table, ordered so that a question about a unit, a dimension and a span reads one range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, func, literal, select, union_all

from layers.store.tables import TALLY, tally


class TallyKey(NamedTuple):
    """What is counted.

    Attributes
    ----------
    unit : code of the unit for whose subtree it holds, ``*`` for everything.
    dimension, value : what is told apart, such as a department; ``all`` and empty for nothing.
    span, period : such as ``day`` and 2020-07-01, ``month`` and 2020-07, or ``now`` and empty for
        what stands.
    measure, bucket : what was counted; the bucket tells sizes apart, 0 where there are none.
    """

    unit: str
    dimension: str
    span: str
    period: str
    value: str
    measure: str
    bucket: int = 0


_KEY = ", ".join(column.name for column in tally.primary_key)
_COLUMNS = f"{_KEY}, number"


@dataclass(frozen=True)
class Tallied:
    """A number that was asked for, summed over the periods of a span."""

    span: str
    unit: str
    value: str
    measure: str
    bucket: int
    number: int


def add(connection: Connection, subject: str, numbers: Mapping[TallyKey, int]) -> None:
    """Add numbers, which may be negative, to what is kept of a subject."""
    rows = [(subject, *key, number) for key, number in sorted(numbers.items()) if number]
    if not rows:
        return
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    marks = ", ".join([mark] * len(rows[0]))
    # Past the compiler, which would take longer over the many rows of a step than the database.
    connection.exec_driver_sql(
        f"INSERT INTO {TALLY} ({_COLUMNS}) VALUES ({marks}) ON CONFLICT ({_KEY})"  # noqa: S608
        f" DO UPDATE SET number = {TALLY}.number + excluded.number",
        rows,
    )


def read(
    connection: Connection,
    subject: str,
    units: Sequence[str],
    dimension: str,
    periods: Mapping[str, Sequence[str]],
    value: str | None = None,
) -> list[Tallied]:
    """Read numbers, summed over the periods of each span.

    Parameters
    ----------
    periods : periods by span.
    value : the only value wanted; None for all.
    """
    listed = {span: list(those) for span, those in periods.items() if those}
    if not listed or not units:
        return []
    # A select for each span: joined by OR, spans would hide from the index what lies behind them.
    parts = [_select(subject, units, dimension, *one, value) for one in sorted(listed.items())]
    rows = connection.execute(union_all(*parts)).all()
    return [
        Tallied(span, unit, said, measure, bucket, int(number))
        for span, unit, said, measure, bucket, number in rows
    ]


def _select(
    subject: str,
    units: Sequence[str],
    dimension: str,
    span: str,
    periods: Sequence[str],
    value: str | None,
) -> Select[Any]:
    found = [
        tally.c.subject == subject,
        tally.c.unit.in_(list(units)),
        tally.c.dimension == dimension,
        tally.c.span == span,
        tally.c.period.in_(list(periods)),
    ]
    if value is not None:
        found.append(tally.c.value == value)
    told = (tally.c.unit, tally.c.value, tally.c.measure, tally.c.bucket)
    named = literal(span, Text).label("span")
    return select(named, *told, func.sum(tally.c.number)).where(*found).group_by(*told)
