"""Pages of features from a GeoPackage: which rows, in one small question, then their texts.

Rows come in the order of ``fid``, a text that says nothing of where its row lies; reading each row
of a box only to sort it costs more than all the rest. So the order is remembered as numbers
(`layers.store.feature_memory`), a box is answered by the R*Tree alone, and texts that were written
before are not written again. Every page is made inside one snapshot of the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from layers.errors import TooSlowError
from layers.query import Box, Query
from layers.store import gpb
from layers.store.base import FeaturePage
from layers.store.conditions_space import check_box
from layers.store.feature_memory import FeatureMemory, Ids, Order, Remembered, Stamp
from layers.store.feature_text import FeatureText
from layers.store.gpkg_watch import Watch
from layers.store.grammar import world_boxes
from layers.store.order import keys_of, parse_key
from layers.store.tables import LayerTables

# Past this a page is one of a stream: it would only push out what others come back for.
MOST_ROWS = 1000
_MEMORY_BYTES = 256 * 2**20
# An order is worth its making once it was asked for as often as it has this many rows.
_ROWS_A_QUESTION = 20_000
_STEPS = 1000
# Rows whose bounds reach over a side of the box ?1 ?2 ?3 ?4. One that does so only there, and ends
# inside, has a point inside: where it ends. The tree's bounds are up to 2e-5 degrees too wide.
_SIDES = (
    "minx < ?1 AND (miny < ?2 OR maxy > ?4 OR maxx > ?3 OR maxx < ?1 + 1e-4)",
    "maxx > ?3 AND (miny < ?2 OR maxy > ?4 OR minx < ?1 OR minx > ?3 - 1e-4)",
    "miny < ?2 AND (minx < ?1 OR maxx > ?3 OR maxy > ?4 OR maxy < ?2 + 1e-4)",
    "maxy > ?4 AND (minx < ?1 OR maxx > ?3 OR miny < ?2 OR miny > ?4 - 1e-4)",
)
_STAMP = (
    "SELECT r.revision, c.last_change FROM onemap_revision r"
    " JOIN gpkg_contents c ON c.table_name = r.layer WHERE r.layer = ?"
)


@contextmanager
def until(
    connection: sqlite3.Connection, seconds: float | None, clock: Callable[[], float]
) -> Iterator[None]:
    """Stop what runs on a connection after some seconds; sqlite3 then says "interrupted"."""
    set_limit(connection, seconds, clock)
    try:
        yield
    finally:
        connection.set_progress_handler(None, _STEPS)


def set_limit(
    connection: sqlite3.Connection,
    seconds: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Stop what runs on a connection after some seconds from now; None lets it run."""
    if seconds is None:
        connection.set_progress_handler(None, _STEPS)
        return
    end = clock() + seconds
    connection.set_progress_handler(lambda: clock() > end, _STEPS)


@dataclass(frozen=True)
class _Chosen:
    """Rows of a page: their keys in order, whether more follow, how many there are in all."""

    gids: list[int]
    more: bool
    matched: int | None


class GeoPackageFeatures:
    """Makes pages of features.

    Parameters
    ----------
    connect : opens a connection to the file, with the functions of `layers.store.functions`.
    ordered : SQL and values of the question for the ``gid`` of all rows of a query in its order.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        ordered: Callable[[LayerTables, Query], tuple[str, list[Any]]],
    ) -> None:
        self._connect, self._ordered = connect, ordered
        self._idle: list[sqlite3.Connection] = []
        self.watch, self.memory = Watch(connect), FeatureMemory(_MEMORY_BYTES)

    def close(self) -> None:
        """Release all connections."""
        self.watch.close()
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _snapshot(
        self, seconds: float | None, clock: Callable[[], float]
    ) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            with until(connection, seconds, clock):
                connection.execute("BEGIN")
                yield connection
        finally:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                connection.close()
            else:
                self._idle.append(connection)

    def page(
        self,
        tables: LayerTables,
        query: Query,
        text: FeatureText,
        seconds: float | None,
        hurried: bool,
    ) -> FeaturePage:
        """Answer a question that `fits` accepts.

        Parameters
        ----------
        seconds : how long it may take.
        hurried : refuse with TooSlowError what is known to take milliseconds.
        """
        epoch = self.watch.look()
        # Whoever is in a hurry counts his own work, not that others had the processor meanwhile.
        clock = time.thread_time if hurried else time.monotonic
        with self._snapshot(seconds, clock) as connection:
            revision, changed = connection.execute(_STAMP, (tables.spec.id,)).fetchone()
            stamp: Stamp = (revision, changed, epoch)
            known = self.memory.of(tables.spec.id, stamp)
            chosen = self._chosen(connection, tables, query, known, hurried)
            features = self._texts(connection, tables, text, known, chosen.gids)
            following = None
            if chosen.more and chosen.gids:
                following = _key(connection, tables, query, chosen.gids[-1])
        return FeaturePage(b",".join(features), len(features), following, chosen.matched)

    def _chosen(
        self,
        connection: sqlite3.Connection,
        tables: LayerTables,
        query: Query,
        known: Remembered,
        hurried: bool,
    ) -> _Chosen:
        order = self._order(connection, tables, query, known, hurried) if query.plain else None
        start = None if order is None else self._start(connection, tables, query, order)
        assert query.limit is not None
        if order is None or start is None:
            if hurried:
                raise TooSlowError("the order of these rows is not known yet")
            sql, values = self._ordered(tables, query.but(limit=query.limit + 1))
            gids = [row[0] for row in connection.execute(sql, values)]
            return _Chosen(gids[: query.limit], len(gids) > query.limit, None)
        if query.bbox is None:
            start += query.offset
            end = start + query.limit
            picked = order.gids[start:end].tolist()
            return _Chosen(picked, end < len(order.gids), len(order.gids))
        found = self._in_box(connection, tables, query.bbox)
        if query.unknown_meets:
            placeless = f'SELECT group_concat(gid) FROM "{tables.spec.id}" WHERE h3 IS NULL'  # noqa: S608
            found = np.concatenate([found, _numbers(connection.execute(placeless).fetchone()[0])])
        ranks = order.ranks(found)
        first = int(np.searchsorted(ranks, start)) + query.offset
        page = ranks[first : first + query.limit]
        more = first + query.limit < len(ranks)
        return _Chosen(order.gids[page].tolist(), more, len(ranks))

    def _order(
        self,
        connection: sqlite3.Connection,
        tables: LayerTables,
        query: Query,
        known: Remembered,
        hurried: bool,
    ) -> Order | None:
        """Order of the rows in the reader's scope; None where it isn't worth its making yet."""
        order = known.orders.get(query.scope)
        if order is not None:
            return order
        if hurried:
            return None
        asked = known.asked[query.scope] = known.asked.get(query.scope, 0) + 1
        last = connection.execute(f'SELECT max(gid) FROM "{tables.spec.id}"').fetchone()[0]  # noqa: S608
        if (last or 0) > asked * _ROWS_A_QUESTION:
            return None
        sql, values = self._ordered(tables, Query(query.layer, scope=query.scope))
        found = connection.execute(f"SELECT group_concat(gid) FROM ({sql})", values).fetchone()[0]  # noqa: S608
        order = Order(_numbers(found))
        self.memory.put_order(known, query.scope, order)
        return order

    @staticmethod
    def _start(
        connection: sqlite3.Connection, tables: LayerTables, query: Query, order: Order
    ) -> int | None:
        """Place in the order behind ``after``; None where that is no row of it, or not any more."""
        if query.after is None:
            return 0
        keys = keys_of(tables.spec, query)
        if len(query.after) != len(keys):
            return None
        row = connection.execute(
            f'SELECT gid FROM "{tables.spec.id}" WHERE fid = ?',  # noqa: S608
            (parse_key(keys[0], query.after[0]),),
        ).fetchone()
        ranks = order.ranks(np.array([] if row is None else row, np.int64))
        return int(ranks[0]) + 1 if len(ranks) else None

    @staticmethod
    def _in_box(connection: sqlite3.Connection, tables: LayerTables, box: Box) -> Ids:
        """Rows that meet a box: the tree's bounds are rounded outwards: the border is checked."""
        check_box(box)
        layer, found = tables.spec.id, []
        meets = (
            f'SELECT id FROM "rtree_{layer}_geometry"'  # noqa: S608
            " WHERE maxx >= ?1 AND maxy >= ?2 AND minx <= ?3 AND miny <= ?4"
        )
        border = " UNION ".join(f"{meets} AND {side}" for side in _SIDES)
        rows = f'SELECT gid, geometry FROM "{layer}" WHERE gid IN ({border})'  # noqa: S608
        for part in world_boxes(box):
            listed = f"SELECT group_concat(id) FROM ({meets})"  # noqa: S608
            near = _numbers(connection.execute(listed, part).fetchone()[0])
            doubtful = connection.execute(rows, part).fetchall()
            met = gpb.meet_box([row[1] for row in doubtful], part)
            apart = [row[0] for row, meeting in zip(doubtful, met, strict=True) if not meeting]
            found.append(near[np.isin(near, apart, invert=True)] if apart else near)
        # A row may meet both halves of a box that crosses the antimeridian.
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def _texts(
        self,
        connection: sqlite3.Connection,
        tables: LayerTables,
        text: FeatureText,
        known: Remembered,
        gids: list[int],
    ) -> list[bytes]:
        choice = (text.names, text.geometry)
        texts = self.memory.texts(known, choice)
        missing = [gid for gid in gids if gid not in texts]
        if not missing:
            return [texts[gid] for gid in gids]
        columns = ["gid", "fid", *(["geometry"] if text.geometry else []), *text.names]
        listed = ", ".join(f'"{name}"' for name in columns)
        rows = connection.execute(
            f'SELECT {listed} FROM "{tables.spec.id}"'  # noqa: S608
            " WHERE gid IN (SELECT value FROM json_each(?))",
            (orjson.dumps(missing).decode(),),
        ).fetchall()
        written = text.texts([row[1:] for row in rows])
        new = {row[0]: one for row, one in zip(rows, written, strict=True)}
        self.memory.put(known, choice, new)
        return [new[gid] if gid in new else texts[gid] for gid in gids]


def _key(
    connection: sqlite3.Connection, tables: LayerTables, query: Query, gid: int
) -> tuple[Any, ...]:
    """Value for `Query.after` that continues behind a row; times are kept as they are written."""
    keys = keys_of(tables.spec, query)
    listed = ", ".join(f'"{key.name}"' for key in keys)
    row = connection.execute(
        f'SELECT {listed} FROM "{tables.spec.id}" WHERE gid = ?',  # noqa: S608
        (gid,),
    ).fetchone()
    return tuple(
        bool(value) if key.kind == "boolean" and value is not None else value
        for key, value in zip(keys, row, strict=True)
    )


def fits(query: Query) -> bool:
    """Whether a question is for a page of usual size of the current rows."""
    return query.as_of is None and query.limit is not None and query.limit <= MOST_ROWS


def _numbers(text: str | None) -> Ids:
    if not text:
        return np.empty(0, np.int64)
    return np.fromstring(text, np.int64, sep=",")
