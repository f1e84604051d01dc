"""What is remembered of layers between questions: the order of their rows, and rows as text.

All of it belongs to one `Stamp` of the layer and is used under that stamp alone, inside the
snapshot that the stamp was read in: a change of the layer ends it. Which rows a reader may see is
never taken from here, but from the order, which the store's own conditions have made.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer[Any]]
Stamp = tuple[int, str, int]
# Texts of rows by key, one such mapping for each choice of properties.
Texts = dict[int, bytes]
Choice = tuple[tuple[str, ...], bool]
_CHOICES_KEPT = 4
_SPARSEST = 4
# A text's own header, the key, and both places in the mapping.
_ROW_BYTES = 33 + 32 + 100


class Order:
    """Keys (``gid``) of rows in the order of ``fid``.

    Attributes
    ----------
    gids : shape (n,), row i of the order.
    """

    def __init__(self, gids: Ids) -> None:
        self.gids = gids
        # Where few keys were given up, a row's place stands at its key; else it is searched for.
        last = int(gids.max()) if len(gids) else 0
        self._dense = last < _SPARSEST * len(gids)
        if self._dense:
            self._places = np.full(last + 1, -1, np.int32)
            self._places[gids] = np.arange(len(gids), dtype=np.int32)
        else:
            by_gid = np.argsort(gids, kind="stable")
            self._known, self._places = gids[by_gid], by_gid.astype(np.int32)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        known = 0 if self._dense else self._known.nbytes
        return int(self.gids.nbytes + self._places.nbytes + known)

    def ranks(self, gids: Ids) -> Ids:
        """Places in the order of those rows that are in it, sorted; shape (m,), m <= n."""
        if not len(self.gids):
            return np.empty(0, np.int64)
        if self._dense:
            found = self._places[gids[gids < len(self._places)]]
            found = found[found >= 0]
        else:
            at = np.minimum(np.searchsorted(self._known, gids), len(self._known) - 1)
            found = self._places[at[self._known[at] == gids]]
        return np.sort(found)


@dataclass
class Remembered:
    """What is known of one layer at one stamp."""

    stamp: Stamp
    orders: dict[object, Order] = field(default_factory=dict)
    asked: dict[object, int] = field(default_factory=dict)
    texts: OrderedDict[Choice, Texts] = field(default_factory=OrderedDict)
    nbytes: int = 0


class FeatureMemory:
    """Remembers layers, the latest used ones, within a number of bytes.

    Parameters
    ----------
    most : bytes of texts and orders, as far as they can be counted.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._layers: OrderedDict[str, Remembered] = OrderedDict()

    def of(self, layer: str, stamp: Stamp) -> Remembered:
        """Return what is known at a stamp; for a reader of an older state it is kept nowhere."""
        with self._lock:
            known = self._layers.get(layer)
            if known is None or known.stamp < stamp:
                known = self._layers[layer] = Remembered(stamp)
            elif known.stamp != stamp:
                return Remembered(stamp)
            self._layers.move_to_end(layer)
            return known

    def texts(self, known: Remembered, choice: Choice) -> Texts:
        """Texts of rows for a choice of properties."""
        with self._lock:
            found = known.texts.get(choice)
            if found is None:
                found = known.texts[choice] = {}
            known.texts.move_to_end(choice)
            while len(known.texts) > _CHOICES_KEPT:
                _, gone = known.texts.popitem(last=False)
                known.nbytes -= sum(map(len, gone.values())) + _ROW_BYTES * len(gone)
            return found

    def put(self, known: Remembered, choice: Choice, new: Texts) -> None:
        """Remember more rows."""
        with self._lock:
            if choice not in known.texts:
                return
            known.texts[choice].update(new)
            known.nbytes += sum(map(len, new.values())) + _ROW_BYTES * len(new)
            self._shrink(known)

    def put_order(self, known: Remembered, scope: object, order: Order) -> None:
        """Remember the order of the rows of a scope."""
        with self._lock:
            if scope in known.orders:
                return
            known.orders[scope] = order
            known.nbytes += order.nbytes
            self._shrink(known)

    def _shrink(self, latest: Remembered) -> None:
        """Forget other layers, the longest unused first; then the texts of this one."""
        total = sum(known.nbytes for known in self._layers.values())
        for layer in list(self._layers):
            if total <= self._most:
                return
            if self._layers[layer] is not latest:
                total -= self._layers.pop(layer).nbytes
        if total > self._most:
            # Whoever reads one of these mappings now keeps it whole.
            latest.texts.clear()
            latest.nbytes = sum(order.nbytes for order in latest.orders.values())
            if latest.nbytes > self._most:
                latest.orders.clear()
                latest.nbytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes that are remembered now."""
        with self._lock:
            return sum(known.nbytes for known in self._layers.values())
