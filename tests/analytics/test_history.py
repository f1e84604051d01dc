"""What was taken in comes in the order of time, whole, in batches that memory can hold."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.history import truck_batches, vessel_batches
from layers.positions import FIXES, IDENTITIES, PositionStore
from layers.query import Query
from tests.analytics.columns import CRS, at, frame, weighing

HOUR = 3_600_000
START = at("2020-07-01T00:00:00+00:00")


def truck(hours: list[float]) -> pa.Table:
    t = np.array([START + round(hour * HOUR) for hour in hours], np.int64)
    n = len(t)
    columns = {
        "mover": ["沪A12345"] * n, "t": t, "lon": [121.6] * n, "lat": [31.2] * n,
        "sog_mps": [10.0] * n, "cog_deg": [90.0] * n, "heading_deg": [np.nan] * n, "nav": [15] * n,
        "acc": [1] * n, "receiver": ["T1"] * n, "quality": [0] * n,
        "h3": [h3.str_to_int(h3.latlng_to_cell(31.2, 121.6, 8))] * n,
        "pid": [f"{k:016x}" for k in range(n)],
    }  # fmt: skip
    return pa.table(columns).cast(FIXES)


def test_trucks_come_some_at_a_time_with_their_weighings(tmp_path: Path) -> None:
    positions = PositionStore(tmp_path)
    hours = [0.0, 5.999, 6.0, 23.9, 30.0]
    positions.write("gps", truck(hours), "b")
    # One where no position lies near in time, and one a moment before the next span.
    weighed = [
        weighing(record, 1.0, time=pd.Timestamp(START + round(hour * HOUR), unit="ms", tz="UTC"))
        for record, hour in (("r1", 13.0), ("r2", 6 - 1 / HOUR))
    ]

    class Weighed:
        def frame(self, query: Query) -> gpd.GeoDataFrame:
            rows = frame(weighed)
            assert query.layer == "weighing" and query.time is not None
            return rows[(rows["time"] >= query.time.start) & (rows["time"] <= query.time.end)]

    batches = list(truck_batches(positions, Weighed(), CRS, rows=2))
    told = [[(int(t) - START) / HOUR for t in batch["t"]] for batch in batches]
    assert [len(one) for one in told] == [3, 3, 1]
    assert sorted(hour for one in told for hour in one) == sorted([*hours, 13.0, 6 - 1 / HOUR])
    assert all(max(a) < min(b) for a, b in pairwise(told))
    assert "r1" in batches[1]["pid"].tolist() and "r2" in batches[0]["pid"].tolist()
    part = truck_batches(positions, Weighed(), CRS, START + 6 * HOUR, START + 14 * HOUR, rows=1)
    assert [batch["pid"].tolist() for batch in part] == [["0000000000000002", "r1"]]


def test_vessels_come_by_quarters_of_a_day_with_what_they_say(tmp_path: Path) -> None:
    positions = PositionStore(tmp_path)
    positions.write("ais", truck([0.0, 5.999, 6.0, 23.9, 30.0]), "b")
    said = [{"mover": "412000001", "t": START + 13 * HOUR, "name": "A", "pid": "i1"}]
    positions.write("ais_identity", pa.Table.from_pylist(said, schema=IDENTITIES), "b")
    batches = list(vessel_batches(positions, CRS))
    told = [[(int(t) - START) / HOUR for t in batch["t"]] for batch in batches]
    # Of the second day there is one quarter only: where nothing is said, nothing comes.
    assert [sorted(one) for one in told] == [[0.0, 5.999], [6.0], [13.0], [23.9], [30.0]]
    some = list(vessel_batches(positions, CRS, START + 6 * HOUR, START + 14 * HOUR))
    assert [len(batch["t"]) for batch in some] == [1, 1]
    assert list(vessel_batches(PositionStore(tmp_path / "none"), CRS)) == []
