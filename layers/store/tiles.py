"""Vector tiles of a layer out of a SQL database: rows, or their counts where they are too many."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    func,
    literal,
    select,
    text,
)

from layers import h3grid
from layers.errors import QueryError
from layers.query import Query
from layers.store.conditions import descendants, merged
from layers.store.sql import SqlStore
from layers.store.tables import LayerTables
from layers.tiles import cells
from layers.tiles.content import attributes, cells_name, most_rows
from layers.tiles.matrix import Tile


class TiledStore(SqlStore):
    """A store in a SQL database that draws vector tiles.

    Attributes
    ----------
    drawing : held while a tile is made.
    """

    drawing: AbstractContextManager[object] = nullcontext()

    @abstractmethod
    def _rows_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile, most: int
    ) -> bytes | None:
        """One layer of rows; None where the tile meets more than ``most``."""

    @abstractmethod
    def _largest_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile
    ) -> tuple[bytes, list[int]]:
        """One layer of the largest rows of lines and areas, and the cells that those rows have."""

    def tile(self, query: Query, tile: Tile, most: int | None = None) -> bytes:
        """See `Store.tile`."""
        tables, limit = self._drawable(query, tile, most)
        with self.drawing, self.reading() as connection:
            rows = self._rows_in_tile(connection, tables, query, tile, limit)
            return self._counts(connection, tables, query, tile) if rows is None else rows

    def _drawable(self, query: Query, tile: Tile, most: int | None) -> tuple[LayerTables, int]:
        """Tables of a layer that can be drawn, and how many rows a tile of it may hold."""
        tables = self.tables(query.layer)
        if not tables.spec.has_geometry:
            raise QueryError(f"layer '{tables.spec.id}' is a register without places")
        return tables, most_rows(tile.scale_level) if most is None else most

    def _counts(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile
    ) -> bytes:
        """Layers of what stands for too many rows: the largest of them, and counts of cells."""
        spec = tables.spec
        drawn, own = b"", list[int]()
        if spec.has_cover and query.as_of is None:
            drawn, own = self._largest_in_tile(connection, tables, query, tile)
        counted = self._cells_of_tile(connection, tables, query, tile, own)
        return drawn + cells.layer(cells_name(spec.id), spec.style.by, counted, tile)

    def _cells_of_tile(
        self,
        connection: Connection,
        tables: LayerTables,
        query: Query,
        tile: Tile,
        without: Sequence[int],
    ) -> cells.CellCounts:
        """Counts of the cells that reach into a tile, ``without`` rows that have these cells."""
        spec = tables.spec
        assert spec.h3_resolution is not None
        of = cells.resolution(tile.scale_level, spec.h3_resolution)
        relation, found = self._relation(tables, query)
        keep, fill = h3grid.parent_masks(of)
        cell = relation.c.h3.bitwise_and(literal(keep, BigInteger)).bitwise_or(
            literal(fill, BigInteger)
        )
        wanted: list[ColumnElement[Any]] = [cell.label("_cell"), func.count().label("number")]
        if spec.style.by is not None:
            wanted.append(relation.c[spec.style.by].label("_style_value"))
        source = self._looked_up(relation, tables, cells.looked_up_by(tile, of))
        statement = select(*wanted).select_from(source)
        statement = statement.where(*found, relation.c.h3.is_not(None))
        # Names that no property can have: of equal names PostgreSQL would take the property.
        named = [text("_cell"), *([text("_style_value")] if spec.style.by is not None else [])]
        rows = connection.execute(statement.group_by(*named)).all()
        drawn = h3grid.parents(np.array(without, np.int64), of)
        return _by_cell(rows, Counter(drawn.tolist()))

    def _looked_up(
        self, relation: FromClause, tables: LayerTables, by: tuple[int, ...]
    ) -> FromClause:
        """Rows found by the index on their cells, which alone says all that is counted."""
        ranges = self.grammar.ranges(merged(descendants(tables.spec, cell) for cell in by))
        return ranges.join(relation, relation.c.h3.between(ranges.c.low, ranges.c.high))


def _by_cell(rows: Sequence[Any], drawn: Counter[int]) -> cells.CellCounts:
    """Rows (cell, number[, style value]) as one count for each cell, those drawn taken off."""
    numbers: Counter[int] = Counter()
    best: dict[int, tuple[int, str, object]] = {}
    for cell, number, *value in rows:
        numbers[cell] += number
        if value:
            # Equal counts are decided by the value, so that a tile is the same each time.
            rank = (number, str(value[0]), value[0])
            if cell not in best or rank[:2] > best[cell][:2]:
                best[cell] = rank
    numbers.subtract(drawn)
    kept = sorted(cell for cell, number in numbers.items() if number > 0)
    return cells.CellCounts(
        np.array(kept, np.int64),
        np.array([numbers[cell] for cell in kept], np.int64),
        tuple(best[cell][2] for cell in kept) if best else None,
    )


def tile_attributes(tables: LayerTables, tile: Tile) -> list[tuple[str, str]]:
    """Names and types of what rows carry in a tile, beside their ``fid``."""
    spec = tables.spec
    names = attributes(spec, tile.scale_level)
    return [(name, spec.property(name).type) for name in names]
