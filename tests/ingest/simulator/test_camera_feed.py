"""Camera detections, brought back to the ground by each camera's homography."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from typing import Any

import numpy as np
import shapely

from tests.ingest.simulator.written import Written, seconds

RULE = "shopfront_encroachment"
OFFSET_M, DWELL_S, SURE, GAP_S = 0.3, 180, 0.5, 60


def lines(day: Written) -> list[bytes]:
    return (day.folder / "camera" / "detections.jsonl").read_bytes().splitlines()


def whole(day: Written) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(day) if b'X"' not in line[:40]]


def ground(day: Written, one: dict[str, Any]) -> np.ndarray:
    """The foot edge on the ground, metres, by the camera's matrix itself."""
    matrix = next(np.array(c.homography) for c in day.geography.cameras if c.id == one["camera_id"])
    x0, _, x1, y1 = one["box"]
    h = np.array([[x0, y1, 1], [x1, y1, 1]]) @ matrix.T
    assert (h[:, 2] > 0).all()
    return h[:, :2] / h[:, 2:]


def past_line(day: Written, shop_id: str, one: dict[str, Any]) -> np.ndarray:
    """How far both ends of the foot edge lie past a shop's door line, metres."""
    shop = next(s for s in day.geography.shops if s.id == shop_id)
    a, b = shapely.get_coordinates(shop.door_line)[[0, -1]]
    along = (b - a) / np.hypot(*(b - a))
    normal = np.array([-along[1], along[0]]) * (1 if shop.outside == "left" else -1)
    edge = ground(day, one)
    share = (edge - a) @ along
    assert ((share > 0) & (share < np.hypot(*(b - a)))).all()
    return (edge - a) @ normal


def story(day: Written, planted: dict[str, Any]) -> list[dict[str, Any]]:
    """The detections of a planted story, by its track."""
    track = planted["id"].rsplit("-", 1)[1]
    found = [one for one in whole(day) if one["track"] == track]
    assert found
    assert (found[0]["time"], found[-1]["time"]) == (planted["start"], planted["end"])
    return found


def stays(found: list[dict[str, Any]]) -> list[float]:
    """Lengths of the runs of detections with no gap over the longest allowed one, seconds."""
    times = [seconds(one["time"]) for one in found]
    cuts = [0, *(n for n in range(1, len(times)) if times[n] - times[n - 1] > GAP_S), len(times)]
    return [times[b - 1] - times[a] for a, b in itertools.pairwise(cuts)]


def test_lines_come_in_the_order_of_time_with_a_few_broken_ones(day: Written) -> None:
    times = [one["time"] for one in whole(day)]
    assert times == sorted(times)
    assert len(lines(day)) - len(times) == day.demo.feeds.camera.broken
    assert len({one["detection_id"] for one in whole(day)}) == len(times)


def test_boxes_lie_inside_their_images(day: Written) -> None:
    cameras = {camera.id: camera for camera in day.geography.cameras}
    for one in whole(day):
        camera = cameras[one["camera_id"]]
        x0, y0, x1, y1 = one["box"]
        assert 0 <= x0 < x1 <= camera.width_px
        assert 0 <= y0 < y1 <= camera.height_px
        assert 0 <= one["confidence"] <= 1


def test_the_described_shop_has_goods_out_and_two_near_misses(pudong_day: Written) -> None:
    shop = next(s for s in pudong_day.geography.shops if s.name_zh == "万家生鲜超市")
    assert (shop.address_zh, shop.town) == ("春晖路406号", "310115104")
    own = [p for p in pudong_day.planted(RULE) if p["subject"] == shop.id]
    told = {p["id"].split("-")[1]: p["expect"] for p in own}
    assert told["goods_out"] == "event"
    assert told["passer_by"] == told["goods_inside"] == "silent"


def test_planted_goods_stand_past_the_line_for_longer_than_the_limit(day: Written) -> None:
    for planted in day.planted(RULE, "goods_out"):
        found = story(day, planted)
        assert planted["expect"] == "event"
        assert all(past_line(day, planted["subject"], one).min() > OFFSET_M for one in found)
        assert all(one["label"] == "goods" and one["confidence"] >= SURE for one in found)
        assert max(stays(found)) > DWELL_S + 30


def test_a_passer_by_is_no_goods_and_gone_in_20_seconds(day: Written) -> None:
    for planted in day.planted(RULE, "passer_by"):
        found = story(day, planted)
        assert {one["label"] for one in found} == {"person"}
        assert max(stays(found)) <= 21
        assert all(past_line(day, planted["subject"], one).max() > OFFSET_M for one in found)


def test_goods_inside_stay_inside_all_the_time(day: Written) -> None:
    for planted in day.planted(RULE, "goods_inside"):
        found = story(day, planted)
        assert all(past_line(day, planted["subject"], one).max() < 0 for one in found)
        assert max(stays(found)) > DWELL_S


def test_goods_near_the_line_are_out_but_not_too_far(day: Written) -> None:
    for planted in day.planted(RULE, "goods_near_line"):
        found = story(day, planted)
        out = [past_line(day, planted["subject"], one).max() for one in found]
        assert 0.1 < min(out) <= max(out) < 0.25
        assert max(stays(found)) > DWELL_S


def test_brief_goods_are_far_out_but_not_for_long(day: Written) -> None:
    for planted in day.planted(RULE, "goods_brief", "goods_twice_brief"):
        found = story(day, planted)
        assert all(past_line(day, planted["subject"], one).min() > OFFSET_M for one in found)
        assert 60 < max(stays(found)) < DWELL_S
        assert len(stays(found)) == (2 if "twice" in planted["id"] else 1)


def test_unsure_detections_would_be_goods_out_if_they_were_sure(day: Written) -> None:
    for planted in day.planted(RULE, "low_confidence"):
        found = story(day, planted)
        assert all(one["confidence"] < SURE for one in found)
        assert all(past_line(day, planted["subject"], one).min() > OFFSET_M for one in found)
        assert max(stays(found)) > DWELL_S


def test_permits_cover_goods_that_stand_out(pudong_day: Written) -> None:
    permitted = {shop.id for shop in pudong_day.geography.shops if shop.outdoor_permit}
    for planted in pudong_day.planted(RULE, "permit"):
        assert planted["subject"] in permitted
        assert max(stays(story(pudong_day, planted))) > DWELL_S


def test_shops_without_a_permit_play_all_other_stories(day: Written) -> None:
    permitted = {shop.id for shop in day.geography.shops if shop.outdoor_permit}
    for planted in day.planted(RULE):
        assert (planted["subject"] in permitted) == ("-permit-" in planted["id"])


def test_stories_at_one_shop_are_an_hour_apart(day: Written) -> None:
    spans = defaultdict(list)
    for planted in day.planted(RULE):
        spans[planted["subject"]].append((seconds(planted["start"]), seconds(planted["end"])))
    for times in spans.values():
        times.sort()
        assert all(b[0] - a[0] >= 3600 for a, b in itertools.pairwise(times))


def test_ordinary_goods_stand_inside(day: Written) -> None:
    lines_of = {s.id: s for s in day.geography.shops}
    ordinary = [o for o in whole(day) if o["track"].startswith("d") and o["label"] == "goods"]
    for one in ordinary[:200]:
        camera = next(c for c in day.geography.cameras if c.id == one["camera_id"])
        middle = shapely.Point(*ground(day, one).mean(axis=0))
        nearest = min(camera.sees, key=lambda s: lines_of[s].door_line.distance(middle))
        assert past_line(day, nearest, one).max() < 0.05
