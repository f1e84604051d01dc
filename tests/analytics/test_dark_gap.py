"""Silences: limits, what was learned of reception, and real tracks cut and thinned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from analytics.ahead import places_ahead
from analytics.detect import distinct
from analytics.reception import Learner, to_frame
from analytics.reception_model import STEPS_S, Counts, Reception
from analytics.rule import Columns, Rule
from analytics.tracks import distance_m
from analytics.vessels import Fix
from tests.analytics.columns import ais, references, rule, said, written, zone
from tests.analytics.vessels_at_sea import MINUTE, START, found, prepared, straight

M = "412000001"
WATCH = zone("watch", shapely.box(122.2, 30.6, 122.7, 31.0))


def fleet(*, every: float = 1, hours: float = 20, movers: int = 40) -> Columns:
    """Vessels that go on sending all over the watched waters."""
    rows = []
    for number in range(movers):
        place = {"x": -8000.0 + 250 * number, "y": 100.0 * number}
        rows += straight(f"4130000{number:02d}", hours * 60, 0.3, every=every, **place)
        rows += [said(f"4130000{number:02d}", START, "XIN HAI 1", 70)]
    return prepared(*rows)


@pytest.fixture(scope="module")
def heard() -> Reception:
    return Learner().learn([fleet()])


def checked(reception: Reception, *zones: Any, **parameters: Any) -> Rule:
    refs = references(marine_zones=zones or (WATCH,), reception=reception)
    return rule("dark_gap", parameters, refs)


def silent(minutes: float, **more: Any) -> Columns:
    before = straight(M, 60, 1.0, every=1, **more)
    after = straight(M, 60, 1.0, every=1, start=60 + minutes, **more)
    return ais(*before, *after, said(M, START, "HUPUYU00358", 30))


@pytest.mark.parametrize(("minutes", "events"), [(45, 0), (60, 0), (61, 1), (150, 1)])
def test_more_than_an_hour_is_told(heard: Reception, minutes: float, events: int) -> None:
    assert len(found(checked(heard), silent(minutes))) == events


def test_what_it_says(heard: Reception) -> None:
    (event,) = found(checked(heard), silent(150))
    assert (event.start_ms, event.end_ms) == (START + 60 * MINUTE, START + 210 * MINUTE)
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["silence"].value == 9000
    assert measures["silences_expected_per_vessel_day"].value < 1e-3
    assert [r["layer"] for r in event.evidence.references] == ["marine_zone", "ais_reception"]
    assert len(event.evidence.points) == 2


def test_where_reception_is_poor_nothing_is_told() -> None:
    poor = Learner().learn([fleet(every=200, hours=400)])
    assert found(checked(poor), silent(150)) == []


def test_without_anything_learned_nothing_is_told() -> None:
    assert found(checked(Reception()), silent(150)) == []


def test_far_from_watched_waters_in_port_or_at_anchor_nothing_is_told(heard: Reception) -> None:
    far = zone("watch", shapely.box(123.5, 30.6, 123.7, 31.0))
    assert found(checked(heard, far), silent(150)) == []
    port = zone("port", shapely.box(122.2, 30.6, 122.7, 31.0))
    assert found(checked(heard, WATCH, port), silent(150)) == []
    assert found(checked(heard), silent(150, nav=1)) == []


def test_two_vessels_on_one_mmsi_do_not_end_each_others_silence(heard: Reception) -> None:
    name = said(M, START, "A", 70)
    rows = straight(M, 60, 1.0) + straight(M, 300, 1.0, start=30, y=400_000)
    assert found(checked(heard), ais(*rows, name)) == []
    rows = straight(M, 60, 1.0) + straight(M, 60, 1.0, start=200, y=400_000)
    (event,) = found(checked(heard), ais(*rows, name))
    assert event.open and event.end_ms == START + 125 * MINUTE
    assert found(checked(heard, while_it_lasts=False), ais(*rows, name)) == []


OTHER = "412000002"


def gone(**more: Any) -> Columns:
    """A vessel that is not heard again, and another one, far off, that shows the feed goes on."""
    before = straight(M, 60, 1.0, every=1, **more)
    rest = straight(OTHER, 3000, 0.1, every=5, y=300_000)
    return ais(*before, *rest, said(M, START, "HUPUYU00358", 30), said(OTHER, START, "B", 70))


def until(columns: Columns, minutes: float) -> Columns:
    early = columns["t"] <= START + minutes * MINUTE
    return {name: values[early] for name, values in columns.items()}


def test_a_silence_is_told_while_it_lasts(heard: Reception) -> None:
    assert found(checked(heard), until(gone(), 124)) == []
    (event,) = found(checked(heard), until(gone(), 130))
    assert event.open and event.subject == M
    assert (event.start_ms, event.end_ms) == (START + 60 * MINUTE, START + 125 * MINUTE)
    assert event.evidence.quality["still_silent"] is True
    assert "still silent" in event.sentence.en and "尚未恢复" in event.sentence.zh
    assert len(event.evidence.doubts) == 3
    # Later it says the same.
    assert written(found(checked(heard), gone())) == written([event])


def test_the_return_takes_the_place_of_what_was_told_before(heard: Reception) -> None:
    back = straight(M, 60, 1.0, start=500, y=2_000)
    rows = {"early": until(gone(), 400), "late": ais(*back)}
    told = found(checked(heard), rows["early"])
    (event,) = found(checked(heard), *rows.values(), watermarks=[START + 400 * MINUTE])
    assert told[0].open and not event.open
    assert event.id == told[0].id
    assert event.end_ms == START + 500 * MINUTE
    assert distinct([event, *told]) == distinct([*told, event]) == [event]


def test_who_returns_on_another_day_is_told_all_the_same(heard: Reception) -> None:
    late = straight(M, 60, 1.0, start=1600)
    (event,) = found(checked(heard), until(gone(), 1600), ais(*late))
    assert event.open and event.end_ms == START + 125 * MINUTE


PORT = zone("port", shapely.box(122.42, 30.75, 122.5, 30.85))


@pytest.mark.parametrize(
    "more",
    [{"sog_mps": 0.4}, {"sog_mps": 9.0}, {"sog_mps": float("nan")}, {"nav": 5}, {"x": 200_000}],
    ids=["may have moored", "leaves what is received", "speed unknown", "moored", "far off"],
)
def test_who_may_have_left_or_moored_is_not_told(heard: Reception, more: dict[str, Any]) -> None:
    assert len(found(checked(heard), gone())) == 1
    assert found(checked(heard), gone(**more)) == []


def test_who_heads_for_a_port_is_not_told(heard: Reception) -> None:
    assert found(checked(heard, WATCH, PORT), gone()) == []
    behind = zone("port", shapely.box(122.3, 30.75, 122.38, 30.85))
    assert len(found(checked(heard, WATCH, behind), gone())) == 1


def test_one_silence_does_not_hide_the_next(heard: Reception) -> None:
    key = max(heard.counts, key=lambda k: heard.counts[k].intervals)
    one = heard.counts[key]
    more = one._replace(longer=tuple(k + 1 for k in one.longer))
    assert Reception({**heard.counts, key: more}, heard.vessels).rate(*key, 9000)[0] < 1e-3
    many = one._replace(longer=tuple(k + 5 for k in one.longer))
    assert Reception({**heard.counts, key: many}, heard.vessels).rate(*key, 9000)[0] > 1e-3


def test_what_was_not_counted_follows_the_fall_of_what_was() -> None:
    # Each report lost with 1/2, one every 10 min: silences halve every 600 s.
    longer = tuple(int(2.0 ** (14 - s / 600)) for s in STEPS_S)
    counts = Counts(2**14, 2**14 * 1200.0, 100, longer)
    for gap in (3601, 7201, 14_401):
        truth = 2.0 ** (14 - gap / 600)
        assert truth <= counts.expected(gap)
    assert counts.expected(43_201) < 1


def test_many_lengths_of_silence_have_the_rates_that_each_has_alone(heard: Reception) -> None:
    gaps = np.array([0, 600, 601, 3600, 3601, 9000, 43_201, 86_400.0])
    key = max(heard.counts, key=lambda k: heard.counts[k].intervals)
    for own in (key, (0, "a")):
        rates = heard.rates(*own, gaps)
        assert rates.tolist() == [heard.rate(*own, gap)[0] for gap in gaps.tolist()]
        assert (np.diff(rates[2:]) <= 0).all()
    assert np.isinf(Reception().rates(*key, gaps)).all()


def test_ways_ahead_of_many_vessels_are_those_of_each() -> None:
    fixes = [
        Fix(0, 122.0, 31.0, 5.0, 0.0, "a"),
        Fix(0, 179.99, -10.0, 10.0, 90.0, "b"),
        Fix(0, 122.0, 31.0, 0.0, 45.0, "c"),
    ]
    seconds = np.array([3600.0, 600.0, 3600.0])
    lon, lat, bounds = places_ahead(fixes, seconds, 2000.0)
    assert np.diff(bounds).tolist() == [10, 4, 1]
    for k, fix in enumerate(fixes):
        alone = places_ahead([fix], seconds[k : k + 1], 2000.0)
        own = slice(*bounds[k : k + 2])
        assert (lon[own] == alone[0]).all() and (lat[own] == alone[1]).all()
        end = fix._replace(lon=float(lon[own][-1]), lat=float(lat[own][-1]))
        assert distance_m(fix, end) == pytest.approx(fix.sog_mps * seconds[k], abs=1)
    assert lon[bounds[2] - 1] == pytest.approx(-179.955, abs=1e-3)
    assert [len(values) for values in places_ahead([], np.zeros(0), 2000.0)] == [0, 0, 1]


def test_learning_in_parts_counts_the_same() -> None:
    whole = fleet(hours=3, movers=5)
    early = whole["t"] < START + 90 * MINUTE
    parts = [{n: v[mask] for n, v in whole.items()} for mask in (early, ~early)]
    assert Learner().learn(parts) == Learner().learn([whole])


def test_the_layer_keeps_what_was_learned(heard: Reception) -> None:
    frame = to_frame(heard)
    assert len(frame) == len(heard.counts)
    assert frame["longer_than_s"].iloc[0].keys() == {str(s) for s in STEPS_S}
    assert frame["intervals"].sum() == sum(one.intervals for one in heard.counts.values())


def test_planted_silences_are_found_and_thinning_raises_none() -> None:
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    dark = set()
    for number in range(100):
        mover = f"4140000{number:02d}"
        own = straight(mover, 20 * 60, 0.3, every=1, x=-6000.0 + 90 * number)
        own = [row for row in own if rng.random() < 0.35]
        if number % 40 == 7:
            start = START + int(rng.integers(120, 900)) * MINUTE
            own = [row for row in own if not start <= row["t"] <= start + 100 * MINUTE]
            dark.add(mover)
        rows += [*own, said(mover, START, "XIN HAI 1", 70)]
    thinned = Learner().learn([prepared(*rows)])
    events = found(checked(thinned), ais(*rows))
    assert {event.subject for event in events} == dark
    assert len(events) == len(dark)
