"""The stage between feed and rules: senders told apart, and any cut of the rows gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.feeds import FIX
from analytics.preparation import devices
from analytics.preparation.devices import device_of
from analytics.rule import Columns, dump_state, load_state
from tests.analytics.columns import ais, cut_by_row, cut_by_time, said
from tests.analytics.vessels_at_sea import MINUTE, START, path, prepared, stage, straight

SHIP, BUOY = "412000001", "412000002"


@pytest.mark.parametrize(
    ("mmsi", "kind"),
    [
        ("412345678", devices.VESSEL),
        ("002655175", devices.BASE_STATION),
        ("2655175", devices.BASE_STATION),
        ("994121001", devices.AID),
        ("984120001", devices.VESSEL),
        ("970012345", devices.OTHER_DEVICE),
        ("111412001", devices.OTHER_DEVICE),
        ("812345678", devices.OTHER_DEVICE),
    ],
)
def test_the_form_of_an_mmsi_says_what_sends(mmsi: str, kind: int) -> None:
    assert device_of(mmsi) == kind


def test_two_vessels_on_one_mmsi_are_two_segments() -> None:
    near = straight(SHIP, 60, 3, every=2)
    far = straight(SHIP, 60, 3, every=2, start=1, y=60_000)
    columns = prepared(*near, *far)
    fixes = columns["kind"] == FIX
    north = columns["y"] > columns["y"][fixes].mean()
    assert len(set(columns["segment"][north].tolist())) == 1
    assert len(set(columns["segment"][~north].tolist())) == 1
    assert len(set(columns["segment"].tolist())) == 2


def test_one_vessel_is_one_segment_though_a_position_is_wild() -> None:
    rows = straight(SHIP, 60, 5)
    wild = path(SHIP, [(30.5, 80_000, 0)])
    columns = prepared(*rows, *wild)
    _, counts = np.unique(columns["segment"], return_counts=True)
    assert sorted(counts.tolist()) == [1, 61]


def test_a_day_of_silence_begins_a_segment() -> None:
    columns = prepared(*straight(SHIP, 10, 2), *straight(SHIP, 10, 2, start=25 * 60))
    assert len(set(columns["segment"].tolist())) == 2


@pytest.mark.parametrize("name", ["ZHESANYU00868-2984%", "9V", "HUPUYU00358-80%"])
def test_a_charge_as_a_name_is_a_net_buoys(name: str) -> None:
    columns = prepared(*straight(BUOY, 60, 0.4), said(BUOY, START + 10 * MINUTE, name))
    fixes = columns["kind"] == FIX
    after = columns["t"] > START + 10 * MINUTE
    assert (columns["aside"][fixes & after] == devices.BUOY).all()
    assert (columns["aside"][fixes & ~after] == devices.VESSEL).all()


def test_a_nameless_drifter_becomes_a_net_buoy_and_a_boat_does_not() -> None:
    drifter = straight(BUOY, 100, 0.4, nav=15)
    boat = straight(SHIP, 100, 0.4, nav=15)
    columns = prepared(*drifter, *boat, said(SHIP, START, "HUPUYU00358", 30))
    own = columns["mover"] == BUOY
    assert columns["aside"][own].tolist() == [0] * 59 + [devices.BUOY] * 42
    assert (columns["aside"][~own] == 0).all()


def test_static_data_hold_from_the_message_on() -> None:
    rows = [*straight(SHIP, 20, 2), said(SHIP, START + 5 * MINUTE + 1, "A", 30)]
    rows += [said(SHIP, START + 9 * MINUTE + 1, "", callsign="BX1")]
    columns = prepared(*rows)
    at = {int(t - START) // MINUTE: s for t, s in zip(columns["t"], columns["said"], strict=True)}
    assert at[4] is None
    assert (at[6].name, at[6].callsign) == ("A", "")
    assert (at[10].name, at[10].callsign, at[10].ship_type) == ("A", "BX1", 30)


def test_rows_are_all_there_and_only_columns_are_added() -> None:
    raw = ais(*straight(SHIP, 20, 2), said(SHIP, START, "A", 30))
    made = stage()
    columns = made.update(made.start(), raw)
    assert set(columns) - set(raw) == {"segment", "aside", "said", "version", "turn"}
    assert all(columns[name] is raw[name] for name in raw)


def test_what_is_silent_for_long_is_forgotten() -> None:
    made = stage(forget_s=3600)
    state = made.start()
    made.update(state, ais(*straight(BUOY, 10, 0.4), said(BUOY, START, "9V")))
    made.flush(state, START + 30 * MINUTE)
    assert BUOY in state
    made.flush(state, START + 80 * MINUTE)
    assert state == {}


def feed(seed: int) -> Columns:
    """Vessels that share numbers, jump, fall silent, and say things."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(5):
        mover = f"{412000000 + number}"
        for _ in range(int(rng.integers(1, 4))):
            t = rng.uniform(0, 600) + np.cumsum(rng.choice([0.1, 2, 2, 5, 40, 2000], 40))
            x, y = rng.uniform(-40_000, 40_000, 2)
            east = x + np.cumsum(rng.normal(0, 150, 40))
            rows += path(
                mover, zip(t.tolist(), east.tolist(), (east * 0 + y).tolist(), strict=True)
            )
        for when in rng.uniform(0, 3000, 6).tolist():
            name = str(rng.choice(["", "HUPUYU00358", "9V", "XIN HAI 1"]))
            kind, sign = int(rng.choice([0, 30, 70])), str(rng.choice(["", "BX12"]))
            rows.append(said(mover, START + round(when * MINUTE), name, kind, callsign=sign))
    unique = {row["pid"]: row for row in rows}
    return ais(*unique.values())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 20),
    cuts=st.lists(st.integers(0, 5000), max_size=4),
    by_time=st.booleans(),
    forget=st.sampled_from([3600.0, 90_000.0, 604_800.0]),
)
def test_any_cut_gives_the_same(seed: int, cuts: list[int], by_time: bool, forget: float) -> None:
    raw = feed(seed)
    made = stage(forget_s=forget)
    whole = made.update(made.start(), raw)
    if by_time:
        edges = sorted({START + cut * MINUTE for cut in cuts})
        parts = cut_by_time(raw, edges)
    else:
        edges, parts = [], cut_by_row(raw, cuts)
    stored: bytes | None = None
    given_out = []
    for number, part in enumerate(parts):
        state = load_state(stored) or made.start()
        if by_time and number:
            made.flush(state, edges[number - 1])
        given_out.append(made.update(state, part))
        stored = dump_state(state)
    for name in ("segment", "aside", "turn", "said"):
        joined = np.concatenate([part[name] for part in given_out])
        pids = np.concatenate([part["pid"] for part in given_out])
        there = dict(zip(pids.tolist(), joined.tolist(), strict=True))
        assert [there[pid] for pid in raw["pid"].tolist()] == whole[name].tolist(), name
