"""Rules on real tracks: no flood of alerts, none from net buoys; silences planted and thinned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from analytics.detect import run_batches
from analytics.event import Event
from analytics.feeds import FIX, ais_columns
from analytics.preparation.devices import BUOY
from analytics.reception import Learner
from analytics.rule import Columns
from ingest.decoders.ais_messages import batch_of
from layers.crs import transformer
from tests.analytics.columns import CRS, NAMES, ais, references, rule, said, zone
from tests.analytics.vessels_at_sea import SEA, prepared, stage

pytestmark = pytest.mark.real
WORLD = shapely.box(-180, -80, 180, 80)
CLOSED = (zone("fishing_ban", WORLD), zone("watch", WORLD))
DAY_MS = 86_400_000


def vessel_days(columns: Columns) -> int:
    """Days on which a vessel was heard, summed over vessels."""
    fixes = (columns["kind"] == FIX) & (columns["aside"] == 0)
    pairs = pd.DataFrame({"mover": columns["mover"][fixes], "day": columns["t"][fixes] // DAY_MS})
    return len(pairs.drop_duplicates())


def test_hard_tracks_raise_no_flood_and_buoys_nothing(real_data: Path) -> None:
    file = real_data / "ais_tracks" / "segmented_messages.parquet"
    batch = batch_of(pq.read_table(file), file.name)
    raw = ais_columns(batch.fixes, batch.identities, CRS)
    made = stage()
    columns = made.update(made.start(), raw)
    refs = references(marine_zones=CLOSED, reception=Learner().learn([columns]))
    rules = [
        rule("loitering", {"min_duration_s": 14_400}, refs),
        rule("closed_zone_fishing", {"names": NAMES, "ship_types": [30]}, refs),
        rule("encounter", {}, refs),
        rule("shared_mmsi", {}, refs),
        rule("kinematic_spoof", {}, refs),
        rule("multi_mmsi", {}, refs),
        rule("dark_gap", {}, refs),
    ]
    found, _ = run_batches(rules, [raw], stage())
    days = vessel_days(columns)
    rates = {name: round(1000 * len(events) / days) for name, events in found.items()}
    print(f"\nalerts per 1,000 vessel-days on {days} vessel-days of hard cases: {rates}")
    buoys = set(columns["mover"][columns["aside"] == BUOY].tolist())
    moving: list[Event] = [*found["loitering"], *found["closed_zone_fishing"]]
    # 666000001 is a number that buoys and others share: what is not a buoy's there may be told.
    assert {event.subject for event in moving} & (buoys - {"666000001"}) == set()
    assert len(found["shared_mmsi"]) <= days / 4


@pytest.fixture(scope="module")
def fleet(real_data: Path) -> pd.DataFrame:
    """Real positions of fishing vessels, every ten minutes for three days, at another place."""
    frame = pd.read_parquet(real_data / "fishing_labels" / "tianchi_gear_tracks.parquet")
    chosen = sorted(frame.vessel_id.unique())[:700]
    # Of those that send steadily: most of the others fall silent by themselves, in harbour or not.
    frame = frame[frame.vessel_id.isin(chosen)].sort_values(["vessel_id", "time_local"])
    t = pd.to_datetime(frame.time_local).to_numpy().astype("datetime64[ms]").astype(np.int64)
    number = pd.factorize(frame.vessel_id, sort=True)[0]
    # The places are shifted by their makers: each vessel starts somewhere on a plane of its own.
    rng = np.random.default_rng(2)
    east, north = (
        frame[n]
        - frame.groupby("vessel_id")[n].transform("first")
        + rng.uniform(0, 60_000, 700)[number]
        for n in ("x_m", "y_m")
    )
    # Each was recorded on days of its own: here all of them end together.
    t += t.max() - pd.Series(t).groupby(number).transform("max").to_numpy()
    whole = pd.DataFrame({"n": number, "t": t, "east": east, "north": north, "kn": frame.speed_kn})
    whole["course"] = frame.course_deg
    waits = whole.groupby("n").t.diff().fillna(0)
    return whole[~whole.n.isin(whole.n[waits > 3_000_000].unique())]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    back = transformer(CRS, "EPSG:4326")
    lon, lat = back.transform(SEA[0] + np.asarray(frame.east), SEA[1] + np.asarray(frame.north))
    rows = []
    values = zip(frame.n, frame.t, lon, lat, frame.kn, frame.course, strict=True)
    for number, t, x, y, knots, course in values:
        row = {"mover": f"412{number:06d}", "t": int(t), "lon": float(x), "lat": float(y)}
        row |= {"sog_mps": knots * 0.5144, "cog_deg": float(course), "nav": 7}
        rows.append(row | {"pid": f"{number:06x}{int(t):x}"})
    return rows


def dark(frame: pd.DataFrame) -> list[Event]:
    rows = rows_of(frame)
    names = [said(m, int(frame.t.min()), "X", 70) for m in {row["mover"] for row in rows}]
    reception = Learner().learn([prepared(*rows, *names)])
    refs = references(marine_zones=CLOSED, reception=reception)
    found, _ = run_batches([rule("dark_gap", {}, refs)], [ais(*rows, *names)], stage())
    return found["dark_gap"]


def test_silences_cut_out_of_real_tracks_are_found(fleet: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    cut, planted = fleet, set()
    for number in rng.choice(sorted(fleet.n.unique()), 12, replace=False).tolist():
        own = fleet[fleet.n == number]
        first = int(own.t.iloc[len(own) // 2])
        cut = cut[~((cut.n == number) & (cut.t > first) & (cut.t < first + 3 * 3_600_000))]
        planted.add((f"412{number:06d}", first))
    assert dark(fleet) == []
    found = {(event.subject, event.start_ms) for event in dark(cut)}
    print(f"\nsilences of 3 h cut out of real tracks: {len(found)} of {len(planted)} found")
    # One lies in a cell in which two intervals were seen: there nothing can be said.
    assert found <= planted
    assert len(found) >= len(planted) - 1


def test_silences_at_the_ends_of_real_tracks_are_told_while_they_last(fleet: pd.DataFrame) -> None:
    rng = np.random.default_rng(6)
    moving = fleet[(fleet.kn > 2) & (fleet.t < fleet.t.max() - 6 * 3_600_000)]
    latest = moving.groupby("n").t.max()
    chosen = rng.choice(latest.index.to_numpy(), 40, replace=False)
    cut = fleet[~(fleet.n.isin(chosen) & (fleet.t > fleet.n.map(latest)))]
    planted = {(f"412{number:06d}", int(latest[number])) for number in chosen}
    events = dark(cut)
    assert all(event.open for event in events)
    found = {(event.subject, event.start_ms) for event in events}
    print(f"\nsilences cut from real tracks to their end: {len(found)} of {len(planted)} found")
    # Whose way leads to where little was heard may have left.
    assert found <= planted
    assert len(found) >= len(planted) / 2


def test_thinned_real_tracks_raise_hardly_any(fleet: pd.DataFrame) -> None:
    rng = np.random.default_rng(4)
    thin = fleet[rng.random(len(fleet)) < 0.5]
    events = dark(thin)
    days = len(thin.assign(day=thin.t // DAY_MS)[["n", "day"]].drop_duplicates())
    rate = 1000 * len(events) / days
    print(f"\nthinned to a half: {len(events)} alarms on {days} vessel-days, {rate:.2f} per 1,000")
    assert rate <= 1
