"""CSV files, and JSON lines with the same columns, on their way in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.decoders.table import Chunk, TableError, TableReader
from ingest.decoders.table_json import JsonLinesReader
from ingest.sources.file import Progress, SourceError, read_lines
from ingest.take_in.receipt import Receipt
from layers.city import Source

_JSON_LINES = (".jsonl", ".ndjson")


def table_chunks(
    path: Path,
    note: Receipt,
    source: Source | None,
    progress: Progress | None,
    required: Sequence[str],
    optional: Sequence[str] | None = None,
) -> Iterator[Chunk]:
    """Records of a CSV file or of JSON lines; what is no table, or breaks off, the receipt notes.

    Parameters
    ----------
    source : its encoding and its names of columns; UTF-8 and our names without one.
    required : our names of columns that must be there.
    optional : those that may be; None where the feed is not read from JSON lines
        (``*.jsonl``, ``*.ndjson``, maybe packed).
    """
    try:
        if optional is not None and any(end in _JSON_LINES for end in path.suffixes):
            yield from JsonLinesReader(
                read_lines(path, progress=progress),
                feed=note.feed,
                names=(*required, *optional),
                renamed=source.columns if source else None,
            ).chunks()
            return
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
