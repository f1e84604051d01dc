"""Files, plain or compressed, read in blocks with flat memory and a guard against bombs."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ingest.sources.line import Line, LineCutter
from layers.errors import OnemapError

Progress = Callable[[int, int, str], None]

BLOCK_BYTES = 1 << 20
# Deflate can't do better than 1032:1; text of sensors is packed 4:1 to 40:1, so this is no data.
MAX_RATIO = 300
_RATIO_FROM_BYTES = 64 << 20
MAX_BYTES = 64 << 30
MAX_TEXT_BYTES = 512 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class SourceError(OnemapError):
    """A source that can't be read: missing, cut off, a decompression bomb, an unknown packing."""


def read_blocks(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """Read a file in blocks, unpacking gzip or Zstandard by its first bytes, not by its name.

    Raises
    ------
    SourceError
        for a missing file, broken packing, or more than 300 times the packed size.
    """
    try:
        total = path.stat().st_size
        with path.open("rb") as packed:
            yield from _unpacked(packed, path, total, progress)
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder; expected a file") from None
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except PermissionError:
        raise SourceError(f"{path} can't be read: no permission") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as failure:
        raise SourceError(f"{path} is packed, and cut off or broken: {failure}") from failure


def read_blocks_from(path: Path, offset: int, progress: Progress | None = None) -> Iterator[bytes]:
    """Blocks of a file behind an offset, which counts unpacked bytes (see `read_blocks`)."""
    skip = offset
    for block in read_blocks(path, progress):
        if skip >= len(block):
            skip -= len(block)
            continue
        yield block[skip:]
        skip = 0


def read_lines(
    path: Path, *, offset: int = 0, number: int = 0, progress: Progress | None = None
) -> Iterator[Line]:
    """Read the lines of a file, plain or packed.

    Parameters
    ----------
    path : the file.
    offset, number : bytes (unpacked) and lines to leave out at the start, when resuming.
    progress : called with (bytes read, bytes in all, file name), both as they lie on disk.
    """
    cutter = LineCutter(path.name, number=number, offset=offset)
    for block in read_blocks_from(path, offset, progress):
        yield from cutter.feed(block)
    yield from cutter.close()


def read_stdin() -> Iterator[Line]:
    """Read lines from standard input until it ends."""
    cutter = LineCutter("stdin")
    while block := os.read(sys.stdin.fileno(), BLOCK_BYTES):
        yield from cutter.feed(block)
    yield from cutter.close()


def read_text(path: Path, limit: int = MAX_TEXT_BYTES) -> bytes:
    """A whole file, unpacked; SourceError where it is larger than the limit."""
    parts, size = [], 0
    for block in read_blocks(path):
        size += len(block)
        if size > limit:
            raise SourceError(f"{path} is larger than {limit:,} bytes unpacked")
        parts.append(block)
    return b"".join(parts)


def sha256_of(path: Path) -> str:
    """SHA-256 of the file as it lies on disk; SourceError where it can't be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as failure:
        raise SourceError(f"{path} can't be read: {failure.strerror}") from failure
    return digest.hexdigest()


def check_zip(path: Path) -> None:
    """Refuse a zip archive that would unpack to more than 300 times its size; others pass.

    Raises
    ------
    SourceError
        naming the size found.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as failure:
        raise SourceError(f"{path} is a broken zip archive: {failure}") from failure
    _check_ratio(path, size, path.stat().st_size)


def _check_ratio(path: Path, size: int, packed: int) -> None:
    if size > MAX_BYTES or (size > _RATIO_FROM_BYTES and size > MAX_RATIO * max(packed, 1)):
        raise SourceError(
            f"{path} unpacks {packed:,} bytes to {size:,} or more: a decompression bomb, refused"
        )


def _unpacked(
    packed: BinaryIO, path: Path, total: int, progress: Progress | None
) -> Iterator[bytes]:
    start = packed.read(4)
    packed.seek(0)
    if start.startswith(_GZIP):
        plain: BinaryIO = gzip.GzipFile(fileobj=packed)  # type: ignore[assignment]
    elif start == _ZSTD:
        plain = _zstd(packed, path)
    elif start.startswith(b"PK\x03\x04"):
        raise SourceError(f"{path} is a zip archive; unpack it first")
    else:
        plain = packed
    size = 0
    while block := plain.read(BLOCK_BYTES):
        size += len(block)
        if plain is not packed:
            _check_ratio(path, size, total)
        if progress:
            progress(packed.tell(), total, path.name)
        yield block


def _zstd(packed: BinaryIO, path: Path) -> BinaryIO:
    try:
        import zstandard  # type: ignore[import-not-found]
    except ImportError:
        raise SourceError(
            f"{path} is packed with Zstandard; `pip install zstandard` or unpack it first"
        ) from None
    reader: BinaryIO = zstandard.ZstdDecompressor().stream_reader(packed)
    return reader
