"""JSON lines with the columns of a table: one object a line, read by the readers of CSV tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from ingest.decoders.table import ROWS_AT_ONCE, Chunk
from ingest.sources.line import Line, rounds
from layers.feeds import Reject


class JsonLinesReader:
    """Reads the objects of one file as records of a table.

    A value that is missing or null is empty, and true and false are these words; what is no text,
    number or truth value refuses its line.

    Parameters
    ----------
    lines : its lines.
    feed : for the rejects.
    names : our names of the columns; other keys are passed over.
    renamed : our names to the file's, where they differ.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        *,
        feed: str,
        names: Sequence[str],
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self._lines, self._feed = iter(lines), feed
        self._keys = {name: (renamed or {}).get(name, name) for name in names}

    def chunks(self) -> Iterator[Chunk]:
        """Yield the records, some thousands at a time."""
        for lines in rounds(self._lines, ROWS_AT_ONCE):
            chunk = Chunk(columns={name: [] for name in self._keys})
            for line in lines:
                if line.data.strip():
                    self._record(line, chunk)
                else:
                    chunk.blank += 1
            yield chunk

    def _record(self, line: Line, chunk: Chunk) -> None:
        raw = line.data.decode("utf-8", "backslashreplace")
        if not line.whole:
            self._refuse(line, chunk, "", "too_long", f"more than {len(line.data):,} bytes", raw)
            return
        try:
            values: Any = orjson.loads(line.data.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as failure:
            self._refuse(line, chunk, "", "malformed", f"no JSON: {failure}", raw)
            return
        if not isinstance(values, dict):
            told = f"expected an object, found {type(values).__name__}"
            self._refuse(line, chunk, "", "malformed", told, raw)
            return
        texts = {name: _text(values.get(key)) for name, key in self._keys.items()}
        for name, text in texts.items():
            if text is None:
                told = f"expected one value, found {type(values[self._keys[name]]).__name__}"
                self._refuse(line, chunk, name, "bad_value", told, raw)
                return
        for name, text in texts.items():
            chunk.columns[name].append(text or "")
        chunk.numbers.append(line.number)
        chunk.raws.append(raw)

    def _refuse(
        self, line: Line, chunk: Chunk, field: str, reason: str, detail: str, raw: str
    ) -> None:
        kept = raw if line.whole else raw[:1024]
        chunk.rejects.append(
            Reject(self._feed, line.file, line.number, field, reason, detail, kept)
        )


def _text(value: Any) -> str | None:
    """A value as a table would have it; None for what none has."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
