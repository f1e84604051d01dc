"""``onemap watch`` killed fifty times in one replay leaves what it leaves undisturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pytest

from ingest.take_in import layer as layer_input
from layers.city import City
from layers.positions import PositionStore
from layers.query import Query
from layers.store import open_store
from tests.ingest.conftest import report, voyage
from tests.running import ROOT, command, environment

KILLS, SEED = 50, 7
BOATS, REPORTS, EVERY_S, ROWS = 60, 500, 10, 100
FIRST_MMSI = 725_000_001
START = datetime(2021, 3, 1, 8, tzinfo=UTC)
LON, LAT = -75.1, -42.5


def write_log(file: Path) -> None:
    """Fishing boats that are in no register, each coming in a little later than the last."""
    start, timed = int(START.timestamp()), []
    for boat in range(BOATS):
        mmsi, begun = FIRST_MMSI + boat, start + 70 * boat
        for part in voyage(mmsi, begun, f"SERENA{boat:02d}"):
            timed.append((begun, part))
        for number in range(REPORTS):
            t = begun + 1 + EVERY_S * number
            timed.append((t, report(mmsi, t, LON + 1e-5 * number, LAT + 1e-4 * boat)))
    timed.sort(key=lambda pair: pair[0])
    file.write_bytes(b"\n".join(sentence for _, sentence in timed) + b"\n")


class Replay:
    """One store and the log that is played into it."""

    def __init__(self, folder: Path, city: Path, log: Path) -> None:
        folder.mkdir()
        self.folder, self.city, self.log = folder, City(city), log
        self.store = folder / "onemap.gpkg"
        store = open_store(str(self.store), self.city)
        store.create(*self.city.layers.values())
        zones = self.city.path("content/marine_zone.geojson")
        layer_input.take_in(
            self.city, store, folder, "marine_zone", [zones], crs="EPSG:4326", at=START
        )
        # Days without any register tell nothing.
        rows = gpd.GeoDataFrame(
            {"registry_id": ["R-1"], "name_pinyin": ["NOBODY"]}, geometry=[None]
        )
        with store.transaction() as unit:
            unit.upsert(self.city.layer("vessel_registry"), rows, at=START, source="test")
        store.close()

    def arguments(self, rows: int) -> list[str]:
        """The command that goes on where the last one was."""
        return ["watch", str(self.log), "--rows", str(rows), "--rule", "unregistered_vessel"]

    def environment(self) -> dict[str, str]:
        """Where that command finds city and store."""
        return environment(self.city.folder, self.store, self.folder)

    def end(self) -> None:
        """Play the rest undisturbed."""
        done = subprocess.run(
            command(*self.arguments(20_000)), cwd=ROOT, env=self.environment(), timeout=300,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "read" in done.stdout, done.stderr

    def left(self) -> dict[str, list[str]]:
        """Alerts, cases and positions."""
        store = open_store(str(self.store), self.city)
        alerts, cases = store.frame(Query("alert")), store.frame(Query("case_event"))
        store.close()
        fixed = ["alert_id", "rule", "subject", "start_time", "end_time", "sentence_en"]
        told = alerts[fixed].assign(
            evidence=alerts["evidence"].map(str), place=[s.wkb_hex for s in alerts.geometry]
        )
        said = PositionStore(self.folder / "positions")
        return {
            "alerts": sorted(map(str, told.to_numpy().tolist())),
            "cases": sorted(
                map(str, cases[["case_id", "alert_id", "subject", "state"]].to_numpy().tolist())
            ),
            "positions": sorted(said.scan("ais")["pid"].to_pylist()),
            "identities": sorted(said.scan("ais_identity")["pid"].to_pylist()),
        }


@contextmanager
def forking(told: dict[str, str]) -> Iterator[Callable[[Path, list[str]], int]]:
    """Start commands at once, from a process that has read the program already."""
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.onemap.nursery"], cwd=ROOT, env=told, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert nursery.stdin is not None and nursery.stdout is not None
    wishes, answers = nursery.stdin, nursery.stdout

    def start(file: Path, arguments: list[str]) -> int:
        wishes.write(json.dumps([str(file), *arguments]) + "\n")
        wishes.flush()
        return int(answers.readline())

    try:
        yield start
    finally:
        nursery.communicate()


@pytest.mark.timeout(900)
def test_a_feed_killed_fifty_times_finds_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "ais.nmea"
    write_log(log)
    whole = Replay(tmp_path / "whole", tiny_folder, log)
    whole.end()
    expected = whole.left()
    assert len(expected["alerts"]) == BOATS
    replay, moments = Replay(tmp_path / "killed", tiny_folder, log), random.Random(SEED)
    with forking(replay.environment()) as start:
        for number in range(KILLS):
            said = tmp_path / f"said-{number}"
            os.mkfifo(said)
            pid = start(said, replay.arguments(ROWS))
            with said.open(encoding="utf-8") as words:
                assert words.readline().startswith("watching")
                time.sleep(moments.uniform(0, 0.35))
                # A process that had ended by itself could not be killed.
                os.kill(pid, signal.SIGKILL)
                assert "read" not in words.read(), "the replay ended before it was killed enough"
    assert 0 < len(replay.left()["positions"]) < len(expected["positions"])
    replay.end()
    assert replay.left() == expected
