"""The planted trucks of a day as their terminals would send it, and what is found in it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson

from analytics import registry
from analytics.detect import run_batches
from analytics.event import Event
from analytics.reference_rows import load_references
from analytics.truck_references import LAYERS
from ingest.decoders.jt808_frame import FrameCutter
from ingest.decoders.jt808_messages import Message
from layers.city import City
from layers.positions import PositionStore
from layers.query import Query
from layers.store import Store, open_store
from onemap.home import Home
from onemap.pipeline import batches
from tests.ingest.jt808_frames import Terminal, location, locations
from tests.running import DemoCity

# Terminals send what they gathered in so long, and are waited for before the next.
ROUND_S, LATE_S = 900, 1800
_FIRST_PHONE = 13_000_000_000
_IN_A_FRAME = 30
_RESERVED_LOAD = 2


@dataclass
class TruckDay:
    """All positions of the demo's trucks, by round and terminal.

    Attributes
    ----------
    plates : by number of terminal.
    rounds : bodies of locations by number of terminal, those of each round.
    """

    plates: dict[str, str]
    rounds: list[dict[str, list[bytes]]]

    def frames(self, number: int, connection: int, connections: int) -> list[bytes]:
        """Frames of a round on one of several connections, trucks interleaved."""
        own = [
            (phone, bodies[first : first + _IN_A_FRAME])
            for phone, bodies in self.rounds[number].items()
            if int(phone) % connections == connection
            for first in range(0, len(bodies), _IN_A_FRAME)
        ]
        order = np.random.default_rng(number).permutation(len(own)).tolist()
        return [_frame(*own[k]) for k in order]


def read_day(demo: DemoCity) -> TruckDay:
    """Positions that the demo took in from a file, and one long after them that closes all."""
    rows = PositionStore(demo.store.parent / "positions").scan("gps").to_pylist()
    first = min(row["t"] for row in rows)
    count = (max(row["t"] for row in rows) - first) // (ROUND_S * 1000) + 1
    phones: dict[tuple[str, str], str] = {}
    rounds: list[dict[str, list[bytes]]] = [{} for _ in range(count + 1)]
    for row in sorted(rows, key=lambda row: row["t"]):
        key = row["mover"], row["receiver"]
        phone = phones.setdefault(key, str(_FIRST_PHONE + len(phones)))
        number = (row["t"] - first) // (ROUND_S * 1000)
        rounds[number].setdefault(phone, []).append(_body(row))
    last = dict(row, t=row["t"] + round(timedelta(days=10).total_seconds() * 1000))
    rounds[-1][phone] = [_body(last)]
    return TruckDay({phone: plate for (plate, _), phone in phones.items()}, rounds)


def _body(row: dict[str, Any]) -> bytes:
    load = row["nav"] if row["nav"] in (0, 1, 3) else _RESERVED_LOAD
    speed, course = (
        0.0 if row[name] != row[name] else row[name] for name in ("sog_mps", "cog_deg")
    )
    return location(
        datetime.fromtimestamp(row["t"] / 1000, UTC),
        row["lon"],
        row["lat"],
        state=0b10 | (row["acc"] == 1) | load << 8,
        speed_kmh=speed * 3.6,
        direction=round(course),
    )


def _frame(phone: str, bodies: Sequence[bytes]) -> bytes:
    return Terminal(phone).frame(Message.LOCATIONS, locations(*bodies))


def answered(wire: socket.socket, many: int) -> Iterator[int]:
    """Results of answers, until there were so many."""
    cutter, found = FrameCutter("us"), 0
    while found < many:
        data = wire.recv(65_536)
        assert data, "hung up"
        for frame in cutter.feed(data)[0]:
            found += 1
            yield int(struct.unpack(">HHB", frame.body)[2])


def without_trucks(demo: DemoCity, file: Path, city: City) -> None:
    """Make a store that knows what the demo's rules on trucks must know, and has seen no truck."""
    copy_layers(demo, file, city, ("weighing", "wim_station", *LAYERS))


def copy_layers(demo: DemoCity, file: Path, city: City, layers: Sequence[str]) -> None:
    """Make a store with some layers of the demo's, and its districts and towns."""
    source, target = open_store(str(demo.store), city), open_store(str(file), city)
    target.create(*city.layers.values())
    with target.transaction() as unit:
        for layer in sorted({"adm_district", "adm_street_town", *layers}):
            unit.upsert(
                city.layer(layer),
                as_given(source, city, layer),
                at=datetime.now(UTC),
                source="test",
            )
    source.close()
    target.close()


def as_given(store: Store, city: City, layer: str) -> gpd.GeoDataFrame:
    """Rows of a layer with the properties that somebody gave, as they can be taken in again."""
    rows = store.frame(Query(layer))
    wanted = [p.name for p in city.layer(layer).properties]
    return gpd.GeoDataFrame(rows[[*wanted, rows.geometry.name]])


def in_history(city: City, store: Store, home: Home) -> list[Event]:
    """What the rules find in everything that is stored, as ``onemap detect`` runs them."""
    references = load_references(city, store)
    rules = [rule for rule in registry.build(city, references) if rule.feed == "gps"]
    stage = registry.stage(city, references, "gps")
    found, _ = run_batches(rules, batches(city, store, home, "gps"), stage)
    return [event for told in found.values() for event in told]


def told(frame: gpd.GeoDataFrame) -> dict[str, tuple[str, str, bytes]]:
    """What alerts say, by their ids."""
    evidence = [orjson.dumps(_plain(v), option=orjson.OPT_SORT_KEYS) for v in frame["evidence"]]
    rows = zip(frame["sentence_en"], frame["sentence_zh"], evidence, strict=True)
    return dict(zip(frame["alert_id"], rows, strict=True))


def _plain(evidence: Any) -> Any:
    return orjson.loads(evidence) if isinstance(evidence, str) else evidence
