"""The command as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCALE = "0.05"


@dataclass(frozen=True)
class Run:
    """How a command ended and what it said."""

    status: int
    text: str
    error: str

    @property
    def data(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.text)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "onemap.cli", *map(str, arguments)]


def environment(city: Path, store: str | Path, home: Path | None = None) -> dict[str, str]:
    told = {k: v for k, v in os.environ.items() if not k.startswith("ONEMAP_")}
    told |= {"ONEMAP_CITY": str(city), "ONEMAP_STORE": str(store)}
    return told if home is None else told | {"ONEMAP_HOME": str(home)}


def onemap(*arguments: str | Path, city: Path, store: str | Path, home: Path | None = None) -> Run:
    """Run ``onemap`` to its end."""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(city, store, home),
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class DemoCity:
    """A small demo city, built and played once for all tests of a run."""

    store: Path
    inputs: Path
    steps: list[dict[str, Any]]


def play_demo(city: Path, store: Path, inputs: Path) -> DemoCity:
    """Build and play the demo city at a small scale."""
    done = onemap("demo", "--scale", SCALE, "--inputs", inputs, "--json", city=city, store=store)
    assert done.status == 0, done.error
    return DemoCity(store, inputs, done.data)
