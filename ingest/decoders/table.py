"""CSV tables (RFC 4180) read line by line, so that one bad line costs only itself.

A record is one line: an unclosed quote can't swallow the lines behind it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.sources.line import Line
from layers.feeds import Reject

ROWS_AT_ONCE = 20_000
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t")


class TableError(ValueError):
    """A file that is not the table it should be."""


@dataclass
class Chunk:
    """Some records of a table.

    Attributes
    ----------
    numbers : line numbers, n of them.
    columns : our names to n texts each; columns that the file lacks are left out.
    raws : the lines as they came.
    rejects : lines that are no records.
    blank : lines with nothing on them.
    """

    numbers: list[int] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    raws: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    blank: int = 0


class TableReader:
    """Reads the records of one CSV file.

    Parameters
    ----------
    lines : its lines.
    feed : for the rejects.
    required : our names of columns that must be there.
    renamed : our names to the file's, where they differ.
    encoding : of the text.

    Attributes
    ----------
    header : the header line as it came, for writing refused records again.

    Raises
    ------
    TableError
        where the header lacks a column, names one twice, or the file is something else.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        *,
        feed: str,
        required: Sequence[str],
        renamed: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self._lines, self._feed, self._encoding = iter(lines), feed, encoding
        first = next(self._lines, None)
        if first is None:
            raise TableError("the file is empty")
        self.header = self._text(first.data.removeprefix(_BOM))
        ours = {theirs: our for our, theirs in (renamed or {}).items()}
        self._delimiter, self._names = self._columns(required, ours)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the records, some thousands at a time."""
        chunk = self._chunk()
        for line in self._lines:
            self._record(line, chunk)
            if len(chunk.numbers) >= ROWS_AT_ONCE:
                yield chunk
                chunk = self._chunk()
        yield chunk

    def _chunk(self) -> Chunk:
        return Chunk(columns={name: [] for name in self._names})

    def _columns(self, required: Sequence[str], ours: dict[str, str]) -> tuple[str, list[str]]:
        best: list[str] = []
        for delimiter in _DELIMITERS:
            try:
                given = next(csv.reader([self.header], delimiter=delimiter, strict=True), [])
            except csv.Error:
                continue
            names = [ours.get(name.strip(), name.strip()) for name in given]
            if set(required) <= set(names):
                twice = sorted({name for name in names if names.count(name) > 1})
                if twice:
                    raise TableError(f"the header names {', '.join(twice)} twice")
                return delimiter, names
            best = names if len(names) > len(best) else best
        missing = ", ".join(name for name in required if name not in best)
        kind = "; this looks like a web page" if self.header.lstrip().startswith("<") else ""
        raise TableError(f"the header lacks {missing}; it has {', '.join(best)[:200]}{kind}")

    def _text(self, data: bytes) -> str:
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError as failure:
            raise TableError(f"the header is not {self._encoding}: {failure.reason}") from failure
        except LookupError as failure:
            raise TableError(f"unknown encoding '{self._encoding}'") from failure
        if "\0" in text or len(text) > 100_000:
            raise TableError("the first line is no header of a CSV table")
        return text

    def _record(self, line: Line, chunk: Chunk) -> None:
        data = line.data
        if not data.strip():
            chunk.blank += 1
            return
        fault: tuple[str, str] | None = None
        values: list[str] = []
        text = data.decode(self._encoding, "backslashreplace")
        if not line.whole:
            fault = ("too_long", f"a line of more than {len(data):,} bytes")
        elif b"\0" in data:
            fault = ("nul_byte", "the line has a NUL byte")
        else:
            fault, values = self._values(data, text)
        if fault is not None:
            raw = text if line.whole else text[:1024]
            chunk.rejects.append(Reject(self._feed, line.file, line.number, "", *fault, raw))
            return
        chunk.numbers.append(line.number)
        chunk.raws.append(text)
        for name, value in zip(self._names, values, strict=True):
            chunk.columns[name].append(value)

    def _values(self, data: bytes, text: str) -> tuple[tuple[str, str] | None, list[str]]:
        try:
            data.decode(self._encoding)
        except UnicodeDecodeError as failure:
            detail = f"not {self._encoding} at byte {failure.start + 1}"
            return ("bad_encoding", detail), []
        if '"' not in text:
            values = text.split(self._delimiter)
        else:
            try:
                values = next(csv.reader([text], delimiter=self._delimiter, strict=True))
            except (csv.Error, StopIteration) as failure:
                return ("malformed", f"no CSV record: {failure}"), []
        if len(values) != len(self._names):
            detail = f"expected {len(self._names)} fields, found {len(values)}"
            return ("wrong_field_count", detail), []
        return None, values
