"""The path of one mover in a notebook: a frame, and what MovingPandas makes of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.feeds import FIX, ais_columns
from analytics.registry import preparation
from layers.city import City
from layers.positions import PositionStore

if TYPE_CHECKING:
    import movingpandas

_FEED = "ais"


class Track:
    """The fixes of one mover in order of time.

    Attributes
    ----------
    mover : MMSI or plate.
    fixes : one row for each fix, indexed by UTC time, EPSG:4326. Of vessels the column ``segment``
        names the track that the rules see the fix in, ``<MMSI>/<ms of its first fix>``, as an MMSI
        may be sent by several vessels; it is None for what the preparation sets aside.
    """

    def __init__(self, mover: str, fixes: gpd.GeoDataFrame) -> None:
        self.mover, self.fixes = mover, fixes

    def to_movingpandas(self) -> movingpandas.Trajectory:
        """All fixes as one MovingPandas trajectory, which needs two of them."""
        import movingpandas

        return movingpandas.Trajectory(self.fixes, self.mover)

    def segments(self) -> movingpandas.TrajectoryCollection:
        """A MovingPandas trajectory for each segment of two fixes or more, named by it.

        Fixes that are set aside are in none. A mover without segments, a truck, is one trajectory.
        """
        import movingpandas

        if "segment" not in self.fixes:
            return movingpandas.TrajectoryCollection(
                [self.to_movingpandas()] if len(self.fixes) > 1 else []
            )
        kept = self.fixes[self.fixes["segment"].notna()]
        parts = [(str(name), part) for name, part in kept.groupby("segment", sort=False)]
        return movingpandas.TrajectoryCollection(
            [
                movingpandas.Trajectory(part, name, traj_id_col="segment")
                for name, part in parts
                if part.index.nunique() > 1
            ]
        )


def read_track(
    positions: PositionStore,
    city: City,
    mover: str,
    feed: str,
    start: datetime | None,
    end: datetime | None,
) -> Track:
    """Read the fixes of a mover in a half-open span.

    Which segment a fix is in depends on those before it, so vessels are read from their first fix
    on, whatever the span.

    Parameters
    ----------
    mover : MMSI on the feed ``ais``, plate on ``gps``.
    start, end : aware; None is open.
    """
    first, last = _ms(start, "start"), _ms(end, "end")
    begin = None if feed == _FEED else first
    table = positions.scan(feed, movers=[mover], start_ms=begin, end_ms=last)
    segment = _segments(positions, city, mover, table, last) if feed == _FEED else None
    frame = table.select(["mover", "t", "lon", "lat", "sog_mps", "cog_deg", "pid"]).to_pandas()
    if segment is not None:
        frame["segment"] = segment
    if first is not None:
        frame = frame[frame["t"] >= first]
    # Trajectory tools work on one naive clock; it is UTC here.
    frame.index = pd.to_datetime(frame.pop("t"), unit="ms")
    frame.index.name = "time"
    places = gpd.points_from_xy(frame.pop("lon"), frame.pop("lat"))
    return Track(mover, gpd.GeoDataFrame(frame, geometry=places, crs="EPSG:4326"))


def _segments(
    positions: PositionStore, city: City, mover: str, fixes: pa.Table, end_ms: int | None
) -> Any:
    said = positions.scan("ais_identity", movers=[mover], end_ms=end_ms)
    stage = preparation(city)
    columns = stage.update(stage.start(), ais_columns(fixes, said, city.crs))
    own = columns["kind"] == FIX
    starts, used = columns["segment"][own], columns["aside"][own] == 0
    names = np.full(len(starts), None, object)
    names[used] = [f"{mover}/{start}" for start in starts[used].tolist()]
    return names


def _ms(moment: datetime | None, named: str) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{named} needs a time zone, such as datetime(…, tzinfo=UTC)")
    return round(moment.timestamp() * 1000)
