"""Analyses at the terminal and in notebooks, on a city that was played."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from layers.city import City
from layers.query import Query
from layers.store import open_store
from onemap import open_city
from onemap.notebook import OneMap
from tests.running import DemoCity, onemap

SPAN = ("-i", "start=2000-01-01T00:00:00Z", "-i", "end=2100-01-01T00:00:00Z")


@pytest.mark.xdist_group("demo")
def test_rules_find_again_what_is_kept(demo: DemoCity, pudong_folder: Path) -> None:
    told = onemap(
        "process", "run", "rule-rerun", "-i", "rule=weigh_station_bypass", *SPAN,
        "--output", "summary", city=pudong_folder, store=demo.store,
    )  # fmt: skip
    assert told.status == 0, told.error
    with open_city(pudong_folder, str(demo.store)) as played:
        summaries = {rule: again(played, rule) for rule in City(pudong_folder).rules}
    assert told.data == summaries["weigh_station_bypass"]
    for rule, numbers in summaries.items():
        assert numbers["differs"] == numbers["new"] == numbers["missing"] == 0, (rule, numbers)
    store = open_store(str(demo.store), City(pudong_folder))
    try:
        assert sum(n["equal"] for n in summaries.values()) == store.count(Query("alert")) > 0
    finally:
        store.close()


def again(played: OneMap, rule: str) -> dict[str, Any]:
    """Numbers of a rule that is run again over all times."""
    start, end = (part.partition("=")[2] for part in SPAN[1::2])
    summary: dict[str, Any] = played.run("rule-rerun", rule=rule, start=start, end=end)["summary"]
    return summary


@pytest.mark.xdist_group("demo")
def test_a_run_again_writes_nothing_and_sees_what_was_changed(
    demo: DemoCity, pudong_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "onemap.gpkg"
    shutil.copy(demo.store, path)
    (tmp_path / "positions").symlink_to(demo.store.parent / "positions")
    inputs = {"start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    with open_city(pudong_folder, str(path)) as city:
        spec = city.city.layer("alert")
        rows = city.store.frame(Query("alert"))
        rule = str(rows["rule"].iloc[0])
        mine = rows[rows["rule"] == rule].head(3)
        assert len(mine) >= 2
        changed = mine.head(1)[["alert_id", *[p.name for p in spec.properties[1:]], "geometry"]]
        changed = changed.assign(subject="someone else")
        with city.store.transaction() as unit:
            unit.upsert(spec, changed, at=datetime(2026, 1, 1, tzinfo=UTC), source="test")
            unit.delete(spec, [str(mine["fid"].iloc[1])], at=datetime(2026, 1, 1, tzinfo=UTC))
        before = {layer: city.store.revision(layer) for layer in city.store.layers()}
        again = city.run("rule-rerun", rule=rule, **inputs)
        assert before == {layer: city.store.revision(layer) for layer in city.store.layers()}
    table = again["alerts"].set_index("alert_id")
    assert table.loc[mine["fid"].iloc[0], "differing"] == "subject"
    assert table.loc[mine["fid"].iloc[1], "state"] == "new"
    assert (again["summary"]["differs"], again["summary"]["new"]) == (1, 1)


@pytest.mark.xdist_group("demo")
def test_an_analysis_at_the_terminal(demo: DemoCity, pudong_folder: Path, tmp_path: Path) -> None:
    listed = onemap("process", "list", "--json", city=pudong_folder, store=demo.store)
    assert "h3-aggregate" in [one["id"] for one in listed.data]
    wanted = ("process", "run", "h3-aggregate", "-i", "collection=tree", "-i", "resolution=6")
    told = onemap(*wanted, city=pudong_folder, store=demo.store)
    counts = [one["properties"]["count"] for one in told.data["features"]]
    file = tmp_path / "cells.csv"
    done = onemap(*wanted, "--to", file, city=pudong_folder, store=demo.store)
    assert done.status == 0 and len(file.read_text("utf-8").splitlines()) == len(counts) + 1
    with open_city(pudong_folder, str(demo.store)) as city:
        frame = city.run("h3-aggregate", collection="tree", resolution=6)["cells"]
        assert sorted(frame["count"]) == sorted(counts)
        assert sum(counts) == city.store.count(Query("tree"))
        assert "h3-aggregate" in list(city.processes()["process"])


def test_mistakes_at_the_terminal_are_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "onemap.gpkg"
    onemap("init", city=tiny_folder, store=store)
    for arguments, words in (
        (("nothing",), "there is no process"),
        (("echo", "-i", "string_input"), "NAME=VALUE"),
        (("echo", "-i", "surprise=1"), "no input"),
        (("echo", "--output", "surprise"), "no output"),
        (("h3-aggregate", "-i", "collection=x", "-i", "resolution=5"), "there is no layer"),
        (("echo", "-i", "string_input=a", "--to", str(tmp_path / "x.csv")), "text/plain only"),
    ):
        told = onemap("process", "run", *arguments, city=tiny_folder, store=store)
        assert told.status == 1 and words in told.error.replace("\n", " "), told.error
    told = onemap(
        "process", "run", "echo", "-i", "array_input=[1,2]", "--output", "array_input",
        city=tiny_folder, store=store,
    )  # fmt: skip
    assert json.loads(told.text) == [1, 2]
