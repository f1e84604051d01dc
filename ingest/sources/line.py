"""The one shape in which every source hands its bytes on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from layers.errors import OnemapError

MAX_LINE_BYTES = 64 * 1024


class Line(NamedTuple):
    """One line as it came.

    Attributes
    ----------
    file : name of the file or address of the sender.
    number : 1-based number of the line in its source.
    data : bytes without the line's end, at most 64 KiB of them.
    received_ms : when it arrived, ms since 1970 UTC; None where it lay in a file.
    offset : bytes of the source read up to and with this line (uncompressed), for resuming.
    whole : False where the line was longer than 64 KiB and the rest was dropped.
    source : its name where several sources are one feed, else "".
    """

    file: str
    number: int
    data: bytes
    received_ms: int | None = None
    offset: int = 0
    whole: bool = True
    source: str = ""


def rounds(lines: Iterator[Line], size: int) -> Iterator[list[Line]]:
    """Yield lines in lists of a size; a source that breaks off still gives what came before."""
    while True:
        taken: list[Line] = []
        try:
            # Unlike a list made at once, this keeps what was read before a failure.
            taken.extend(islice(lines, size))
        except OnemapError:
            if taken:
                yield taken
            raise
        if taken:
            yield taken
        if len(taken) < size:
            return


class LineCutter:
    """Cut a stream of byte blocks into lines, in memory bounded by the longest allowed line.

    Lines end with LF or CR LF. What is left at the end of the stream is a line too.

    Parameters
    ----------
    file : name that the lines carry.
    number, offset : lines and bytes that were read before, when resuming.
    """

    def __init__(self, file: str, *, number: int = 0, offset: int = 0) -> None:
        self.file, self.number, self.offset = file, number, offset
        self._rest = b""
        self._dropped = 0

    def feed(self, block: bytes, received_ms: int | None = None) -> Iterator[Line]:
        """Yield the lines that this block completes."""
        *lines, rest = (self._rest + block).split(b"\n")
        self._rest = rest
        for data in lines:
            if self._dropped or len(data) > MAX_LINE_BYTES:
                yield self._line(data, received_ms, 1)
                continue
            self.number += 1
            self.offset += len(data) + 1
            yield Line(self.file, self.number, data.rstrip(b"\r"), received_ms, self.offset)
        if len(self._rest) > MAX_LINE_BYTES:
            self._dropped += len(self._rest) - MAX_LINE_BYTES
            self._rest = self._rest[:MAX_LINE_BYTES]

    def close(self, received_ms: int | None = None) -> Iterator[Line]:
        """Yield the last line where the stream did not end with a line's end."""
        if self._rest:
            yield self._line(self._rest, received_ms, 0)
            self._rest = b""

    def _line(self, data: bytes, received_ms: int | None, ending: int) -> Line:
        self.number += 1
        self.offset += len(data) + self._dropped + ending
        whole = not self._dropped and len(data) <= MAX_LINE_BYTES
        self._dropped = 0
        data = data[:MAX_LINE_BYTES].rstrip(b"\r")
        return Line(self.file, self.number, data, received_ms, self.offset, whole)
