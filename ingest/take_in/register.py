"""Registers in CSV into layers without geometry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.gate import Gate
from ingest.sources.file import Progress
from ingest.take_in.layer import table_rows
from ingest.take_in.receipt import receipt
from ingest.take_in.rows import store_rows
from layers.city import City, Source
from layers.errors import QueryError
from layers.feeds import Tally
from layers.store import Store


def take_in(
    city: City,
    store: Store,
    home: Path,
    layer: str,
    paths: Sequence[Path],
    *,
    source: Source | None = None,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take register files into a layer; rows are upserted by id, so its states are its history.

    Parameters
    ----------
    layer : id of a layer without geometry, such as ``vessel_registry``.
    source : names of columns, encoding, zone of times without one.
    at : the clock.
    progress : called with (bytes read, bytes in all, file name).

    Raises
    ------
    UnknownLayerError
        where the layer is not declared.
    QueryError
        for a layer with places; these come in as layers, with their CRS.
    """
    spec = city.layer(layer)
    if spec.has_geometry:
        raise QueryError(f"'{layer}' has places: take it in as a layer, with its CRS")
    total = Tally()
    for path in paths:
        with receipt(home, f"register:{layer}", path, total) as note:
            if note.sha256:
                zone = ZoneInfo(source.zone) if source else None
                gate = Gate(city, spec, feed=note.feed, file=path.name, zone=zone)
                batches = table_rows(path, spec, note, source, progress)
                store_rows(city, store, layer, gate, batches, note, at=at)
    return total
