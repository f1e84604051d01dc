"""Demo days, written once for all tests of the feeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.simulator.declaration import read_demo
from ingest.simulator.feeds import write_feeds
from ingest.simulator.place import build_geography
from layers.city import City
from tests.ingest.simulator.written import Written


def _write(folder: Path, out: Path, scale: float) -> Written:
    city = City(folder)
    demo = read_demo(city)
    place = build_geography(city, demo, demo.seed)
    entries = write_feeds(city, demo, place, out, seed=demo.seed, day=demo.day, scale=scale)
    return Written(city, demo, place, out, entries, demo.day)


@pytest.fixture(scope="session")
def tiny_day(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The whole day of the tiny city."""
    return _write(tiny_folder, tmp_path_factory.mktemp("tiny_day"), 1.0)


@pytest.fixture(scope="session")
def pudong_day(pudong_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The demo city's day with few ordinary things; all that is planted is there."""
    return _write(pudong_folder, tmp_path_factory.mktemp("pudong_day"), 0.03)


@pytest.fixture(params=["tiny_day", "pudong_day"])
def day(request: pytest.FixtureRequest) -> Written:
    """Each demo day in turn."""
    written: Written = request.getfixturevalue(request.param)
    return written
