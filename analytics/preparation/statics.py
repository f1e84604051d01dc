"""What each sender last said of itself, held for every row: static data versioned by time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.feeds import IDENTITY
from analytics.rule import Columns

Longs = npt.NDArray[np.int64]


class Statics(NamedTuple):
    """One version of a sender's static data; ``t`` (ms) and ``pid`` are of its first message.

    ``length_m`` is 0 and ``imo`` 0 where not available.
    """

    name: str = ""
    callsign: str = ""
    imo: int = 0
    ship_type: int = 0
    destination: str = ""
    length_m: float = 0.0
    t: int = 0
    pid: str = ""


_FIELDS = ("name", "callsign", "imo", "ship_type", "destination", "length_m")


def versions(
    columns: Columns, bounds: Longs, held: list[Statics | None]
) -> tuple[Longs, npt.NDArray[np.object_], list[Statics | None]]:
    """Give the version in force at each row; a message may carry only a part.

    Parameters
    ----------
    bounds : rows of each sender, shape (m + 1,).
    held : the version of each sender before its first row.

    Returns
    -------
    number of the version of each row, shape (n,); the versions, None where nothing was said; and
    the last of each sender.
    """
    said = _telling(columns, np.flatnonzero(columns["kind"] == IDENTITY), bounds)
    values = [columns[name][said].tolist() for name in (*_FIELDS, "t", "pid")]
    cuts = np.searchsorted(said, bounds).tolist()
    at, table = [], []
    last: list[Statics | None] = []
    for k, known in enumerate(held):
        at.append(int(bounds[k]))
        table.append(known)
        for i in range(cuts[k], cuts[k + 1]):
            version = _next(known, [column[i] for column in values])
            if version is not known:
                known = version
                at.append(int(said[i]))
                table.append(known)
        last.append(known)
    lookup = np.empty(len(table), object)
    lookup[:] = table
    rows = np.arange(len(columns["t"]))
    number = np.searchsorted(np.array(at, np.int64), rows, side="right") - 1
    # Of two versions that begin at one row (the one held before, and a first row's own) the later.
    return number, lookup, last


def _telling(columns: Columns, said: Longs, bounds: Longs) -> Longs:
    """Messages that do not just repeat their sender's last one, which changes nothing."""
    if not len(said):
        return said
    sender = np.searchsorted(bounds, said, side="right")
    repeats = sender[1:] == sender[:-1]
    for name in _FIELDS:
        values = columns[name][said]
        repeats &= np.asarray(values[1:] == values[:-1], bool)
    telling: Longs = said[np.append(True, ~repeats)]
    return telling


def _next(known: Statics | None, told: list[Any]) -> Statics:
    old = known or Statics()
    new: list[Any] = [now or before for now, before in zip(told, old[: len(_FIELDS)], strict=False)]
    if new[5] != new[5]:
        new[5] = 0.0
    if known is not None and tuple(new) == known[: len(_FIELDS)]:
        return known
    return Statics(*new, *told[len(_FIELDS) :])
