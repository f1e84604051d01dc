"""AIS files in: positions and identities, last positions, tracks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.decoders.ais import AisOptions
from ingest.decoders.ais_batch import AisBatch
from ingest.decoders.ais_blocks import BlockDecoder
from ingest.decoders.ais_messages import MessagesError, batch_of
from ingest.sources.block import Block, read_line_blocks
from ingest.sources.file import Progress, SourceError
from ingest.take_in.movers import VESSELS, Spool, Touched, write_last_positions, write_tracks
from ingest.take_in.receipt import Receipt, receipt
from layers.city import City, Source
from layers.feeds import Tally
from layers.positions import PositionStore
from layers.store import Store

LINES_AT_ONCE = 20_000
_SAID = ("name", "callsign", "ship_type", "destination")


def take_in(
    city: City,
    store: Store,
    home: Path,
    paths: Sequence[Path],
    *,
    source: Source | None = None,
    at: datetime,
    progress: Progress | None = None,
    base_time: datetime | None = None,
    options: AisOptions | None = None,
) -> Tally:
    """Take files of NMEA sentences in.

    Parameters
    ----------
    city, store : the city and its store; last positions, tracks and lineage are written there.
    home : folder of ``positions/`` and ``rejects/``.
    paths : files, plain or packed.
    source : declared source; AIS is always UTC and WGS 84, so nothing of it is needed.
    at : the clock.
    progress : called with (bytes read, bytes in all, file name).
    base_time : time of sentences that nothing dates, in files without any clock.
    options : choices of the decoder.

    Returns
    -------
    The account: ``read = accepted + rejected``, a line with several sentences counted once for
    each.
    """
    chosen = options or AisOptions()
    if base_time is not None:
        chosen = replace(chosen, base_time_ms=int(base_time.timestamp() * 1000))
    total = Tally()
    for path in paths:
        with receipt(home, "ais", path, total) as note:
            if note.sha256:
                blocks = read_line_blocks(path, progress=progress)
                batches = decode_blocks(blocks, BlockDecoder(chosen), note)
                take_in_batches(city, store, home, batches, note, at=at)
    return total


def take_in_messages(
    city: City,
    store: Store,
    home: Path,
    path: Path,
    *,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take messages that others decoded in, as Parquet (columns: `decoders.ais_messages`)."""
    total = Tally()
    with receipt(home, "ais", path, total) as note:
        if note.sha256:
            batches = _message_batches(path, note, progress)
            take_in_batches(city, store, home, batches, note, at=at)
    return total


def _message_batches(path: Path, note: Receipt, progress: Progress | None) -> Iterator[AisBatch]:
    row = 1
    try:
        with pq.ParquetFile(path) as file:
            for part in file.iter_batches(LINES_AT_ONCE):
                yield batch_of(pa.Table.from_batches([part]), path.name, row)
                row += part.num_rows
                if progress:
                    progress(row - 1, file.metadata.num_rows, path.name)
    except MessagesError as failure:
        note.refuse(0, "not_a_table", str(failure))
    except (pa.ArrowException, OSError) as failure:
        note.refuse_rest(row, failure)


def decode_blocks(
    blocks: Iterable[Block], decoder: BlockDecoder, note: Receipt
) -> Iterator[AisBatch]:
    """Decode block by block; a source that breaks off ends with what came before it."""
    feed, broken = iter(blocks), None
    while True:
        try:
            block = next(feed, None)
        except SourceError as failure:
            block, broken = None, failure
        if block is None:
            break
        yield decoder.decode_block(block)
    yield decoder.finish()
    if broken is not None:
        note.refuse_rest(decoder.lines + 1, broken)


def take_in_batches(
    city: City,
    store: Store,
    home: Path,
    batches: Iterable[AisBatch],
    note: Receipt,
    *,
    at: datetime,
) -> None:
    """Store what was decoded: the same door for files, replays and tables of messages."""
    positions = PositionStore(home / "positions")
    fixes = Spool(positions, "ais", note.sha256[:16])
    said = Spool(positions, "ais_identity", note.sha256[:16])
    touched, names = Touched(), Names()
    for batch in batches:
        note.add(batch.tally, batch.rejects)
        fixes.add(batch.fixes)
        said.add(batch.identities)
        touched.add(batch.fixes)
        names.add(batch.identities)
    fixes.flush()
    said.flush()
    rows = last_positions(touched, names)
    with store.transaction() as unit:
        write_last_positions(unit, store, city, VESSELS, rows, at=at, source=note.id)
        write_tracks(unit, store, positions, city, VESSELS, touched, at=at, source=note.id)
        note.write_lineage(unit, city, at)


class Names:
    """What each vessel last said of itself."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, tuple[int, object]]] = {}

    def add(self, identities: pa.Table) -> None:
        """Note some static messages."""
        for row in identities.select(["mover", "t", *_SAID]).to_pylist():
            known = self._said.setdefault(row["mover"], {})
            for name in _SAID:
                if row[name] and row["t"] >= known.get(name, (0, None))[0]:
                    known[name] = (row["t"], row[name])

    def get(self, mover: str) -> dict[str, object]:
        """Name, call sign, ship type and destination, None where not heard."""
        known = self._said.get(mover, {})
        return {name: known[name][1] if name in known else None for name in _SAID}


def last_positions(touched: Touched, names: Names) -> list[dict[str, object]]:
    """Rows of the layer of last positions, with ``lon`` and ``lat``, one for each vessel heard."""
    return [_row(mover, last, names) for mover, last in touched.last.items()]


def _row(mover: str, last: dict[str, object], names: Names) -> dict[str, object]:
    t = last["t"]
    assert isinstance(t, int)
    kept = {name: _known(last[name]) for name in ("sog_mps", "cog_deg", "heading_deg")}
    return {
        "mmsi": mover,
        "time": datetime.fromtimestamp(t / 1000, UTC),
        "nav": last["nav"],
        "lon": last["lon"],
        "lat": last["lat"],
        **kept,
        **names.get(mover),
    }


def _known(value: object) -> float | None:
    assert isinstance(value, float)
    return None if value != value else round(value, 3)
