"""Learning how AIS is received (see `analytics.reception_model`) from prepared batches."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from analytics.preparation.devices import NO_STATUS
from analytics.reception_model import RESOLUTION, STEPS_S, Counts, Key, Reception
from analytics.rule import Columns
from analytics.tracks import Tracks, by_mover
from layers import h3grid

LAYER = "ais_reception"
Longs = npt.NDArray[np.int64]


class Learner:
    """Counts intervals of prepared batches that follow each other in time.

    An interval is the time between two positions of an MMSI that follow each other in one segment.
    """

    def __init__(self, max_gap_s: float = 86_400) -> None:
        self._longer: dict[Key, npt.NDArray[np.int64]] = {}
        self._seconds: dict[Key, float] = {}
        self._vessels: dict[Key, set[str]] = {}
        self._last: dict[str, tuple[int, int, str, int]] = {}
        self._max_ms = max_gap_s * 1000

    def learn(self, batches: Iterable[Columns]) -> Reception:
        """Count all of them.

        Parameters
        ----------
        batches : columns of the feed ``ais``, prepared.
        """
        for columns in batches:
            self._add(by_mover(columns))
        counts = {
            key: Counts(
                int(longer[0]),
                self._seconds[key],
                len(self._vessels[key]),
                tuple(longer[1:].tolist()),
            )
            for key, longer in self._longer.items()
        }
        everyone: dict[str, set[str]] = {}
        for (_, own), vessels in self._vessels.items():
            everyone.setdefault(own, set()).update(vessels)
        return Reception(counts, {own: len(vessels) for own, vessels in everyone.items()})

    def _add(self, heard: Tracks) -> None:
        if not len(heard.rows):
            return
        t, segment = heard.take("t"), heard.take("segment")
        cells, classes = cells_of(heard), classes_of(heard)
        same = segment[1:] == segment[:-1]
        same[heard.bounds[1:-1] - 1] = False
        begins = np.flatnonzero(same)
        number = np.repeat(np.arange(len(heard.movers)), np.diff(heard.bounds))
        seen = np.column_stack(
            [t[begins + 1] - t[begins], cells[begins], classes[begins], number[begins]]
        )
        carried = [
            (int(t[start]) - last[0], last[1], last[2] == "b", k)
            for k, (mover, start) in enumerate(
                zip(heard.movers, heard.bounds[:-1].tolist(), strict=True)
            )
            if (last := self._last.get(mover)) is not None and last[3] == int(segment[start])
        ]
        if carried:
            seen = np.concatenate([seen, np.array(carried, np.int64)])
        self._count(seen[seen[:, 0] <= self._max_ms], heard.movers)
        for mover, end in zip(heard.movers, (heard.bounds[1:] - 1).tolist(), strict=True):
            own_class = "b" if classes[end] else "a"
            self._last[mover] = (int(t[end]), int(cells[end]), own_class, int(segment[end]))

    def _count(self, seen: Longs, movers: list[str]) -> None:
        """Count rows of (ms, cell, whether class B, number of the mover)."""
        if not len(seen):
            return
        keys, where = np.unique(seen[:, 1:3], axis=0, return_inverse=True)
        where = where.reshape(-1)
        step = np.searchsorted(np.array(STEPS_S) * 1000, seen[:, 0], side="left")
        table = np.zeros((len(keys), len(STEPS_S) + 1), np.int64)
        np.add.at(table, (where, step), 1)
        # Steps exceeded: the ones before each interval's own.
        longer = np.cumsum(table[:, ::-1], axis=1)[:, ::-1]
        seconds = np.bincount(where, seen[:, 0] / 1000, len(keys))
        pairs = np.unique(np.column_stack([where, seen[:, 3]]), axis=0)
        for k, (number, is_b) in enumerate(keys.tolist()):
            key = (number, "b" if is_b else "a")
            self._longer[key] = self._longer.get(key, 0) + longer[k]
            self._seconds[key] = self._seconds.get(key, 0.0) + float(seconds[k])
            own = pairs[pairs[:, 0] == k, 1].tolist()
            self._vessels.setdefault(key, set()).update(movers[m] for m in own)


def cells_of(tracks: Tracks) -> Longs:
    """H3 cell of each position of tracks; shape (n,)."""
    return np.asarray(
        h3grid.cells_of_points(tracks.take("lon"), tracks.take("lat"), RESOLUTION), np.int64
    )


def classes_of(tracks: Tracks) -> npt.NDArray[np.bool_]:
    """Whether each position is of a class B sender, which has no navigational status; (n,)."""
    return np.asarray(tracks.take("nav") == NO_STATUS, np.bool_)


def to_frame(reception: Reception) -> gpd.GeoDataFrame:
    """Rows of the layer ``ais_reception``, sorted by id."""
    ordered = sorted(reception.counts.items())
    columns = {
        "reception_id": [f"{h3grid.format_cell(cell)}-{own}" for (cell, own), _ in ordered],
        "cell": [h3grid.format_cell(cell) for (cell, _), _ in ordered],
        "sender_class": [own for (_, own), _ in ordered],
        "intervals": [one.intervals for _, one in ordered],
        "seconds": [round(one.seconds, 3) for _, one in ordered],
        "vessels": [one.vessels for _, one in ordered],
        "vessels_in_all": [reception.vessels[own] for (_, own), _ in ordered],
        "longer_than_s": [
            {str(s): k for s, k in zip(STEPS_S, one.longer, strict=True)} for _, one in ordered
        ],
    }
    shapes = [h3grid.cell_polygon(cell) for (cell, _), _ in ordered]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
