"""Any vector file into any layer with geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.decoders.register import required_columns, rows_of
from ingest.decoders.vector import VectorFile
from ingest.gate import Gate, Rows
from ingest.sources.file import Progress, SourceError
from ingest.take_in.receipt import Receipt, receipt
from ingest.take_in.rows import store_rows
from ingest.take_in.tables import table_chunks
from layers import crs as systems
from layers.city import City, Source
from layers.errors import CrsError
from layers.feeds import Tally
from layers.spec import LayerSpec
from layers.store import Store

_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")


def take_in(
    city: City,
    store: Store,
    home: Path,
    layer: str,
    paths: Sequence[Path],
    *,
    crs: str | None = None,
    source: Source | None = None,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take vector files, or CSV with ``lon`` and ``lat`` or ``wkt``, into a layer.

    Parameters
    ----------
    layer : id of the layer to fill.
    paths : files of one layer each.
    crs : reference system of the coordinates, over what the file or the source says: ``EPSG:4490``,
        ``GCJ-02`` …
    source : its CRS where neither ``crs`` nor the file names one, its zone, names of columns,
        encoding.
    at : the clock.
    progress : called with (rows or bytes read, in all, file name).

    Raises
    ------
    UnknownLayerError
        where the layer is not declared.
    CrsError
        for a CRS that is not known.
    """
    spec = city.layer(layer)
    if crs is not None and not systems.known(crs):
        raise CrsError(f"unknown CRS {crs!r}; expected such as EPSG:4490, GCJ-02 or BD-09")
    total = Tally()
    for path in paths:
        with receipt(home, f"layer:{layer}", path, total) as note:
            if not note.sha256:
                continue
            if path.name.lower().endswith(_TABLES):
                _table(city, store, spec, path, note, crs, source, at, progress)
            else:
                _vector(city, store, spec, path, note, crs, source, at, progress)
    return total


def _vector(
    city: City,
    store: Store,
    spec: LayerSpec,
    path: Path,
    note: Receipt,
    crs: str | None,
    source: Source | None,
    at: datetime,
    progress: Progress | None,
) -> None:
    encoding = source.encoding if source and source.encoding != "utf-8" else None
    try:
        file = VectorFile(path, encoding)
    except SourceError as failure:
        note.refuse_rest(0, failure)
        file = None
    system = _system(crs, source, file.about.crs if file else None)
    if file is not None and system is None and spec.has_geometry:
        detail = "the file names no CRS; declare it with --crs or by a source"
        note.refuse(0, "no_crs", detail)
        file = None
    gate = _gate(city, spec, path, note, system or systems.STORAGE, source)
    batches = _features(file, spec, note, crs, source, progress) if file else iter(())
    store_rows(city, store, spec.id, gate, batches, note, at=at)


def _system(crs: str | None, source: Source | None, named: str | None) -> str | None:
    """CRS by order: given, an offset system of the source (no file names one), file's, source's."""
    if crs is not None:
        return crs
    if source is not None and source.crs.upper() in systems.OFFSET_SYSTEMS:
        return source.crs
    return named or (source.crs if source else None)


def _gate(
    city: City, spec: LayerSpec, path: Path, note: Receipt, crs: str, source: Source | None
) -> Gate:
    zone = ZoneInfo(source.zone) if source else None
    return Gate(city, spec, feed=note.feed, file=path.name, crs=crs, zone=zone)


def _features(
    file: VectorFile,
    spec: LayerSpec,
    note: Receipt,
    crs: str | None,
    source: Source | None,
    progress: Progress | None,
) -> Iterator[Rows]:
    named = file.about.crs if crs is None and file.about.crs != systems.STORAGE else None
    note.log.describe("geojson", named or "")
    read = 0
    try:
        for rows in file.batches(spec, source.columns if source else {}):
            read += len(rows.numbers)
            if progress:
                progress(read, max(file.about.rows, read), file.path.name)
            yield rows
    except SourceError as failure:
        note.refuse_rest(read + 1, failure)


def _table(
    city: City,
    store: Store,
    spec: LayerSpec,
    path: Path,
    note: Receipt,
    crs: str | None,
    source: Source | None,
    at: datetime,
    progress: Progress | None,
) -> None:
    system = crs or (source.crs if source else None)
    batches: Iterator[Rows] = iter(())
    if system is None and spec.has_geometry:
        note.refuse(0, "no_crs", "a table names no CRS; declare it with --crs or by a source")
    else:
        batches = table_rows(path, spec, note, source, progress)
    gate = _gate(city, spec, path, note, system or systems.STORAGE, source)
    store_rows(city, store, spec.id, gate, batches, note, at=at)


def table_rows(
    path: Path, spec: LayerSpec, note: Receipt, source: Source | None, progress: Progress | None
) -> Iterator[Rows]:
    """Rows of a CSV file for the gate; what is no record, or no table, is noted on the receipt."""
    for chunk in table_chunks(path, note, source, progress, required_columns(spec)):
        note.add_unread(chunk.rejects, chunk.blank)
        yield rows_of(chunk, spec)
