"""CSV files on their way in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.decoders.table import Chunk, TableError, TableReader
from ingest.sources.file import Progress, SourceError, read_lines
from ingest.take_in.receipt import Receipt
from layers.city import Source


def table_chunks(
    path: Path,
    note: Receipt,
    source: Source | None,
    progress: Progress | None,
    required: Sequence[str],
) -> Iterator[Chunk]:
    """Records of a CSV file; what is no table, or breaks off, is noted on the receipt.

    Parameters
    ----------
    source : its encoding and its names of columns; UTF-8 and our names without one.
    required : our names of columns that must be there.
    """
    try:
        reader = TableReader(
            read_lines(path, progress=progress),
            feed=note.feed,
            required=required,
            renamed=source.columns if source else None,
            encoding=source.encoding if source else "utf-8",
        )
        note.log.describe("csv", reader.header)
        yield from reader.chunks()
    except TableError as failure:
        note.refuse(1, "not_a_table", str(failure))
    except SourceError as failure:
        note.refuse_rest(0, failure)
