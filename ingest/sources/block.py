"""Runs of whole lines as one piece of bytes, for decoders that need no object for each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ingest.sources.file import Progress, read_blocks_from
from ingest.sources.line import MAX_LINE_BYTES, Line


class Block(NamedTuple):
    """Some whole lines, as they came.

    Attributes
    ----------
    file : name of the file or address of the sender.
    data : bytes with the lines' ends; only the last line of a source may lack its own.
    number, offset : lines and bytes of the source before this block.
    received_ms : when it arrived, ms since 1970 UTC; None where it lay in a file.
    dropped : bytes left out of a line of more than 64 KiB, which is then the block's only one.
    """

    file: str
    data: bytes
    number: int = 0
    offset: int = 0
    received_ms: int | None = None
    dropped: int = 0

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.data.count(b"\n") + (self.data[-1:] not in (b"", b"\n"))

    @property
    def end(self) -> int:
        """Bytes of the source up to and with this block."""
        return self.offset + len(self.data) + self.dropped

    def line(self, place: int, start: int, stop: int) -> Line:
        """One of its lines.

        Parameters
        ----------
        place : 0-based number of the line in the block.
        start, stop : its bytes, without the line feed.
        """
        data = self.data[start:stop]
        behind = min(stop + 1, len(self.data))
        return Line(
            self.file,
            self.number + place + 1,
            data[:MAX_LINE_BYTES].rstrip(b"\r"),
            self.received_ms,
            self.offset + behind + self.dropped,
            not self.dropped and len(data) <= MAX_LINE_BYTES,
        )

    def split(self) -> Iterator[Line]:
        """Yield the lines one by one."""
        start = 0
        for place in range(self.lines):
            stop = self.data.find(b"\n", start)
            stop = len(self.data) if stop < 0 else stop
            yield self.line(place, start, stop)
            start = stop + 1


class BlockCutter:
    """Cut a stream of bytes into blocks of whole lines, in memory bounded as a line is.

    Parameters
    ----------
    file : name that the blocks carry.
    number, offset : lines and bytes that were read before, when resuming.
    """

    def __init__(self, file: str, *, number: int = 0, offset: int = 0) -> None:
        self.file, self.number, self.offset = file, number, offset
        self._rest, self._dropped = b"", 0

    def feed(self, data: bytes, received_ms: int | None = None) -> Iterator[Block]:
        """Yield what these bytes complete."""
        if self._dropped:
            found = data.find(b"\n")
            if found < 0:
                self._dropped += len(data)
                return
            self._dropped += found
            yield self._block(self._rest + b"\n", received_ms)
            self._rest, data = b"", data[found + 1 :]
        last = data.rfind(b"\n") + 1
        if last:
            yield self._block(self._rest + data[:last], received_ms)
            self._rest = data[last:]
        else:
            self._rest += data
        if len(self._rest) > MAX_LINE_BYTES + 1:
            self._dropped = len(self._rest) - MAX_LINE_BYTES - 1
            self._rest = self._rest[: MAX_LINE_BYTES + 1]

    def close(self, received_ms: int | None = None) -> Iterator[Block]:
        """Yield the last line where the stream did not end with a line's end."""
        if self._rest:
            yield self._block(self._rest, received_ms)
            self._rest = b""

    def _block(self, data: bytes, received_ms: int | None) -> Block:
        block = Block(self.file, data, self.number, self.offset, received_ms, self._dropped)
        self._dropped = 0
        self.number += block.lines
        self.offset = block.end
        return block


def read_line_blocks(
    path: Path, *, offset: int = 0, number: int = 0, progress: Progress | None = None
) -> Iterator[Block]:
    """Read a file, plain or packed, in blocks of whole lines.

    Parameters
    ----------
    path : the file.
    offset, number : bytes (unpacked) and lines to leave out at the start, when resuming.
    progress : called with (bytes read, bytes in all, file name), both as they lie on disk.
    """
    cutter = BlockCutter(path.name, number=number, offset=offset)
    for data in read_blocks_from(path, offset, progress):
        yield from cutter.feed(data)
    yield from cutter.close()
