"""Rules on fishing share features and scores, and find what each would find alone."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from analytics.fishing.boats import boats_of
from analytics.fishing.model import load
from analytics.rule import Columns, Rule, State, dump_state, load_state
from tests.analytics.columns import NAMES, ais, cut_by_row, references, rule, said, zone
from tests.analytics.vessels_at_sea import START, path, stage

ZONES = (zone("fishing_ban", shapely.box(122.0, 30.0, 123.0, 31.5)),)
LIMITS = {"names": NAMES, "ship_types": [30], "min_score": 0.05, "min_fixes": 3}


def boat() -> Columns:
    """A boat that goes to and fro for some hours."""
    rng = np.random.default_rng(3)
    minutes = np.cumsum(rng.uniform(0.5, 3, 400))
    east = 1500 * np.sin(minutes / 25) + rng.normal(0, 20, 400)
    north = 40 * minutes + rng.normal(0, 20, 400)
    points = zip(minutes.tolist(), east.tolist(), north.tolist(), strict=True)
    return ais(said("412000001", START, "HUPUYU00358", 30), *path("412000001", points))


def rules() -> list[Rule]:
    refs = references(marine_zones=ZONES)
    return [
        rule("closed_zone_fishing", LIMITS | {"min_duration_s": seconds}, refs)
        for seconds in (300, 1200)
    ]


def told(one: Rule, state: State, columns: Columns) -> list[str]:
    return [repr(event) for event in one.update(state, columns)]


@pytest.mark.parametrize("stored", [False, True], ids=["in_memory", "stored_between"])
def test_two_rules_on_the_same_rows_find_what_each_finds_alone(stored: bool) -> None:
    batches = cut_by_row(boat(), [150, 260])
    alone, together = [], []
    for one in rules():
        held, state = stage().start(), one.start()
        for batch in batches:
            alone += told(one, state, stage().update(held, batch))
    both, held = rules(), stage().start()
    states = [one.start() for one in both]
    for batch in batches:
        columns = stage().update(held, batch)
        for one, state in zip(both, states, strict=True):
            together += told(one, state, columns)
        if stored:
            states = [load_state(dump_state(state)) for state in states]
    assert sorted(together) == sorted(alone)
    assert len(alone) >= 2


def test_a_rule_that_began_later_has_features_of_its_own() -> None:
    early, late = rules()
    first, second = cut_by_row(boat(), [200])
    held, past, none = stage().start(), early.start()["past"], late.start()["past"]
    claims, made = early._claims, stage()  # type: ignore[attr-defined]
    boats_of(made.update(held, first), claims, past, "1")
    columns = made.update(held, second)
    known = boats_of(columns, claims, past, "1")
    fresh = boats_of(columns, claims, none, "1")
    assert not np.array_equal(known.features, fresh.features)
    assert boats_of(columns, claims, {}, "1").features.tolist() == fresh.features.tolist()


def test_a_position_is_scored_once_for_all_rules() -> None:
    one, other = rules()
    columns = stage().update(stage().start(), boat())
    claims, model = one._claims, load()  # type: ignore[attr-defined]
    first = boats_of(columns, claims, {}, "1")
    every = np.ones(len(first.features), bool)
    scores = first.score(model, every)
    again = boats_of(columns, other._claims, {}, "1")  # type: ignore[attr-defined]
    assert again.features is first.features
    again.features[:] = np.nan
    assert again.score(model, every).tolist() == scores.tolist()
