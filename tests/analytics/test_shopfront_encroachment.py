"""Goods past the door line: foot edges on the ground, dwell time, permits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.doorlines import DoorLines
from analytics.event import Event
from tests.analytics.columns import SHOP, detections, found, references, rule, seen, shop


def judged(*rows: dict[str, Any], shops: tuple[Any, ...] = (), **more: Any) -> list[Event]:
    refs = references(shopfronts=shops or (shop("S1"),))
    return found(rule("shopfront_encroachment", {**SHOP, **more}, refs), detections(*rows))


def goods(out: float, seconds: float, every: float = 20, **more: Any) -> list[dict[str, Any]]:
    return [seen(t, out, **more) for t in np.arange(0, seconds + 1e-9, every)]


def test_goods_past_the_line_for_four_minutes_raise_one() -> None:
    (event,) = judged(*goods(0.8, 240))
    assert event.subject == "S1"
    assert (event.start_ms, event.end_ms) == (0, 200_000)
    measures = {m.name: m for m in event.evidence.measures}
    assert (measures["distance_past_door_line"].value, measures["dwell"].value) == (0.8, 200.0)
    assert measures["distance_past_door_line"].margin == 0.5
    assert measures["dwell"].margin == 20.0
    assert len(event.evidence.points) == 11
    assert [r["layer"] for r in event.evidence.references] == ["shopfront", "camera"]
    assert all(r["version"] for r in event.evidence.references)
    assert "0.80 m" in event.sentence.en and "疑似店外经营" in event.sentence.zh


def test_it_is_told_once_and_at_its_dwell_time_however_long_it_lasts() -> None:
    (event,) = judged(*goods(0.8, 7200))
    assert event.end_ms == 200_000


def test_exactly_the_limit_is_not_longer_than_the_limit() -> None:
    assert not judged(*goods(0.8, 180))
    assert judged(*goods(0.8, 181, every=18.1))


@pytest.mark.parametrize(
    "rows",
    [
        goods(1.5, 600, label="person"),
        goods(-0.5, 600),
        goods(0.3, 600),
        goods(0.8, 160),
        goods(0.8, 600, confidence=0.4),
        goods(0.8, 600, every=70),
        goods(0.8, 600, x=20.0),
        goods(9.0, 600),
    ],
    ids=["passer-by", "inside", "at limit", "brief", "unsure", "gaps", "beside", "on the road"],
)
def test_what_must_stay_silent(rows: list[dict[str, Any]]) -> None:
    assert judged(*rows) == []


def test_twice_brief_is_not_once_long() -> None:
    later = [row | {"t": row["t"] + 300_000} for row in goods(0.8, 120)]
    assert judged(*goods(0.8, 120), *later) == []


def test_a_permit_keeps_silent_and_an_own_limit_goes_before_the_rule() -> None:
    assert judged(*goods(0.8, 600), shops=(shop("S1", outdoor_permit=True),)) == []
    assert judged(*goods(0.8, 600), shops=(shop("S1", allowed_offset_m=1.0),)) == []
    (event,) = judged(*goods(0.2, 600), shops=(shop("S1", allowed_offset_m=0.1),))
    assert event.evidence.measures[0].limit == 0.1


def test_the_detector_may_lose_and_rename_its_track() -> None:
    rows = [row | {"track": f"k{n}"} for n, row in enumerate(goods(0.8, 200))]
    (event,) = judged(*rows)
    assert len(event.evidence.quality["tracks"]) == 11


def test_the_furthest_detection_is_the_place() -> None:
    rows = goods(0.5, 200)
    rows[4]["out"] = 1.25
    (event,) = judged(*rows)
    assert event.evidence.measures[0].value == 1.25
    assert event.geometry.y == pytest.approx(31.2 + 1.25e-5)


def test_goods_at_the_border_belong_to_the_shop_they_stand_before() -> None:
    shops = (shop("S1"), shop("S2", x=8.3))
    events = judged(*goods(0.8, 240, x=7.9), shops=shops)
    assert [e.subject for e in events] == ["S2"]


def test_two_cameras_see_one_thing() -> None:
    other = [row | {"camera": "C2", "t": row["t"] + 5000} for row in goods(0.9, 240)]
    (event,) = judged(*goods(0.8, 240), *other)
    assert [r["id"] for r in event.evidence.references[1:]] == ["C1", "C2"]


@pytest.mark.parametrize(("outside", "sign"), [("left", 1.0), ("right", -1.0)])
def test_distances_past_a_door_line(outside: str, sign: float) -> None:
    lines = DoorLines((shop("S1", outside=outside),), 5)
    start = np.array([[1.0, 2.0], [4.0, 0.5], [7.0, 1.0], [-3.0, 1.0]])
    end = np.array([[2.0, 2.0], [4.0, 3.0], [11.0, 3.0], [-1.0, 1.0]])
    stands = lines.stand(start * [1, sign], end * [1, sign])
    # Along it; square to it; slanting, cut at the line's end; past its end.
    assert stands.edge.tolist() == [0, 1, 2]
    assert stands.out_m.tolist() == pytest.approx([2.0, 3.0, 1.5])
