"""``onemap terminals`` as a user runs it: stopped or killed, no answered location is lost."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.decoders.jt808_frame import Frame, FrameCutter
from layers.positions import PositionStore
from tests.ingest.jt808_frames import NOON, Terminal, location
from tests.running import ROOT, command, environment, onemap


@contextmanager
def serving(
    city: Path, folder: Path, *more: str
) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    process = subprocess.Popen(
        command("terminals", "--port", "0", "--wait", "0", "--json", *more),
        cwd=ROOT,
        env=environment(city, folder / "onemap.gpkg"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
            yield process, wire
    finally:
        process.kill()
        process.communicate()


def answers(wire: socket.socket, many: int) -> list[Frame]:
    cutter, found = FrameCutter("us"), list[Frame]()
    while len(found) < many:
        data = wire.recv(4096)
        assert data, "hung up"
        found += cutter.feed(data)[0]
    return found


def stored(folder: Path) -> list[tuple[str, int]]:
    rows = PositionStore(folder / "positions").scan("gps").to_pylist()
    start = NOON.timestamp() * 1000
    return [(row["mover"], round((row["t"] - start) / 1000)) for row in rows]


def fix(second: int) -> bytes:
    return location(NOON + timedelta(seconds=second))


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_says_what_it_read(
    told: signal.Signals, tiny_folder: Path, tmp_path: Path
) -> None:
    truck = Terminal()
    with serving(tiny_folder, tmp_path) as (process, wire):
        wire.sendall(truck.register())
        code = answers(wire, 1)[0].body[3:].decode()
        wire.sendall(truck.authenticate(code) + truck.locate(fix(0)) + truck.locate(fix(1)))
        assert [answer.body[4] for answer in answers(wire, 3)] == [0, 0, 0]
        process.send_signal(told)
        said, error = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in error
    assert json.loads(said)["accepted"] == {"register": 1, "authenticate": 1, "position": 2}
    assert stored(tmp_path) == [(truck.plate, 0), (truck.plate, 1)]
    assert (tmp_path / "access" / "jt808.key").stat().st_mode & 0o777 == 0o600


def test_killed_it_goes_on_and_knows_its_terminals(tiny_folder: Path, tmp_path: Path) -> None:
    truck = Terminal(version=1)
    with serving(tiny_folder, tmp_path) as (process, wire):
        wire.sendall(truck.register())
        code = answers(wire, 1)[0].body[3:].decode()
        wire.sendall(truck.authenticate(code) + truck.locate(fix(0)))
        answers(wire, 2)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    with serving(tiny_folder, tmp_path) as (process, wire):
        wire.sendall(truck.authenticate(code) + truck.locate(fix(0)) + truck.locate(fix(1)))
        assert [answer.body[4] for answer in answers(wire, 3)] == [0, 0, 0]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert stored(tmp_path) == [(truck.plate, 0), (truck.plate, 1)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--open", "--host", "0.0.0.0"], "refusing to listen on 0.0.0.0 with --open"),
        (["--source", "nobody"], "no source 'nobody' of feed gps"),
        (["--source", "harbour_ais"], "declared are truck_gps"),
        (["--host", "203.0.113.7"], "203.0.113.7:6808: "),
    ],
)
def test_what_it_refuses_is_one_clear_line(
    options: list[str], said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = onemap("terminals", *options, city=tiny_folder, store=tmp_path / "onemap.gpkg")
    assert run.status == 1 and said in run.error
    assert "Traceback" not in run.error and "fault" not in run.error
