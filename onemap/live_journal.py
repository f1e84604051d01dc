"""Rows that a live feed took through the rules since their states were written last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson
import pyarrow as pa

from ingest.live_state import pack_table, unpack_table
from layers.store import Store
from layers.store.base import Transaction

_FIXES, _IDENTITIES, _WATERMARK = "fixes", "identities", "watermark_ms"


class Ripe(NamedTuple):
    """Rows of a commit in order of time, and the time before which no more are expected."""

    fixes: pa.Table
    identities: pa.Table
    watermark_ms: int | None


class Journal:
    """Entries of commits in the store, oldest first.

    Parameters
    ----------
    name : of the state whose parts they are.

    Attributes
    ----------
    begun : entries that were there at first.
    rows : in all entries.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._name, kept = name, store.parts(name)
        self._parts = set(kept)
        numbers = sorted({part.partition("/")[0] for part in kept})
        self._next = 1 + int(numbers[-1]) if numbers else 0
        self.begun: tuple[Ripe, ...] = tuple(_unpacked(kept, number) for number in numbers)
        self.rows = sum(map(_rows, self.begun))

    def add(self, unit: Transaction, ripe: Ripe) -> None:
        """Keep an entry."""
        number = f"{self._next:012d}"
        parts = {
            f"{number}/{_FIXES}": pack_table(ripe.fixes),
            f"{number}/{_IDENTITIES}": pack_table(ripe.identities),
            f"{number}/{_WATERMARK}": orjson.dumps(ripe.watermark_ms),
        }
        unit.put_parts(self._name, parts, ())
        self._parts |= parts.keys()
        self._next += 1
        self.rows += _rows(ripe)

    def clear(self, unit: Transaction) -> None:
        """Drop all entries."""
        unit.put_parts(self._name, {}, self._parts)
        self._parts, self.rows, self.begun = set(), 0, ()


def _unpacked(kept: Mapping[str, bytes], number: str) -> Ripe:
    return Ripe(
        unpack_table(kept[f"{number}/{_FIXES}"]),
        unpack_table(kept[f"{number}/{_IDENTITIES}"]),
        orjson.loads(kept[f"{number}/{_WATERMARK}"]),
    )


def _rows(ripe: Ripe) -> int:
    return int(ripe.fixes.num_rows + ripe.identities.num_rows)
