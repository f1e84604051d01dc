"""Weigh-in-motion records in CSV into the `weighing` layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from ingest.decoders.weighing_csv import FEED, REQUIRED, Station, rows_of
from ingest.gate import Gate, Rows
from ingest.sources.file import Progress
from ingest.take_in.receipt import Receipt, receipt
from ingest.take_in.rows import store_rows
from ingest.take_in.tables import table_chunks
from layers.city import City, Source
from layers.feeds import Tally
from layers.query import Query
from layers.store import Store

LAYER, STATIONS = "weighing", "wim_station"


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
    """Take files of weighing records in; stations must stand in the layer ``wim_station`` before.

    Parameters
    ----------
    source : zone of times without one, names of columns, encoding.
    at : the clock.
    progress : called with (bytes read, bytes in all, file name).
    """
    stations = _stations(city, store)
    total = Tally()
    for path in paths:
        with receipt(home, FEED, path, total) as note:
            if note.sha256:
                zone = ZoneInfo(source.zone) if source else None
                gate = Gate(city, city.layer(LAYER), feed=FEED, file=path.name, zone=zone)
                batches = _read(path, stations, note, source, progress)
                store_rows(city, store, LAYER, gate, batches, note, at=at)
    return total


def _read(
    path: Path,
    stations: dict[str, Station],
    note: Receipt,
    source: Source | None,
    progress: Progress | None,
) -> Iterator[Rows]:
    for chunk in table_chunks(path, note, source, progress, REQUIRED):
        rows, refused = rows_of(chunk, stations, path.name)
        note.add_unread([*chunk.rejects, *refused], chunk.blank)
        yield rows


def _stations(city: City, store: Store) -> dict[str, Station]:
    if STATIONS not in city.layers or STATIONS not in store.layers():
        return {}
    frame = store.frame(Query(STATIONS))
    found = {}
    for row in frame.to_dict("records"):
        lanes = row.get("lanes")
        place = row["geometry"].interpolate(0.5, normalized=True)
        found[str(row["station_id"])] = Station(place, None if pd.isna(lanes) else int(lanes))
    return found
