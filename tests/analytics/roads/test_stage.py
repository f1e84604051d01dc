"""The stage before the rules on trucks: each row once, in order, and the same however it is cut."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.feeds import take
from analytics.roads.stage import RoadMatching
from analytics.rule import Columns, State, dump_state, load_state, rows
from tests.analytics.roads.streets import PARAMETERS, START, drives, joined, same, squares

END = 2**62
ADDED = ("arc", "along_m", "off_m", "chain", "route_m", "via", "still_since", "aside")


@lru_cache
def stage(**changes: Any) -> RoadMatching:
    return RoadMatching(squares(), PARAMETERS.model_copy(update=changes))


@lru_cache
def feed(seed: int) -> Columns:
    return drives(seed)


def run(one: RoadMatching, batches: list[Columns], marks: list[int], stored: bool) -> list[Columns]:
    """Rows given on: after each batch, at each mark, and in the end."""
    state: State = one.start()
    given_on = []
    for number, batch in enumerate(batches):
        given_on.append(one.update(state, batch))
        if number < len(marks):
            given_on.append(one.flush(state, marks[number]))
        if stored:
            state = load_state(dump_state(state))
    given_on.append(one.flush(state, END))
    return given_on


@lru_cache
def whole(seed: int) -> Columns:
    return joined(run(stage(), [feed(seed)], [], stored=False))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 30),
    cuts=st.lists(st.integers(0, 1500), max_size=8),
    marking=st.booleans(),
    stored=st.booleans(),
)
def test_any_cut_gives_the_same_rows(
    seed: int, cuts: list[int], marking: bool, stored: bool
) -> None:
    columns = feed(seed)
    edges = sorted({START + 1000 * cut for cut in cuts})
    number = np.searchsorted(np.array(edges, np.int64), columns["t"], side="right")
    batches = [take(columns, np.flatnonzero(number == k)) for k in range(len(edges) + 1)]
    parts = run(stage(), batches, edges if marking else [], stored)
    same(joined(parts), whole(seed))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 30), size=st.integers(1, 50))
def test_cuts_between_trucks_and_ties_give_the_same_rows(seed: int, size: int) -> None:
    columns = feed(seed)
    cuts = range(0, rows(columns), size)
    batches = [take(columns, slice(cut, cut + size)) for cut in cuts]
    same(joined(run(stage(), batches, [], stored=True)), whole(seed))


@pytest.mark.parametrize("seed", range(10))
def test_every_row_comes_out_once_and_in_order(seed: int) -> None:
    columns = feed(seed)
    parts = [take(columns, slice(k, k + 7)) for k in range(0, rows(columns), 7)]
    state, seen = stage().start(), []
    for part in parts:
        seen += stage().update(state, part).get("pid", np.empty(0, object)).tolist()
    seen += stage().flush(state, END).get("pid", np.empty(0, object)).tolist()
    for mover in set(columns["mover"].tolist()):
        wanted = columns["pid"][columns["mover"] == mover].tolist()
        assert [pid for pid in seen if pid.startswith(f"{mover}-")] == wanted
    assert len(seen) == rows(columns)


@pytest.mark.parametrize("seed", range(10))
def test_what_came_in_goes_out_unchanged(seed: int) -> None:
    columns, out = feed(seed), whole(seed)
    assert {*columns, *ADDED} == {*out}
    same({name: out[name] for name in columns}, joined([columns]))


def test_there_is_something_of_everything() -> None:
    out = joined([whole(seed) for seed in range(10)])
    fix = out["kind"] == 0
    matched = out["arc"] >= 0
    assert 0.7 < matched[fix].mean() < 1
    assert (out["aside"] == 1).sum() > 10
    assert sum(len(via) > 0 for via in out["via"]) > 100
    assert len(np.unique(out["chain"])) > 30
    assert (out["still_since"] < out["t"])[fix].sum() > 100
    assert not matched[~fix].any()
    assert np.isnan(out["route_m"][~matched]).all()


@pytest.mark.parametrize("seed", range(10))
def test_ways_join_the_arcs(seed: int) -> None:
    network, out = stage().network, whole(seed)
    last: dict[str, tuple[int, int, float]] = {}
    checked = 0
    for k in range(rows(out)):
        if out["arc"][k] < 0:
            continue
        mover, arc, along = out["mover"][k], int(out["arc"][k]), float(out["along_m"][k])
        if np.isnan(out["route_m"][k]):
            assert out["via"][k] == ()
        else:
            chain, before, start = last[mover]
            assert chain == out["chain"][k]
            path = [before, *out["via"][k], arc]
            if len(path) > 2:
                # One that turned round where it was goes on along the twin of its arc.
                twins = network.graph.reverse[before] == path[1]
                inner = path[1:] if twins else path
                joins = itertools.pairwise(inner)
                assert all(network.arc_end[a] == network.arc_start[b] for a, b in joins)
                length = sum(network.arc_length_m[a] for a in out["via"][k])
                whole_arc = network.arc_length_m[before]
                wanted = length + along + (start - whole_arc if twins else whole_arc - start)
                assert out["route_m"][k] == pytest.approx(wanted, abs=0.05)
                checked += 1
        last[mover] = (int(out["chain"][k]), arc, along)
    assert checked > 5
