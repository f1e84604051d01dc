"""Columns of what was taken in, batch by batch in the order of time, so that memory stays bounded.

Positions of vessels come up to six hours at a time, those of trucks, which say more often where
they are, by number, as rows of layers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol

import geopandas as gpd
import pyarrow as pa
import pyarrow.compute as pc

from analytics import feeds
from analytics.rule import Columns, rows
from layers.positions import PositionStore
from layers.query import Query, TimeInterval
from layers.store.tables import instant_of

_EPOCH = date(1970, 1, 1)
DAY_MS = 86_400_000
QUARTER_MS = DAY_MS // 4
ROWS_AT_ONCE = 50_000
TRUCK_ROWS_AT_ONCE = 150_000
_FIXES = ["lon", "lat", "sog_mps", "cog_deg", "nav", "quality"]
_TRUCK_FIXES = [*_FIXES, "acc", "receiver", "recorder_mps", "mileage_m"]
# Of a weighing, what the feed of trucks tells.
_WEIGHED = ("record_id", "station_id", "plate", "time", "gross_kg", "error_share")


class Frames(Protocol):
    """A store, or what a reader sees of one."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """Rows of a query."""


def vessel_batches(
    positions: PositionStore,
    crs: str,
    start_ms: int | None = None,
    end_ms: int | None = None,
    span_ms: int = QUARTER_MS,
) -> Iterator[Columns]:
    """Columns of the feed ``ais``, a part of a day each; times without positions say nothing.

    Parameters
    ----------
    crs : projected CRS of the city.
    start_ms, end_ms : half-open span of UTC ms; None is open.
    span_ms : longest part.
    """
    days = {*positions.days("ais"), *positions.days("ais_identity")}
    for start, end in _days(days, start_ms, end_ms):
        # Of one day at a time: nothing of it is held while the next is read.
        yield from _vessels_of_day(positions, crs, start, end, span_ms)


def _vessels_of_day(
    positions: PositionStore, crs: str, start_ms: int, end_ms: int, span_ms: int
) -> Iterator[Columns]:
    # As a table, read once, a day is small; as columns it is not.
    fixes = positions.scan("ais", start_ms=start_ms, end_ms=end_ms, columns=_FIXES)
    said = positions.scan("ais_identity", start_ms=start_ms, end_ms=end_ms)
    for since in range(start_ms, end_ms, span_ms):
        until = min(since + span_ms, end_ms)
        some, of_these = _between(fixes, since, until), _between(said, since, until)
        columns = feeds.ais_columns(some, of_these, crs)
        if rows(columns):
            yield columns
        del columns


def truck_batches(
    positions: PositionStore,
    source: Frames,
    crs: str,
    start_ms: int | None = None,
    end_ms: int | None = None,
    rows: int = TRUCK_ROWS_AT_ONCE,
) -> Iterator[Columns]:
    """Columns of the feed ``gps``, a span of a day each; days without positions say nothing.

    Parameters
    ----------
    source : of the layer ``weighing``.
    crs : projected CRS of the city.
    start_ms, end_ms : half-open span of UTC ms; None is open.
    rows : about so many positions come at once.
    """
    for start, end in _days(positions.days("gps"), start_ms, end_ms):
        for since, until, fixes in positions.spans("gps", start, end, rows, _TRUCK_FIXES):
            yield feeds.gps_columns(fixes, weighings(source, since, until), crs)


def _days(
    days: Iterable[date], start_ms: int | None, end_ms: int | None
) -> Iterator[tuple[int, int]]:
    """What of a half-open span lies in each UTC day."""
    for day in sorted(days):
        first = (day - _EPOCH).days * DAY_MS
        start = first if start_ms is None else max(first, start_ms)
        end = first + DAY_MS if end_ms is None else min(first + DAY_MS, end_ms)
        if start < end:
            yield start, end


def _between(table: pa.Table, start_ms: int, end_ms: int) -> pa.Table:
    t = pc.field("t")
    return table.filter((t >= start_ms) & (t < end_ms))


def weighings(source: Frames, start_ms: int, end_ms: int) -> gpd.GeoDataFrame:
    """What the feed of trucks reads of the layer ``weighing`` in a half-open span of UTC ms."""
    span = TimeInterval(instant_of(start_ms), instant_of(end_ms - 1))
    return source.frame(Query("weighing", time=span, properties=_WEIGHED))


def row_batches(feed: str, frames: Iterable[gpd.GeoDataFrame], crs: str) -> Iterator[Columns]:
    """Columns of a feed that is a layer, from its rows in the order of time."""
    for frame in frames:
        if feed == "weighing":
            yield feeds.weighing_columns(frame)
        else:
            yield feeds.detection_columns(frame, crs)
