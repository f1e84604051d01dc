"""CSV tables (RFC 4180) read line by line, so that one bad line costs only itself.

A record is one line: an unclosed quote can't swallow the lines behind it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.sources.line import Line, rounds
from layers.feeds import Reject

ROWS_AT_ONCE = 20_000
_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODING = (
    "declare the source's encoding in sources.yaml, e.g. encoding: gb18030, and pass --source ID"
)
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
    encoding : of the text; a byte order mark of UTF-8 goes over it.

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
        if first.data.startswith(_BOM):
            self._encoding = "utf-8"
        self.header = self._text(first.data.removeprefix(_BOM))
        ours = {theirs: our for our, theirs in (renamed or {}).items()}
        self._delimiter, self._names = self._columns(required, ours)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the records, some thousands at a time."""
        for lines in rounds(self._lines, ROWS_AT_ONCE):
            yield self._plain(lines) or self._any(lines)

    def _plain(self, lines: list[Line]) -> Chunk | None:
        """Split lines without quotes all at once; None where one needs to be looked at closely."""
        mark, commas = self._delimiter.encode(), len(self._names) - 1
        chunk = Chunk()
        records = []
        for line in lines:
            if line.data.count(mark) == commas and line.whole and line.data:
                records.append(line)
            elif b'"' in line.data or self._record(line, chunk) is not None:
                return None
        data = b"\n".join([line.data for line in records])
        if b'"' in data or b"\0" in data:
            return None
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError:
            return None
        chunk.numbers = [line.number for line in records]
        chunk.raws = text.split("\n") if records else []
        values = text.replace("\n", self._delimiter).split(self._delimiter) if records else []
        step = len(self._names)
        if len(values) != step * len(records) or len(chunk.raws) != len(records):
            return None
        chunk.columns = {name: values[i::step] for i, name in enumerate(self._names)}
        return chunk

    def _any(self, lines: list[Line]) -> Chunk:
        chunk, rows = Chunk(), []
        for line in lines:
            values = self._record(line, chunk)
            if values is not None:
                chunk.numbers.append(line.number)
                chunk.raws.append(line.data.decode(self._encoding))
                rows.append(values)
        columns = zip(*rows, strict=True) if rows else ((),) * len(self._names)
        chunk.columns = {n: list(column) for n, column in zip(self._names, columns, strict=True)}
        return chunk

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
            what = f"the header is not {self._encoding}: {failure.reason}; {_OTHER_ENCODING}"
            raise TableError(what) from failure
        except LookupError as failure:
            raise TableError(f"unknown encoding '{self._encoding}'") from failure
        if "\0" in text or len(text) > 100_000:
            raise TableError("the first line is no header of a CSV table")
        return text

    def _record(self, line: Line, chunk: Chunk) -> list[str] | None:
        """Values of one line; None where it is blank or no record, which the chunk then tells."""
        data = line.data
        if not data.strip():
            chunk.blank += 1
            return None
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError as failure:
            detail = f"not {self._encoding} at byte {failure.start + 1}; {_OTHER_ENCODING}"
            self._refuse(line, chunk, "bad_encoding", detail)
            return None
        if not line.whole:
            self._refuse(line, chunk, "too_long", f"a line of more than {len(data):,} bytes")
            return None
        if "\0" in text:
            self._refuse(line, chunk, "nul_byte", "the line has a NUL byte")
            return None
        try:
            values = self._values(text)
        except (csv.Error, StopIteration) as failure:
            self._refuse(line, chunk, "malformed", f"no CSV record: {failure}")
            return None
        if len(values) != len(self._names):
            detail = f"expected {len(self._names)} fields, found {len(values)}"
            self._refuse(line, chunk, "wrong_field_count", detail)
            return None
        return values

    def _values(self, text: str) -> list[str]:
        if '"' not in text:
            return text.split(self._delimiter)
        return next(csv.reader([text], delimiter=self._delimiter, strict=True))

    def _refuse(self, line: Line, chunk: Chunk, reason: str, detail: str) -> None:
        text = line.data.decode(self._encoding, "backslashreplace")
        raw = text if line.whole else text[:1024]
        chunk.rejects.append(Reject(self._feed, line.file, line.number, "", reason, detail, raw))
