"""``onemap watch`` as a user runs it: it ends when told to, and stumbles over nothing."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import shapely

from analytics.event import Event, Evidence
from layers.text import Text
from onemap.commands.telling import tell
from tests.running import ROOT, command, environment, onemap


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_to(
    told: signal.Signals, tiny_folder: Path, tmp_path: Path
) -> None:
    address = f"udp://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        command("watch", address),
        cwd=ROOT,
        env=environment(tiny_folder, tmp_path / "onemap.gpkg"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert address in process.stdout.readline()
    process.send_signal(told)
    said, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert "read 0 = accepted 0 + rejected 0" in said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: "),
        ("http://127.0.0.1:1", "expected tcp://host:port"),
        ("udp://203.0.113.7:5000", "udp://203.0.113.7:5000: "),
    ],
)
def test_an_address_that_fails_is_one_clear_line(
    address: str, said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = onemap("watch", address, "--once", city=tiny_folder, store=tmp_path / "onemap.gpkg")
    assert run.status == 1
    assert said in run.error
    assert "Traceback" not in run.error and "fault" not in run.error


def test_a_name_from_the_air_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    name = "[/BOLD] [red]X"
    event = Event(
        rule="r",
        rule_version="1",
        event_type="T",
        subject="725000001",
        start_ms=0,
        end_ms=0,
        geometry=shapely.Point(0, 0),
        severity="minor",
        confidence=1,
        evidence=Evidence(),
        sentence=Text(en=name, zh=name),
    )
    tell([event], as_json=False)
    assert capsys.readouterr().out.count(name) == 2
    tell([event], as_json=True)
    assert json.loads(capsys.readouterr().out)["sentence"] == {"en": name, "zh": name}
