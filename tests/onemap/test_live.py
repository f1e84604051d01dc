"""Batch and live give the same events, whatever the batches, whoever is killed in between."""

from __future__ import annotations

import gzip
import itertools
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest

from analytics.event import Event
from analytics.rule import RULES as rule_kinds
from cases.opening import open_cases
from ingest.live import LiveDecoder
from ingest.sources.file import read_lines
from ingest.sources.line import Line
from layers.city import City
from layers.positions import PositionStore
from layers.query import Query
from layers.store import Store, open_store
from onemap.home import Home
from onemap.live import LivePipeline
from onemap.pipeline import write_findings
from tests.running import DemoCity

pytestmark = pytest.mark.xdist_group("demo")
# All that read AIS: each must find live what it finds in history.
RULES = {kind for kind, rule in rule_kinds.items() if rule.feed == "ais"}
REFERENCES = ("marine_zone", "vessel_registry", "ais_reception")
AT = datetime(2020, 7, 2, tzinfo=UTC)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def city(pudong_folder: Path) -> City:
    return City(pudong_folder)


@pytest.fixture(scope="module")
def references(demo: DemoCity, city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that knows zones and registers, and has seen no vessel yet."""
    file = tmp_path_factory.mktemp("references") / "onemap.gpkg"
    source = open_store(str(demo.store), city)
    target = open_store(str(file), city)
    target.create(*city.layers.values())
    with target.transaction() as unit:
        for layer in (
            "adm_district",
            "adm_street_town",
            "marine_zone",
            "vessel_registry",
            "ais_reception",
        ):
            rows = source.frame(Query(layer))
            wanted = [p.name for p in city.layer(layer).properties]
            frame = gpd.GeoDataFrame(rows[[*wanted, rows.geometry.name]])
            unit.upsert(city.layer(layer), frame, at=AT, source="test")
    source.close()
    target.close()
    return file


def open_copy(file: Path, folder: Path, city: City) -> tuple[Store, Home]:
    folder.mkdir(exist_ok=True)
    if not (folder / "onemap.gpkg").exists():
        shutil.copy(file, folder / "onemap.gpkg")
    url = str(folder / "onemap.gpkg")
    return open_store(url, city), Home(city.folder, url, folder)


def lines(demo: DemoCity) -> list[Line]:
    with gzip.open(demo.inputs / "ais" / "ais.nmea.gz"):
        return list(read_lines(demo.inputs / "ais" / "ais.nmea.gz"))


def cuts(total: int, seed: int) -> Iterator[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    bounds = [0, *sorted(rng.choice(np.arange(1, total), 12, replace=False).tolist()), total]
    yield from itertools.pairwise(bounds)


def alerts(store: Store) -> list[tuple[object, ...]]:
    frame = store.frame(Query("alert"))
    chosen = frame[frame["rule"].isin(RULES)].sort_values("alert_id")
    places = [shape.wkb_hex for shape in chosen.geometry]
    columns = ["alert_id", "rule", "rule_version", "subject", "start_time", "end_time"]
    said = [chosen[name] for name in (*columns, "confidence", "sentence_en", "sentence_zh")]
    evidence = [str(value) for value in chosen["evidence"]]
    return list(zip(*said, evidence, places, strict=True))


def cases(frame: gpd.GeoDataFrame) -> dict[str, tuple[object, ...]]:
    """What cases hold, by id; in which order their alerts came is left out."""
    names = ["alert_id", "state", "alerts", "event_type", "severity", "departments", "title_en"]
    rows = zip(frame["case_id"], *(frame[name] for name in names), strict=True)
    return {str(key): (*map(str, row),) for key, *row in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_live_finds_what_batch_finds_byte_for_byte(
    demo: DemoCity, city: City, references: Path, tmp_path: Path, seed: int
) -> None:
    store, home = open_copy(references, tmp_path / "live", city)
    live = LivePipeline(city, store, home, "test")
    everything = lines(demo)
    told: list[Event] = []
    for start, end in cuts(len(everything), seed):
        told += live.commit(live.decoder.feed(everything[start:end]), at=AT).events
    told += live.commit(live.decoder.finish(), at=AT).events
    told += live.finish(at=AT)
    found = alerts(store)
    # One case for each vessel and episode, as if all alerts had come at once.
    kept = store.frame(Query("case_event"))
    assert cases(kept) == cases(open_cases(city, told, at=AT))
    assert 3 < len(kept) < len({event.id for event in told})
    store.close()
    batch = open_store(str(demo.store), city)
    expected = alerts(batch)
    batch.close()
    assert len(expected) > 10
    assert found == expected


def test_a_feed_killed_at_any_commit_goes_on_and_finds_the_same(
    demo: DemoCity,
    city: City,
    references: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = lines(demo)
    steps = list(cuts(len(everything), 3))
    killed_at = iter([2, 5, 5, 9])
    fatal = next(killed_at)
    done = 0
    while True:
        store, home = open_copy(references, tmp_path / "live", city)
        live = LivePipeline(city, store, home, "test", decoder=LiveDecoder(), merge_every=3)
        rest = everything[live.decoder.line :]
        try:
            for step, (start, end) in enumerate(steps):
                if end <= live.decoder.line:
                    continue
                taken = [line for line in rest if start < line.number <= end]
                batch = live.decoder.feed(taken)
                if step == fatal:
                    fatal = next(killed_at, -1)
                    die_before_commit(live, monkeypatch)
                live.commit(batch, at=AT)
            live.commit(live.decoder.finish(), at=AT)
            live.finish(at=AT)
            break
        except Killed:
            done += 1
            monkeypatch.undo()
            store.close()
    assert done == 4
    found = alerts(store)
    joined = [key for row in store.frame(Query("case_event"))["alerts"] for key in row]
    assert sorted(joined) == sorted(store.frame(Query("alert"))["alert_id"])
    fixes = PositionStore(home.positions).scan("ais")
    store.close()
    batch_store = open_store(str(demo.store), city)
    assert found == alerts(batch_store)
    batch_store.close()
    live.merger.wait()
    merged = PositionStore(home.positions)
    assert any("-to-" in name for name in merged.batches("ais"))
    assert merged.scan("ais").to_pandas().equals(fixes.to_pandas())
    whole = PositionStore(demo.store.parent / "positions").scan("ais")
    assert fixes["pid"].to_pylist() == whole["pid"].to_pylist()


def die_before_commit(live: LivePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next commit write positions and rows, and fall over before the unit's end."""

    def die(*given: Any, **more: Any) -> None:
        write_findings(*given, **more)
        raise Killed

    monkeypatch.setattr("onemap.live.write_findings", die)
