"""What a state keeps of vessels: nothing for ever, and nothing that another day's zones upset."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from analytics.detect import run_step
from analytics.event import Event
from analytics.feeds import take
from analytics.rule import Rule, load_state
from tests.analytics.columns import (
    PRESENCE,
    UNREGISTERED,
    ais,
    at,
    fix,
    found,
    references,
    register,
    rule,
    said,
    zone,
)

START = at("2020-07-01T03:42:20+08:00")
HOUR = 3_600_000
M = "412990358"
LON, LAT = 121.9, 30.9
AREA = shapely.box(121.8, 30.8, 122.0, 31.0)
ELSEWHERE = shapely.box(120.0, 30.8, 120.1, 31.0)
DECLARED = {"unregistered_vessel": UNREGISTERED, "closed_zone_presence": PRESENCE}


def made(kind: str, *zones: Any, **parameters: Any) -> Rule:
    known = zones or (zone("watch", AREA), zone("fishing_ban", AREA))
    refs = references(register=register("HUPUYU00001"), marine_zones=known)
    return rule(kind, {**DECLARED[kind], **parameters}, refs)


def stay(start: int = START, fixes: int = 5) -> list[dict[str, Any]]:
    return [fix(M, start + n * 240_000, LON, LAT) for n in range(fixes)]


@pytest.mark.parametrize("kind", DECLARED)
def test_a_state_forgets_vessels_that_are_gone(kind: str) -> None:
    watcher = made(kind, silence_s=7200)
    rows = [said(M, START - 1000, "HUPUYU00358", 30), *stay(), said("412000001", START, "X", 70)]
    events, state = run_step(watcher, None, ais(*rows), START + HOUR)
    assert len(events) == 1
    assert set(load_state(state)["said"]) == {M, "412000001"}
    nothing = take(ais(*rows), slice(0, 0))
    _, state = run_step(watcher, state, nothing, START + 50 * HOUR)
    assert load_state(state) == {"said": {}, "movers": {}}


def test_after_a_long_silence_a_vessel_has_to_say_its_name_again() -> None:
    watcher = made("unregistered_vessel", silence_s=7200)
    name, later = said(M, START - 1000, "HUPUYU00358", 30), START + 30 * HOUR
    assert len(found(watcher, ais(name, *stay(START)))) == 1
    assert not found(watcher, ais(name, fix(M, later, LON, LAT)))
    (event,) = found(
        watcher, ais(name, fix(M, later, LON, LAT), said(M, later + 60_000, "HUPUYU00358", 30))
    )
    assert event.start_ms == later
    assert event.evidence.points == (
        f"f0358{later:x}{1219000 & 0xFFFF:x}",
        event.evidence.points[1],
    )


def test_a_silence_may_not_be_shorter_than_the_wait_for_a_name() -> None:
    with pytest.raises(ValueError, match="silence_s"):
        made("unregistered_vessel", silence_s=60)


def held_then_named(kind: str, *zones_later: Any) -> list[Event]:
    """Positions under the zones of one day, the name under those of another."""
    _, state = run_step(made(kind), None, ais(*stay()))
    named = ais(said(M, START + HOUR // 2, "HUPUYU00358", 30))
    events, _ = run_step(made(kind, *zones_later), state, named)
    return events


@pytest.mark.parametrize("kind", DECLARED)
def test_a_stored_state_cites_its_zone_after_others_were_added(kind: str) -> None:
    own = "watch" if kind == "unregistered_vessel" else "fishing_ban"
    added = zone(own, ELSEWHERE, zone_id="a-new-zone")
    (event,) = held_then_named(kind, added, zone("watch", AREA), zone("fishing_ban", AREA))
    cited = [r["id"] for r in event.evidence.references if r["layer"] == "marine_zone"]
    assert cited == [f"z-{own}"]


@pytest.mark.parametrize("kind", DECLARED)
def test_a_finding_in_a_zone_that_is_gone_is_dropped(kind: str) -> None:
    own = "watch" if kind == "unregistered_vessel" else "fishing_ban"
    assert held_then_named(kind, zone(own, ELSEWHERE, zone_id="other")) == []
