"""Playing a demo again: what is there is kept, what changed is done, two demos are never mixed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from layers.city import City
from layers.errors import OnemapError
from layers.query import Query
from layers.rasters.archive import RasterArchive
from layers.rasters.window import read
from layers.store import Store, open_store
from onemap import demo, pipeline
from onemap.demo import Step
from onemap.home import Home

AT = datetime(2021, 3, 2, tzinfo=UTC)


@pytest.fixture
def home(tiny_folder: Path, tmp_path: Path) -> Home:
    copy = shutil.copytree(tiny_folder, tmp_path / "city", ignore=shutil.ignore_patterns("demo"))
    return Home(copy, str(tmp_path / "store" / "onemap.gpkg"), tmp_path / "store")


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.folder.mkdir(exist_ok=True)
    opened = open_store(home.store_url, City(home.city_folder))
    yield opened
    opened.close()


def play(home: Home, store: Store, seed: int = 1, day: date | None = None) -> list[Step]:
    steps = demo.play(
        City(home.city_folder),
        store,
        home,
        seed=seed,
        day=day,
        scale=1.0,
        clock=lambda: AT,
        progress=lambda done, total, what: None,
    )
    return list(steps)


def events(store: Store) -> int:
    return store.count(Query("alert"))


def test_two_demos_are_not_mixed_in_one_store(home: Home, store: Store) -> None:
    play(home, store)
    built = (home.demo / "manifest.json").read_bytes()
    for other in ({"seed": 2}, {"day": date(2021, 5, 5)}):
        with pytest.raises(OnemapError, match="holds a demo with seed 1"):
            play(home, store, **other)  # type: ignore[arg-type]
    assert (home.demo / "manifest.json").read_bytes() == built
    assert [step.done_before for step in play(home, store)] == [False, True]


def test_rasters_of_the_demo_are_taken_in(home: Home, store: Store) -> None:
    steps = {step.what: step.said for step in play(home, store)}
    city, archive = City(home.city_folder), RasterArchive(home.folder)
    assert "accepted 1 (scene 1)" in steps["rasters/land_cover_2019.tif"]
    before, after = archive.scenes(city.raster("land_cover"))
    assert [scene.moment.text for scene in (before, after) if scene.moment] == ["2019", "2021"]
    changed = read(before.path, before.grid).values != read(after.path, after.grid).values
    assert changed.any(), "what was built without a permit shows between the two"
    assert len(archive.scenes(city.raster("elevation"))) == 1


def test_a_changed_limit_is_detected_again(home: Home, store: Store) -> None:
    play(home, store)
    before = events(store)
    file = home.city_folder / "rules" / "overload.yaml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace('version: "2"', 'version: "3"').replace(
        "limit_kg: 16000", "limit_kg: 15000"
    )
    file.write_text(changed, encoding="utf-8")
    steps = play(home, store)
    assert any(step.what == "overload" for step in steps)
    assert all(step.done_before for step in steps if "." in step.what)
    assert events(store) > before
    scores = pipeline.evaluate(City(home.city_folder), store, home.demo / "truth.json")
    overload = next(score for score in scores if score.rule == "overload")
    of_version_3 = {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "rule"}, "overload"]},
            {"op": "=", "args": [{"property": "rule_version"}, "3"]},
        ],
    }
    assert overload.events == store.count(Query("alert", where=of_version_3)) > 0


def test_rows_read_in_small_pieces_give_the_same_events(
    home: Home, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(home, store)
    monkeypatch.setattr(pipeline, "ROWS_AT_ONCE", 7)
    again = pipeline.detect(City(home.city_folder), store, home, at=AT)
    assert sum(found.events for found in again) == events(store) > 0
    assert not any(found.new_alerts for found in again)
