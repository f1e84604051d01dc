"""Speed of taking AIS in: NMEA lines to stored positions, beside pyais reading the same file.

The file is the simulator's, of about 300,000 lines. Our figure has everything in it: decoding,
positions on disk, last positions, tracks with their cells, lineage. The peer reads and decodes,
and keeps nothing.
"""

from __future__ import annotations

import gzip
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyais
from pyais.exceptions import AISBaseException
from pyais.stream import FileReaderStream

from ingest.decoders.ais import AisDecoder
from ingest.simulator.build import build, demo_day
from ingest.sources.file import read_lines
from ingest.sources.line import rounds
from ingest.take_in import ais
from layers.city import City
from layers.store import open_store

SEED, SCALE = 1, 0.58
CITY = Path(__file__).parents[1] / "data" / "pudong"
_LINES_AT_ONCE = 20_000


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    city = City(CITY)
    with tempfile.TemporaryDirectory() as folder:
        log = _log(city, Path(folder))
        count = log.read_bytes().count(b"\n")
        decoded = count / _seconds(lambda: _decode(log))
        stored = count / _seconds(lambda: _store(city, log, Path(folder)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        peer = count / _seconds(lambda: _peer(log))
    data = f"synthetic NMEA, {count:,} lines, seed {SEED}"
    name = f"pyais {pyais.__version__}, stream and decode, nothing stored"
    return [
        _row("NMEA to columns", data, decoded, name, peer, peak),
        _row("NMEA to stored positions, last positions and tracks", data, stored, name, peer, peak),
    ]


def _row(
    what: str, data: str, value: float, peer: str, peer_value: float, peak: float
) -> dict[str, Any]:
    return {
        "what": what,
        "data": data,
        "value": round(value),
        "unit": "lines/s",
        "peer": peer,
        "peer_value": round(peer_value),
        "ratio": round(value / peer_value, 2),
        "peak_mb": round(peak),
    }


def _log(city: City, folder: Path) -> Path:
    build(city, folder / "demo", seed=SEED, day=demo_day(city), scale=SCALE)
    log = folder / "ais.nmea"
    log.write_bytes(gzip.decompress((folder / "demo" / "ais" / "ais.nmea.gz").read_bytes()))
    return log


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _decode(log: Path) -> None:
    decoder = AisDecoder()
    for lines in rounds(read_lines(log), _LINES_AT_ONCE):
        decoder.decode(lines)
    decoder.finish()


def _store(city: City, log: Path, folder: Path) -> None:
    store = open_store(str(folder / "bench.gpkg"), city)
    try:
        store.create(*city.layers.values())
        ais.take_in(city, store, folder, [log], at=datetime(2020, 7, 2, tzinfo=UTC))
    finally:
        store.close()


def _peer(log: Path) -> None:
    with FileReaderStream(str(log)) as stream:
        for message in stream:
            try:
                message.decode()
            except AISBaseException:
                continue
