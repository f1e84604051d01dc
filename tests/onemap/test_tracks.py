"""``onemap tracks``: every position with its vessel, out; and tables of messages, in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from layers.positions import PositionStore
from tests.layers.test_positions import fixes
from tests.running import DemoCity, onemap

pytestmark = pytest.mark.xdist_group("demo")


def test_every_position_is_written_with_its_segment(
    demo: DemoCity, pudong_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tracks.parquet"
    run = onemap("tracks", "export", out, "--json", city=pudong_folder, store=demo.store)
    assert run.status == 0, run.error
    frame = pq.read_table(out).to_pandas()
    fixes = PositionStore(demo.store.parent / "positions").scan("ais")
    assert run.data["rows"] == len(frame) == fixes.num_rows
    assert set(frame.pid) == set(fixes["pid"].to_pylist())
    by_day = frame.groupby(frame.time.dt.date).mmsi
    assert by_day.apply(lambda mmsi: mmsi.is_monotonic_increasing).all()
    own = frame[frame.segment_id.notna()]
    assert (own.segment_id.str.split("-").str[0] == own.mmsi).all()
    assert frame.net_buoy.any()
    assert set(frame.aside.dropna()) <= {"noise", "net_buoy", "other_device"}


def test_a_span_of_some_vessels_as_csv(demo: DemoCity, pudong_folder: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "all.parquet", tmp_path / "part.csv"
    onemap("tracks", "export", whole, city=pudong_folder, store=demo.store)
    frame = pq.read_table(whole).to_pandas()
    chosen = frame.mmsi.value_counts().index[:2].tolist()
    given = [word for mmsi in chosen for word in ("--mmsi", mmsi)]
    span = ("--start", "2020-07-01T02:00:00", "--end", "2020-07-01T04:00:00")
    run = onemap(
        "tracks", "export", part, "--format", "csv", *span, *given,
        city=pudong_folder, store=demo.store,
    )  # fmt: skip
    assert run.status == 0, run.error
    told = pd.read_csv(part, dtype={"mmsi": str})
    inside = frame.time.between("2020-07-01T02:00Z", "2020-07-01T04:00Z", inclusive="left")
    expected = frame[frame.mmsi.isin(chosen) & inside]
    assert told.segment_id.tolist() == expected.segment_id.tolist()
    assert len(told) > 10
    bad = onemap("tracks", "export", part, "--format", "shp", city=pudong_folder, store=demo.store)
    assert bad.status == 1
    assert "no format 'shp'" in bad.error


def test_versions_of_what_vessels_say(demo: DemoCity, pudong_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "identities.parquet"
    run = onemap("tracks", "identities", out, "--json", city=pudong_folder, store=demo.store)
    assert run.status == 0, run.error
    frame = pq.read_table(out).to_pandas()
    assert len(frame) == run.data["rows"] > 100
    assert frame.net_buoy.any()
    spans = frame.groupby("mmsi")
    assert (spans.valid_to.apply(lambda s: s.isna().sum()) == 1).all()
    ended = frame[frame.valid_to.notna()]
    assert (ended.valid_to > ended.valid_from).all()


def test_decoded_messages_come_in_and_segments_go_out(tiny_folder: Path, tmp_path: Path) -> None:
    start = pd.Timestamp("2021-03-05T12:00:00Z")
    rows = [
        {
            "ssvid": "725000001",
            "timestamp": start + pd.Timedelta(minutes=k),
            "type": "AIS.1",
            "lon": -75.1 + 0.001 * k + (2.0 if k % 2 else 0.0),
            "lat": -42.5,
            "speed": 3.0,
            "course": 90.0,
        }
        for k in range(60)
    ]
    rows.append(rows[0] | {"lon": 181.0, "lat": 91.0})
    rows.append(rows[0] | {"lat": 95.0})
    file, out = tmp_path / "messages.parquet", tmp_path / "out.parquet"
    pd.DataFrame(rows).to_parquet(file)
    store = tmp_path / "onemap.gpkg"
    assert onemap("init", city=tiny_folder, store=store).status == 0
    run = onemap("ingest", "ais-messages", file, "--json", city=tiny_folder, store=store)
    assert run.status == 0, run.error
    assert run.data["read"] == 62
    assert run.data["rejected"] == {"position_out_of_range": 1}
    onemap("tracks", "export", out, city=tiny_folder, store=store)
    frame = pq.read_table(out).to_pandas()
    assert len(frame) == 60
    assert frame.groupby(frame.lon > -74).segment_id.nunique().tolist() == [1, 1]
    assert frame.segment_id.nunique() == 2


def test_small_files_of_feeds_are_merged(tiny_folder: Path, tmp_path: Path) -> None:
    store, positions = tmp_path / "onemap.gpkg", PositionStore(tmp_path / "positions")
    assert onemap("init", city=tiny_folder, store=store).status == 0
    whole = fixes(30, seed=1)
    for number in range(10):
        positions.write("ais", whole.slice(3 * number, 3), f"live-a-{number:09d}")
    run = onemap("tracks", "tidy", "--json", city=tiny_folder, store=store)
    assert run.status == 0, run.error
    told = run.data["ais"]
    assert told["before"] > told["after"] and told["waiting"] > told["removed"] == 0
    assert told["after"] == len(positions.state("ais")) and len(positions.batches("ais")) == 2
    assert positions.scan("ais").num_rows == 30
    again = onemap("tracks", "tidy", city=tiny_folder, store=store)
    assert f"ais: {told['after']} files are {told['after']}; 0 merged before removed" in again.text
