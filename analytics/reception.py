"""Learning how AIS is received (see `analytics.reception_model`) from prepared batches."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from analytics.reception_model import RESOLUTION, STEPS_S, Key, Reception
from analytics.rule import Columns
from analytics.tracks import Tracks, tracks_of
from layers import h3grid

LAYER = "ais_reception"
_NO_STATUS = 15
Longs = npt.NDArray[np.int64]


class Learner:
    """Counts intervals of prepared batches that follow each other in time."""

    def __init__(self, max_gap_s: float = 86_400) -> None:
        self.counts: dict[Key, list[int]] = {}
        self._last: dict[str, tuple[int, int, str]] = {}
        self._max_ms = max_gap_s * 1000

    def learn(self, batches: Iterable[Columns]) -> Reception:
        """Count all of them.

        Parameters
        ----------
        batches : columns of the feed ``ais``, prepared.
        """
        for columns in batches:
            self._add(tracks_of(columns))
        return Reception({k: (v[0], tuple(v[1:])) for k, v in self.counts.items()})

    def _add(self, tracks: Tracks) -> None:
        if not len(tracks.rows):
            return
        t, cells, classes = tracks.take("t"), cells_of(tracks), classes_of(tracks)
        first = np.zeros(len(t), bool)
        first[tracks.bounds[:-1]] = True
        begins = np.flatnonzero(~first)
        gap, cell, own = t[begins] - t[begins - 1], cells[begins - 1], classes[begins - 1]
        carried = [
            (int(t[start]) - last[0], last[1], last[2] == "b")
            for key, start in zip(tracks.keys, tracks.bounds[:-1].tolist(), strict=True)
            if (last := self._last.get(key)) is not None
        ]
        if carried:
            more = np.array(carried, np.int64)
            gap = np.concatenate([gap, more[:, 0]])
            cell = np.concatenate([cell, more[:, 1]])
            own = np.concatenate([own, more[:, 2].astype(bool)])
        self._count(gap, cell, own)
        ends = tracks.bounds[1:] - 1
        for key, end in zip(tracks.keys, ends.tolist(), strict=True):
            self._last[key] = (int(t[end]), int(cells[end]), "b" if classes[end] else "a")

    def _count(self, gap: Longs, cell: Longs, own: npt.NDArray[np.bool_]) -> None:
        kept = gap <= self._max_ms
        gap, cell, own = gap[kept], cell[kept], own[kept]
        keys, where = np.unique(np.column_stack([cell, own]), axis=0, return_inverse=True)
        step = np.searchsorted(np.array(STEPS_S) * 1000, gap, side="left")
        table = np.zeros((len(keys), len(STEPS_S) + 1), np.int64)
        np.add.at(table, (where.reshape(-1), step), 1)
        # Steps exceeded: the ones at and before each interval's own.
        longer = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]
        for (number, is_b), row in zip(keys.tolist(), longer.tolist(), strict=True):
            key = (number, "b" if is_b else "a")
            held = self.counts.setdefault(key, [0] * (1 + len(STEPS_S)))
            self.counts[key] = [a + b for a, b in zip(held, row, strict=True)]


def cells_of(tracks: Tracks) -> Longs:
    """H3 cell of each position of tracks; shape (n,)."""
    return np.asarray(
        h3grid.cells_of_points(tracks.take("lon"), tracks.take("lat"), RESOLUTION), np.int64
    )


def classes_of(tracks: Tracks) -> npt.NDArray[np.bool_]:
    """Whether each position is of a class B sender, which has no navigational status; (n,)."""
    return np.asarray(tracks.take("nav") == _NO_STATUS, np.bool_)


def to_frame(reception: Reception) -> gpd.GeoDataFrame:
    """Rows of the layer ``ais_reception``, sorted by id."""
    rows = [
        {
            "reception_id": f"{h3grid.format_cell(cell)}-{own}",
            "cell": h3grid.format_cell(cell),
            "sender_class": own,
            "intervals": n,
            "longer_than_s": {str(s): k for s, k in zip(STEPS_S, longer, strict=True)},
        }
        for (cell, own), (n, longer) in sorted(reception.counts.items())
    ]
    shapes = [h3grid.cell_polygon(cell) for (cell, _) in sorted(reception.counts)]
    names = ["reception_id", "cell", "sender_class", "intervals", "longer_than_s"]
    columns = {name: [row[name] for row in rows] for name in names}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
