"""Truck positions in CSV or JSON lines in: positions, last positions, tracks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.decoders.gps_csv import FEED, OPTIONAL, REQUIRED, GpsDecoder
from ingest.sources.file import Progress
from ingest.take_in.movers import TRUCKS, Spool, Touched, write_last_positions, write_tracks
from ingest.take_in.receipt import Receipt, receipt
from ingest.take_in.tables import table_chunks
from layers.city import City, Source
from layers.feeds import Tally
from layers.positions import PositionStore
from layers.store import Store


def take_in(
    city: City,
    store: Store,
    home: Path,
    paths: Sequence[Path],
    *,
    source: Source | None = None,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take files of truck positions in.

    Parameters
    ----------
    city, store : the city and its store.
    home : folder of ``positions/`` and ``rejects/``.
    paths : CSV files, or JSON lines (``*.jsonl``), with ``plate,time,lon,lat`` and maybe
        ``speed_kmh,course_deg,ignition,load,receiver``.
    source : its datum, its zone for times without one, its names of columns; without it EPSG:4326,
        and times need a zone.
    at : the clock.
    progress : called with (bytes read, bytes in all, file name).
    """
    total = Tally()
    for path in paths:
        with receipt(home, FEED, path, total) as note:
            if note.sha256:
                _file(city, store, home, path, note, source, at, progress)
    return total


def _file(
    city: City,
    store: Store,
    home: Path,
    path: Path,
    note: Receipt,
    source: Source | None,
    at: datetime,
    progress: Progress | None,
) -> None:
    positions = PositionStore(home / "positions")
    spool, touched = Spool(positions, FEED, note.sha256[:16]), Touched()
    decoder = GpsDecoder(
        path.name,
        source.crs if source else "EPSG:4326",
        ZoneInfo(source.zone) if source else None,
    )
    for chunk in table_chunks(path, note, source, progress, REQUIRED, OPTIONAL):
        batch = decoder.decode(chunk)
        note.add(batch.tally, batch.rejects)
        spool.add(batch.fixes)
        touched.add(batch.fixes)
    spool.flush()
    rows = [last_position(plate, last) for plate, last in touched.last.items()]
    with store.transaction() as unit:
        write_last_positions(unit, store, city, TRUCKS, rows, at=at, source=note.id)
        write_tracks(unit, store, positions, city, TRUCKS, touched, at=at, source=note.id)
        note.write_lineage(unit, city, at)


def last_position(plate: str, last: dict[str, object]) -> dict[str, object]:
    """Properties of the layer of last positions, from a row of `Touched.last`."""
    t, speed, course = last["t"], last["sog_mps"], last["cog_deg"]
    assert isinstance(t, int) and isinstance(speed, float) and isinstance(course, float)
    return {
        "plate": plate,
        "time": datetime.fromtimestamp(t / 1000, UTC),
        "speed_mps": None if speed != speed else round(speed, 3),
        "course_deg": None if course != course else round(course, 1),
        "ignition": {0: False, 1: True}.get(int(str(last["acc"]))),
        "lon": last["lon"],
        "lat": last["lat"],
    }
