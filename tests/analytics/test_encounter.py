"""Meetings: limits, midnight, ports, and a brute-force oracle."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import shapely

from analytics.rule import Rule
from tests.analytics.columns import ais, at, references, rule, said, zone
from tests.analytics.vessels_at_sea import MINUTE, START, found, path

A, B = "412000001", "413000002"


def checked(*zones: Any, **parameters: Any) -> Rule:
    return rule("encounter", parameters, references(marine_zones=zones))


def lying(
    mover: str, minutes: float, east: float = 0.0, start: float = 0, **more: Any
) -> list[dict[str, Any]]:
    times = np.arange(start, start + minutes + 1e-9, 5)
    return path(mover, [(m, east + m % 2 * 20, 0.0) for m in times.tolist()], **more)


def test_two_hours_together_are_told_once() -> None:
    names = [said(A, START, "HUPUYU00358", 30), said(B, START, "XIN HAI 1", 70)]
    (event,) = found(checked(), ais(*lying(A, 300), *lying(B, 300, 200), *names))
    assert event.subject == A
    assert event.evidence.quality["subjects"] == [A, B]
    assert (event.start_ms - START, event.end_ms - START) == (10 * MINUTE, 130 * MINUTE)
    assert "HUPUYU00358 (MMSI 412000001) and XIN HAI 1 (MMSI 413000002)" in event.sentence.en


@pytest.mark.parametrize(("minutes", "events"), [(125, 0), (130, 1)])
def test_less_than_two_hours_is_silent(minutes: float, events: int) -> None:
    assert len(found(checked(), ais(*lying(A, minutes), *lying(B, minutes, 200)))) == events


@pytest.mark.parametrize(("away", "events"), [(470, 1), (530, 0)])
def test_farther_than_500_m_is_silent(away: float, events: int) -> None:
    assert len(found(checked(), ais(*lying(A, 300), *lying(B, 300, away)))) == events


def test_meetings_go_on_across_midnight_utc() -> None:
    before = (at("2020-07-02T00:00:00Z") - START) / MINUTE - 80
    rows = [*lying(A, 170, start=before), *lying(B, 170, 200, start=before)]
    (event,) = found(checked(), ais(*rows))
    assert event.start_ms < at("2020-07-02T00:00:00Z") < event.end_ms
    cut = at("2020-07-02T00:00:00Z")
    days = [ais(*(r for r in rows if (r["t"] < cut) == early)) for early in (True, False)]
    assert found(checked(), *days, watermarks=[cut]) == [event]


def test_ports_anchors_speed_and_tugs_are_silent() -> None:
    port = zone("port", shapely.box(122.0, 30.5, 122.8, 31.0))
    assert found(checked(port), ais(*lying(A, 300), *lying(B, 300, 200))) == []
    assert found(checked(), ais(*lying(A, 300, nav=1), *lying(B, 300, 200, nav=1))) == []
    assert len(found(checked(), ais(*lying(A, 300), *lying(B, 300, 200, nav=1)))) == 1
    tug = said(B, START, "TUO 1", 52)
    rows = [*lying(A, 300), *lying(B, 300, 200), tug]
    assert found(checked(exempt_ship_types=[52]), ais(*rows)) == []
    sail = [path(m, [(t, 100.0 * t, y) for t in range(0, 300, 5)]) for m, y in ((A, 0), (B, 100))]
    assert found(checked(), ais(*sail[0], *sail[1])) == []


def oracle(rows: list[dict[str, Any]], limits: dict[str, float]) -> set[tuple[str, str, int, int]]:
    """Every pair at every slot, looked at one by one."""
    tracks: dict[str, list[tuple[float, float, float]]] = {}
    from layers.crs import transformer
    from tests.analytics.columns import CRS

    for row in sorted(rows, key=lambda r: r["t"]):
        x, y = transformer("EPSG:4326", CRS).transform(row["lon"], row["lat"])
        tracks.setdefault(row["mover"], []).append((row["t"], x, y))
    step = 600_000
    where: dict[str, dict[int, tuple[float, float]]] = {}
    for mover, points in tracks.items():
        for (t0, x0, y0), (t1, x1, y1) in itertools.pairwise(points):
            if (
                not 0 < t1 - t0 <= 3_600_000
                or np.hypot(x1 - x0, y1 - y0) / ((t1 - t0) / 1000) > 1.03
            ):
                continue
            for slot in range(int(t0 // step) + 1, int(t1 // step) + 1):
                share = (slot * step - t0) / (t1 - t0)
                where.setdefault(mover, {})[slot] = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    told = set()
    for a, b in itertools.combinations(sorted(where), 2):
        slots = sorted(where[a].keys() & where[b].keys())
        close = [
            s for s in slots if np.hypot(*np.subtract(where[a][s], where[b][s])) <= limits["m"]
        ]
        first = last = None
        done = False
        for slot in close:
            if last is None or slot - last > 2:
                first, done = slot, False
            last = slot
            assert first is not None
            if not done and (slot - first) * 600 >= limits["s"]:
                told.add((a, b, first * step, slot * step))
                done = True
    return told


@pytest.mark.parametrize("seed", range(6))
def test_random_drifters_meet_as_brute_force_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(14):
        t = np.cumsum(rng.choice([3.0, 10.0, 25.0, 70.0], 60, p=[0.4, 0.4, 0.17, 0.03]))
        east, north = (
            rng.uniform(-1500, 1500) + np.cumsum(rng.normal(0, 60, 60)) for _ in range(2)
        )
        rows += path(
            f"4120000{number:02d}", zip(t.tolist(), east.tolist(), north.tolist(), strict=True)
        )
    names = sorted({row["mover"] for row in rows})
    limits = {"m": 500.0, "s": 3600.0}
    talk = [said(name, START, "XIN HAI 1", 70, callsign="BX1") for name in names]
    events = found(checked(min_duration_s=3600), ais(*rows, *talk))
    got = {(*e.evidence.quality["subjects"], e.start_ms, e.end_ms) for e in events}
    assert got == oracle(rows, limits)
    assert len(events) == len(got)
