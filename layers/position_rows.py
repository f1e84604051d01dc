"""Rows of positions in parts, by UTC day and coarse cell, and the digest of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from layers import h3grid

PARTITION_RESOLUTION = 3
# Cell of rows that have no place.
EVERYWHERE = "none"
_DAY_MS = 86_400_000


def digest(table: pa.Table) -> str:
    """Twelve digits made of the ids, in their order."""
    text = table["pid"].combine_chunks()
    return hashlib.sha256("".join(text.to_pylist()).encode()).hexdigest()[:12]


def parts(table: pa.Table) -> Iterator[tuple[str, str, pa.Table]]:
    """Day, cell and rows of each part of a table; whose rows have no ``h3`` are `EVERYWHERE`."""
    days = table["t"].to_numpy() // _DAY_MS
    if "h3" in table.column_names:
        cells = h3grid.parents(table["h3"].to_numpy(), PARTITION_RESOLUTION)
    else:
        cells = np.zeros(table.num_rows, np.int64)
    order = np.lexsort((cells, days))
    cuts = np.flatnonzero((np.diff(days[order]) != 0) | (np.diff(cells[order]) != 0)) + 1
    for rows in np.split(order, cuts):
        if not len(rows):
            continue
        day = datetime.fromtimestamp(int(days[rows[0]]) * _DAY_MS / 1000, UTC).date().isoformat()
        cell = int(cells[rows[0]])
        name = h3grid.format_cell(cell) if cell else EVERYWHERE
        yield day, name, table.take(pa.array(rows))
