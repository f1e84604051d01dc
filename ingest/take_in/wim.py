"""Weigh-in-motion records in CSV into the `weighing` layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from ingest.decoders.table import TableError, TableReader
from ingest.decoders.weighing_csv import FEED, REQUIRED, Station, rows_of
from ingest.gate import Gate, Rows
from ingest.sources.file import Progress, SourceError, read_lines
from ingest.take_in.receipt import Receipt, receipt
from ingest.take_in.rows import store_rows
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
    try:
        reader = TableReader(
            read_lines(path, progress=progress),
            feed=FEED,
            required=REQUIRED,
            renamed=source.columns if source else None,
            encoding=source.encoding if source else "utf-8",
        )
        note.log.describe("csv", reader.header)
        for chunk in reader.chunks():
            rows, refused = rows_of(chunk, stations, path.name)
            rejects = [*chunk.rejects, *refused]
            accepted = Counter({"blank": chunk.blank} if chunk.blank else {})
            note.add(Tally(accepted, Counter(r.reason for r in rejects)), rejects)
            yield rows
    except TableError as failure:
        note.refuse(1, "not_a_table", str(failure))
    except SourceError as failure:
        note.refuse_rest(0, failure)


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
