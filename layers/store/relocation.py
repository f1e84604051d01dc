"""Rows given to the jurisdictions anew, as after a change of outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from layers.jurisdictions import representative_points
from layers.spec import LayerSpec

if TYPE_CHECKING:
    from layers.store.sql import SqlStore


def relocate(store: SqlStore, spec: LayerSpec) -> int:
    """See `Store.relocate`."""
    tables = store.tables(spec.id)
    if not spec.has_geometry or not spec.located or store.is_administrative(spec.id):
        return 0
    current, changed = tables.current, 0
    picked = [current.c.gid, current.c.jurisdiction, store.frame_geometry(current)]
    put = (
        update(current)
        .where(current.c.gid == bindparam("row_gid"))
        .values(jurisdiction=bindparam("row_code"))
    )
    with store.transaction() as transaction, store.reading() as connection:
        rows = connection.execute(
            select(*picked).where(current.c.geometry.is_not(None)).order_by(current.c.gid)
        )
        for part in rows.partitions(50_000):
            places = representative_points(store.frame_geometries([row[2] for row in part]))
            found = store.locator.codes(places).tolist()
            wrong = [
                {"row_gid": row[0], "row_code": code}
                for row, code in zip(part, found, strict=True)
                if row[1] != code
            ]
            if wrong:
                transaction.connection.execute(put, wrong)
                transaction.touched.add(spec.id)
            changed += len(wrong)
    return changed
