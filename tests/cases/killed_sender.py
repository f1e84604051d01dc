"""A process that changes cases, puts notices and sends them, and is killed again and again.

``python -m tests.cases.killed_sender <city> <store> <changes> <kills> <seed>`` forks a child that
goes on where the store stands, kills it (SIGKILL) after a moment that the seed gives, and so on;
the last child is left to end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import shapely

from cases.channels import open_channels
from cases.notices import compose, read_notices
from cases.outbox import Outbox
from layers.city import City
from layers.query import Query
from layers.store import open_store
from layers.store.notices import NoticeRecords

AT = datetime(2021, 3, 5, 12, tzinfo=UTC)
_LONGEST_S = 0.25


def _clock() -> datetime:
    return datetime.now(UTC)


def work(city: City, url: str, changes: int) -> None:
    """Dispatch cases, each with its two notices, and send between them what is due."""
    store, spec = open_store(url, city), city.layer("case_event")
    declared = read_notices(city)
    outbox = Outbox(
        NoticeRecords(store), open_channels(declared, {}), declared.retry, _clock,
        hold=timedelta(milliseconds=50),
    )  # fmt: skip
    for number in range(store.count(Query("case_event")), changes):
        case = f"case-{number:04d}"
        row = gpd.GeoDataFrame(
            {
                "case_id": [case], "event_type": ["SEA-1"], "origin": ["smart"],
                "state": ["dispatched"], "opened_at": [AT],
            },
            geometry=[shapely.Point(-75.1, -42.6)], crs="EPSG:4326",
        )  # fmt: skip
        with store.transaction() as unit:
            unit.upsert(spec, row, at=AT, source="test")
            for template in ("put_right", "work_order"):
                told = compose(
                    declared, template, channel="hook", recipient="shop", about=case,
                    occasion="1", fields={"case": case}, language="en", at=AT,
                )  # fmt: skip
                unit.put_notices([told])
        outbox.deliver()
    while NoticeRecords(store).counts().get("waiting"):
        outbox.deliver()
        time.sleep(0.01)


def main(folder: str, url: str, changes: int, kills: int, seed: int) -> None:
    """Kill a worker ``kills`` times, then let it end."""
    city, chance = City(Path(folder)), random.Random(seed)
    for turn in range(kills + 1):
        child = os.fork()
        if child == 0:
            work(city, url, changes)
            os._exit(0)
        if turn < kills:
            time.sleep(chance.uniform(0.01, _LONGEST_S))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:3], *(int(part) for part in sys.argv[3:6]))
