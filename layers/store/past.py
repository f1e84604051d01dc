"""All versions of rows: what stands and what stood, each with its time of validity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal, select, union_all

from layers.query import Query, TimeInterval
from layers.store.base import Page
from layers.store.conditions import conditions, every_branch
from layers.store.tables import Instant

if TYPE_CHECKING:
    from layers.store.sql import SqlStore


def versions(store: SqlStore, query: Query) -> tuple[Page, list[TimeInterval]]:
    """See `Store.versions`."""
    tables, names = store.tables(query.layer), store.wanted(query)
    geometry = tables.spec.has_geometry and not query.skip_geometry
    columns = [column.name for column in tables.current.columns]
    parts = []
    for branch in every_branch(tables):
        table = branch.table
        ends = table.c.get("valid_to")
        until = literal(None, Instant()) if ends is None else ends
        parts.append(
            select(*[table.c[name] for name in columns], until.label("valid_to")).where(
                *conditions(store.grammar, tables.spec, query, branch)
            )
        )
    relation = union_all(*parts).subquery()
    shape = [store.page_geometry(relation).label("row_geometry")] if geometry else []
    picked = [relation.c[name].label(f"p_{name}") for name in names]
    statement = select(
        relation.c.fid.label("row_fid"), relation.c.valid_from.label("row_from"),
        relation.c.valid_to.label("row_to"), *picked, *shape,
    ).order_by(relation.c.valid_from.desc(), relation.c.fid)  # fmt: skip
    if query.limit is not None:
        statement = statement.limit(query.limit)
    with store.reading() as connection:
        rows = connection.execute(statement).all()
    shapes: list[str | None] = [None] * len(rows)
    if geometry:
        shapes = store.page_geometries([row[-1] for row in rows])
    last = 3 + len(names)
    page = Page(
        fids=[row[0] for row in rows],
        geometries=shapes,
        names=tuple(names),
        rows=[tuple(row[3:last]) for row in rows],
        next=None,
    )
    return page, [TimeInterval(row[1], row[2]) for row in rows]
