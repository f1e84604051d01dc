"""The feeds as a whole: which files, the same every time, and everything planted at any scale."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.simulator.declaration import DemoDeclaration, ManifestEntry
from ingest.simulator.feeds import write_feeds
from layers.declaration import DeclarationError, read
from tests.ingest.simulator.written import Written

FILES = {
    "ais/ais.nmea.gz": "ais",
    "registers/vessel_registry.csv": "register",
    "registers/truck_registry.csv": "register",
    "gps/trucks.csv.gz": "gps",
    "wim/weighings.csv": "wim",
    "camera/detections.jsonl": "camera",
    "truth.json": "truth",
}
RULES = ("closed_zone_presence", "overload", "shopfront_encroachment", "unregistered_vessel")


def again(written: Written, out: Path, **changes: object) -> list[ManifestEntry]:
    given = {"seed": written.demo.seed, "day": written.day, "scale": 1.0} | changes
    return write_feeds(written.city, written.demo, written.geography, out, **given)  # type: ignore[arg-type]


def test_every_feed_has_its_file_and_its_entry(day: Written) -> None:
    assert {entry.file: entry.feed for entry in day.entries} == FILES
    for entry in day.entries:
        content = (day.folder / entry.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry.sha256


def test_entries_count_lines(day: Written) -> None:
    rows = {entry.file: entry.rows for entry in day.entries}
    assert rows["ais/ais.nmea.gz"] == len(day.ais_lines) - 1
    for file, heading in (("gps/trucks.csv.gz", 1), ("wim/weighings.csv", 1)):
        raw = (day.folder / file).read_bytes()
        text = gzip.decompress(raw) if file.endswith("gz") else raw
        assert text.count(b"\n") - heading == rows[file]
    detections = (day.folder / "camera" / "detections.jsonl").read_bytes()
    assert detections.count(b"\n") == rows["camera/detections.jsonl"]
    assert len(day.register) == rows["registers/vessel_registry.csv"]


def test_the_same_seed_gives_the_same_bytes(tiny_day: Written, tmp_path: Path) -> None:
    assert again(tiny_day, tmp_path) == tiny_day.entries


def test_another_seed_gives_another_day(tiny_day: Written, tmp_path: Path) -> None:
    other = {e.file: e.sha256 for e in again(tiny_day, tmp_path, seed=99)}
    assert all(other[e.file] != e.sha256 for e in tiny_day.entries)


def test_a_smaller_scale_keeps_all_that_is_planted(tiny_day: Written, tmp_path: Path) -> None:
    fewer = again(tiny_day, tmp_path, scale=0.01)
    whole = Written(tiny_day.city, tiny_day.demo, tiny_day.geography, tmp_path, fewer, tiny_day.day)

    def told(day: Written) -> Counter[tuple[str, str, str]]:
        return Counter((r["rule"], r["expect"], r["why"]["en"]) for r in day.truth["planted"])

    assert told(whole) == told(tiny_day)
    rows = {entry.file: entry.rows for entry in tiny_day.entries}
    assert all(entry.rows <= rows[entry.file] for entry in fewer)


def test_the_demo_city_has_at_least_ten_of_each(pudong_day: Written) -> None:
    count = Counter((row["rule"], row["expect"]) for row in pudong_day.truth["planted"])
    assert all(count[rule, expect] >= 10 for rule in RULES for expect in ("event", "silent"))


def test_the_truth_says_that_it_is_made_up_and_why(day: Written) -> None:
    truth = day.truth
    assert (truth["synthetic"], truth["seed"], truth["city"]) == (True, day.demo.seed, day.city.id)
    assert truth["day"] == day.day.isoformat()
    for row in truth["planted"]:
        assert row["why"]["en"]
        assert row["why"]["zh"]
        assert row["start"] <= row["end"]
        low_x, low_y, high_x, high_y = day.city.bounds
        assert low_x <= row["lon"] <= high_x
        assert low_y <= row["lat"] <= high_y


def test_planted_things_lie_in_the_citys_own_day(day: Written) -> None:
    for row in day.truth["planted"]:
        assert row["start"][:10] == row["end"][:10] == day.day.isoformat()


def test_another_day_has_the_same_stories_at_their_time_of_the_clock(
    pudong_day: Written, tmp_path: Path
) -> None:
    later = pudong_day.day + timedelta(days=30)
    made = again(pudong_day, tmp_path, day=later, scale=0.02)
    other = Written(pudong_day.city, pudong_day.demo, pudong_day.geography, tmp_path, made, later)
    starts = {row["start"] for row in other.truth["planted"]}
    assert "2020-07-31T03:42:20+08:00" in starts
    assert {start[:10] for start in starts} == {"2020-07-31"}


def test_nothing_is_written_without_a_plan(tiny_day: Written, tmp_path: Path) -> None:
    demo = tiny_day.demo.model_copy(update={"feeds": None})
    made = write_feeds(tiny_day.city, demo, tiny_day.geography, tmp_path, seed=1, day=tiny_day.day)
    assert made == []
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_plan_is_told_with_its_line(tiny_folder: Path, tmp_path: Path) -> None:
    text = (tiny_folder / "demo.yaml").read_text(encoding="utf-8")
    path = tmp_path / "demo.yaml"
    path.write_text(text.replace("story: passer_by", "story: flying_saucer"), encoding="utf-8")
    line = 1 + path.read_text(encoding="utf-8").split("flying_saucer")[0].count("\n")
    with pytest.raises(DeclarationError, match=rf"{line}.*feeds\.camera\.stories\.\d+\.story"):
        read(path).into(DemoDeclaration)
