"""Positions of trucks in JSON lines over MQTT are kept and judged as those of terminals."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt import publish

from layers.city import City
from layers.positions import PositionStore
from layers.query import Query
from layers.store import open_store
from tests.running import ROOT, command, environment, onemap

START = datetime(2021, 3, 1, 8, tzinfo=UTC)
PLATE = "沪D00001"
# Longer than may be driven, and once more when all of that is old.
DRIVEN_MIN, LATER_MIN = 250, 400


def payload() -> bytes:
    """A truck that drives for hours, all in one message; one line twice, one wrong."""
    rows = [
        {
            "plate": PLATE,
            "time": (START + timedelta(minutes=minute)).isoformat(),
            "lon": -75.1 + 0.005 * minute,
            "lat": -42.5,
            "speed_kmh": 25,
            "load": "full",
        }
        for minute in (*range(DRIVEN_MIN), LATER_MIN)
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in (*rows, rows[0], rows[0] | {"lat": 95})]
    return "\n".join(lines).encode()


def test_a_broker_brings_trucks_that_are_judged(
    mosquitto: int, tiny_folder: Path, tmp_path: Path
) -> None:
    # A message that is kept by the broker, so that nobody has to wait for the subscriber.
    publish.single("trucks/a", payload(), 1, True, "127.0.0.1", mosquitto)
    address = f"mqtt://127.0.0.1:{mosquitto}/trucks/+"
    options = ["--port", "0", "--read", address, "--every", "0", "--rule", "fatigue", "--json"]
    process = subprocess.Popen(
        command("terminals", *options), cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(tiny_folder, tmp_path / "onemap.gpkg"),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["host"] == "127.0.0.1"
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        said, error = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (told["rule"], told["subject"]) == ("fatigue", PLATE)
    assert process.returncode == 0 and "Traceback" not in error
    tally = json.loads(said)
    assert tally["accepted"] == {"position": DRIVEN_MIN + 1, "duplicate": 1}
    assert tally["rejected"] == {"swapped_lon_lat": 1}
    assert PositionStore(tmp_path / "positions").scan("gps").num_rows == DRIVEN_MIN + 1
    store = open_store(str(tmp_path / "onemap.gpkg"), City(tiny_folder))
    assert store.count(Query("alert")) == store.count(Query("case_event")) == 1
    store.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--read", "http://127.0.0.1"], "expected tcp://host:port, udp://host:port or mqtt://"),
        (["--rule", "loitering"], "loitering: not a rule on trucks; onemap detect runs it"),
    ],
)
def test_what_it_refuses_is_one_clear_line(
    options: list[str], said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = onemap(
        "terminals", "--port", "0", *options, city=tiny_folder, store=tmp_path / "onemap.gpkg"
    )
    assert run.status == 1 and said in run.error and "Traceback" not in run.error
