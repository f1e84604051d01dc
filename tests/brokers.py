"""A real broker of MQTT on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent import absent

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    if MOSQUITTO is None:
        absent("mosquitto is not installed")
    port = free_port()
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(tmp_path / "m.conf")], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = any("running" in line for line in process.stderr)
    assert said, "mosquitto did not begin"
    yield port
    process.terminate()
    process.communicate()
