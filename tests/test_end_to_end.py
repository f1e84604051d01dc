"""The main job, as a user runs it: from nothing to evaluated alerts, cases and files."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import geopandas as gpd
import orjson
import pandas as pd
import pytest

from tests.postgis import fresh_database
from tests.running import ROOT, SCALE, DemoCity, command, environment, onemap

RULES = {"unregistered_vessel", "closed_zone_presence", "overload", "shopfront_encroachment"}

pytestmark = pytest.mark.xdist_group("demo")


def test_the_demo_city_finds_what_was_planted_and_nothing_else(
    demo: DemoCity, pudong_folder: Path
) -> None:
    store = demo.store
    scored = onemap(
        "evaluate", "--truth", demo.inputs / "truth.json", "--json", city=pudong_folder, store=store
    )
    assert scored.status == 0, scored.error
    rows = {row["rule"]: row for row in scored.data}
    assert set(rows) >= RULES
    for rule in RULES:
        row = rows[rule]
        assert row["planted"] > 0 and row["near_misses"] > 0
        assert (row["precision"], row["recall"]) == (1.0, 1.0), row
        assert row["silent"] == row["near_misses"], row


def test_each_alert_is_in_one_case(demo: DemoCity, pudong_folder: Path, tmp_path: Path) -> None:
    store = demo.store
    frames = {}
    for layer in ("alert", "case_event"):
        file = tmp_path / f"{layer}.gpkg"
        done = onemap(
            "layers",
            "export",
            layer,
            "--format",
            "gpkg",
            "-o",
            file,
            city=pudong_folder,
            store=store,
        )
        assert done.status == 0, done.error
        frames[layer] = gpd.read_file(file)
    cases = frames["case_event"]
    running = cases[cases["state"] == "found"]
    held = [key for text in running["alerts"] for key in orjson.loads(text)]
    assert sorted(held) == sorted(frames["alert"]["alert_id"])
    assert set(cases["state"]) <= {"found", "merged"}
    assert set(cases.loc[cases["state"] == "merged", "parent_case"]) <= set(running["case_id"])
    joint = running["joint"] == "vessel"
    assert (running.loc[~joint, "alerts"].map(orjson.loads).map(len) == 1).all()
    assert (running.loc[joint, "alerts"].map(orjson.loads).map(len) > 1).any()


def test_a_second_start_finds_everything_there(demo: DemoCity, pudong_folder: Path) -> None:
    store = demo.store
    again = onemap(
        "demo", "--scale", SCALE, "--inputs", demo.inputs, "--json", city=pudong_folder, store=store
    )
    assert again.status == 0, again.error
    assert [step["what"] for step in again.data if not step["done_before"]] == ["inputs"]


def test_detecting_again_changes_nothing(demo: DemoCity, pudong_folder: Path) -> None:
    store = demo.store
    again = onemap("detect", "--json", city=pudong_folder, store=store)
    assert again.status == 0, again.error
    assert sum(row["new_alerts"] + row["new_cases"] for row in again.data) == 0
    assert sum(row["events"] for row in again.data) > 0


def test_killed_in_the_middle_the_next_run_goes_on(
    demo: DemoCity, pudong_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "onemap.gpkg"
    again = command("demo", "--scale", SCALE, "--inputs", demo.inputs)
    for steps in (8, 30):
        process = subprocess.Popen(
            again,
            cwd=ROOT,
            env=environment(pudong_folder, store),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(steps):
            if not process.stdout.readline():
                break
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
    done = onemap(
        "demo", "--scale", SCALE, "--inputs", demo.inputs, "--json", city=pudong_folder, store=store
    )
    assert done.status == 0, done.error
    assert any(step["done_before"] for step in done.data)
    assert listed(store, pudong_folder) == listed(demo.store, pudong_folder)


def listed(store: Path, city: Path) -> dict[str, int]:
    answer = onemap("layers", "list", "--json", city=city, store=store)
    assert answer.status == 0, answer.error
    # A killed step is read again, so its lineage is written again.
    return {row["id"]: row["rows"] for row in answer.data if row["id"] != "lineage"}


@pytest.mark.parametrize("kind", ["geojson", "gpkg", "parquet", "csv"])
def test_a_layer_comes_out_whole_in_every_format(
    demo: DemoCity, pudong_folder: Path, tmp_path: Path, kind: str
) -> None:
    store = demo.store
    rows = listed(store, pudong_folder)["road"]
    file = tmp_path / f"road.{kind}"
    done = onemap(
        "layers",
        "export",
        "road",
        "--format",
        kind,
        "-o",
        file,
        "--json",
        city=pudong_folder,
        store=store,
    )
    assert done.status == 0, done.error
    assert done.data["rows"] == rows > 0
    if kind == "csv":
        frame = pd.read_csv(file)
        assert frame["wkt"].str.startswith(("LINESTRING", "MULTILINESTRING")).all()
    else:
        frame = gpd.read_parquet(file) if kind == "parquet" else gpd.read_file(file)
        assert frame.crs is not None and frame.geometry.is_valid.all()
    assert len(frame) == rows


def test_the_tiny_city_runs_the_same_way(tiny_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "onemap.gpkg"
    done = onemap("demo", "--inputs", tmp_path / "in", "--json", city=tiny_folder, store=store)
    assert done.status == 0, done.error
    scored = onemap(
        "evaluate",
        "--truth",
        tmp_path / "in" / "truth.json",
        "--json",
        city=tiny_folder,
        store=store,
    )
    assert scored.status == 0, scored.error
    assert scored.data
    for row in scored.data:
        # A city this small has no room for every story; there, nothing may be found.
        expected = (1.0, 1.0) if row["planted"] else (None, None)
        assert (row["precision"], row["recall"]) == expected, row
        assert row["silent"] == row["near_misses"], row


def test_postgis_gives_the_same_alerts(
    demo: DemoCity, pudong_folder: Path, postgis_server: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with fresh_database(postgis_server) as url:
        compare_with_database(demo, pudong_folder, url, home, tmp_path)


def compare_with_database(demo: DemoCity, city: Path, url: str, home: Path, tmp_path: Path) -> None:
    done = onemap(
        "demo",
        "--scale",
        SCALE,
        "--inputs",
        demo.inputs,
        "--json",
        city=city,
        store=url,
        home=home,
    )
    assert done.status == 0, done.error
    exported = []
    for index, store in enumerate((str(demo.store), url)):
        file = tmp_path / f"{index}.csv"
        written = onemap(
            "layers",
            "export",
            "alert",
            "--format",
            "csv",
            "-o",
            file,
            city=city,
            store=store,
            home=home,
        )
        assert written.status == 0, written.error
        exported.append(pd.read_csv(file).sort_values("alert_id", ignore_index=True))
    columns = ["alert_id", "rule", "subject", "sentence_en", "sentence_zh"]
    pd.testing.assert_frame_equal(exported[0][columns], exported[1][columns])


@pytest.fixture(scope="module")
def tiny_store(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("tiny") / "onemap.gpkg"
    assert onemap("init", city=tiny_folder, store=store).status == 0
    return store


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("layers", "describe", "no_such_layer"), "no layer 'no_such_layer'"),
        (("ingest", "ais", "no_such_file.nmea"), "no such file"),
        (("ingest", "layer", "road", "x.geojson", "--source", "nobody"), "no such file"),
        (("detect", "--rule", "no_such_rule"), "no rule 'no_such_rule'"),
        (("evaluate", "--truth", "no_such_truth.json"), "no_such_truth.json"),
        (("layers", "export", "weighing", "--filter", "gross_kg >"), "can't be read at line 1"),
        (("serve", "--host", "0.0.0.0"), "refusing"),
        (("layers", "list", "--domain", "nowhere"), "there are harbour"),
        (("layers", "list", "--store", "http://x"), "is no store"),
        (("layers", "list", "--store", "no_such_store.gpkg"), "there is no store"),
    ],
)
def test_a_mistake_is_one_clear_line_and_a_bad_exit(
    arguments: tuple[str, ...], said: str, tiny_folder: Path, tiny_store: Path
) -> None:
    run = onemap(*arguments, city=tiny_folder, store=tiny_store)
    assert run.status == 1
    assert said in " ".join(run.error.split())
    assert "Traceback" not in run.error
