"""Refused lines and rows, kept so that they can be corrected and fed again.

::

    <folder>/<feed>/<first digits of the input's SHA-256>-<file>.jsonl

The first line of each file describes the input, each further line is one `layers.feeds.Reject`.
Rejects are kept per input, and close per input:

- Taking the same input in again replaces its file; where nothing is refused any more the file goes
  away.
- Taking in a file that `RejectStore.export` wrote, at the path where it was written and as the same
  feed, replaces the files that it was exported from: it stands for them, so what is refused of it
  is what is left. A row that was taken out of it counts as given up. This may be repeated, until
  nothing is left. It holds only where the file could be read to its end, and only for inputs whose
  rejects are still those that were exported; rows that can't be exported (a file that could not be
  read) stay.
- A row that is accepted from whatever file closes those of the same feed and id that other inputs
  had refused, where the id could be read and was not what was wrong (`RefusedRow`).
- Otherwise any other file is an input of its own, also a copy of an export under another name:
  equal lines of two inputs may be two happenings. AIS sentences and truck positions have no id.
  `RejectStore.clear` ends what was corrected elsewhere.

What was accepted and refused of each input stays in the lineage layer, whatever is closed here.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import orjson

from ingest.reject_exports import Exports, Form, write_rows
from layers.errors import OnemapError
from layers.feeds import Reject

MAX_RAW = 64 * 1024
_CUT = " …[cut]"


@dataclass(frozen=True)
class Input:
    """The input that rows were refused from.

    Attributes
    ----------
    feed, file, sha256 : which input it was.
    form : how refused rows are written out again: lines as they are, CSV under its header, GeoJSON
        features.
    header : header line of a CSV; for GeoJSON the CRS that the file named.
    """

    feed: str
    file: str
    sha256: str
    form: Form = "lines"
    header: str = ""


@dataclass(frozen=True)
class RefusedRow(Reject):
    """A refused row whose id is known.

    Attributes
    ----------
    key : the id, "" where it can't be read or came twice in the input.
    """

    key: str = ""


class RejectLog:
    """Writes the rejects of one input; they count as written when the block ends well.

    Attributes
    ----------
    path : where they are kept.
    written : how many.
    """

    def __init__(self, folder: Path, about: Input) -> None:
        self.path = folder / _safe(about.feed) / f"{about.sha256[:16]}-{_safe(about.file)}.jsonl"
        self._about, self._file = about, None
        self._part = self.path.with_suffix(".part")
        self._open: TextIO | None = None
        self.written = 0

    def __enter__(self) -> RejectLog:
        return self

    def describe(self, form: Form, header: str) -> None:
        """Say how the input is written, once that is known; before the first reject."""
        self._about = Input(self._about.feed, self._about.file, self._about.sha256, form, header)

    def write(self, rejects: Iterable[Reject]) -> None:
        """Keep some rejects."""
        for reject in rejects:
            if self._open is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
                self._open = self._part.open("w", encoding="utf-8")
                self._open.write(_text(asdict(self._about)))
            row = asdict(reject)
            row["raw"] = cut(reject.raw)
            self._open.write(_text(row))
            self.written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
        elif self._open is not None:
            self._part.replace(self.path)
        else:
            self.path.unlink(missing_ok=True)


class RejectStore:
    """All refused lines of an installation.

    Parameters
    ----------
    folder : where they are kept; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._exports = Exports(folder)

    def log(self, about: Input) -> RejectLog:
        """Begin to keep the rejects of one input; use as a context."""
        return RejectLog(self.folder, about)

    def append(self, about: Input, rejects: Iterable[Reject]) -> None:
        """Keep further rejects of an input that has no end, such as a connection's.

        What a crash left of a row is cut off: its input has not been told that it is kept.
        """
        path = self.log(about).path
        lines = [_text(asdict(reject) | {"raw": cut(reject.raw)}) for reject in rejects]
        if not lines:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.tell()
            if size:
                file.seek(size - 1)
                if file.read() != b"\n":
                    file.seek(0)
                    size = file.read().rfind(b"\n") + 1
                    file.truncate(size)
            head = [] if size else [_text(asdict(about))]
            file.write("".join([*head, *lines]).encode())

    def inputs(self, feed: str | None = None) -> list[Input]:
        """Inputs that have refused rows."""
        return [about for about, _ in self._logs(feed)]

    def counts(self, feed: str | None = None) -> dict[tuple[str, str], int]:
        """Number of refused rows by (feed, reason)."""
        found: Counter[tuple[str, str]] = Counter()
        for _, path in self._logs(feed):
            found.update((reject.feed, reject.reason) for reject in _read(path))
        return dict(found)

    def rows(self, feed: str | None = None, limit: int | None = None) -> list[Reject]:
        """Refused rows in the order of inputs and lines; with a limit the last ones."""
        kept: deque[Reject] = deque(maxlen=limit)
        for _, path in self._logs(feed):
            kept.extend(_read(path))
        return list(kept)

    def export(self, feed: str | None, path: Path) -> int:
        """Write refused rows in the format of their inputs, to be corrected and fed again.

        Rows of inputs that can't stand in one file (other columns, other CRS) go to ``<name>-2``,
        ``<name>-3`` and so on. CSV begins with the byte order mark of UTF-8, so that it is read as
        such whatever encoding its source declares. Each file is remembered: see `supersede`.

        Returns
        -------
        Rows written.
        """
        groups: dict[tuple[str, Form, str], list[Path]] = {}
        for about, log in self._logs(feed):
            groups.setdefault((about.feed, about.form, about.header), []).append(log)
        written = 0
        for number, ((logged, form, header), logs) in enumerate(groups.items(), 1):
            target = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            raws = [row.raw for log in logs for row in _read(log) if row.raw]
            written += len(raws)
            write_rows(target, form, header, raws)
            self._exports.remember(target, logged, logs)
        return written

    def supersede(self, feed: str, file: Path, log: RejectLog) -> int:
        """Close what a file was exported from, once it was fed again and read to its end.

        Parameters
        ----------
        feed, file : what was fed; a file that is no export of this feed closes nothing.
        log : its rejects, after its block ended.

        Returns
        -------
        Rows closed.
        """
        logs = self._exports.close(file, feed, log.path)
        return sum(_thin(old, lambda row: bool(row["raw"])) for old in logs)

    def keys(self, feed: str) -> set[str]:
        """Ids of the refused rows of a feed, where they are known."""
        logs = [path for about, path in self._logs(feed) if about.feed == feed]
        return {row["key"] for path in logs for row in _rows(path) if row.get("key")}

    def accept(self, feed: str, keys: Set[str], log: RejectLog) -> int:
        """Close the rows of a feed whose ids were accepted from an input.

        Parameters
        ----------
        keys : the ids.
        log : rejects of that input itself, which stay.

        Returns
        -------
        Rows closed.
        """
        closed = 0
        for about, path in list(self._logs(feed)) if keys else []:
            if about.feed == feed and path != log.path:
                with self._exports.following(path):
                    closed += _thin(path, lambda row: row.get("key") in keys)
        return closed

    def clear(self, feed: str | None = None) -> int:
        """Forget refused rows for good; how many there were."""
        gone = 0
        for _, path in list(self._logs(feed)):
            gone += sum(1 for _ in _read(path))
            path.unlink()
        return gone

    def _logs(self, feed: str | None) -> Iterator[tuple[Input, Path]]:
        for path in sorted(self.folder.glob("*/*.jsonl")):
            with path.open("rb") as file:
                about = Input(**_row(file.readline(), path))
            if feed is None or about.feed == feed or about.feed.startswith(f"{feed}:"):
                yield about, path


def cut(raw: str) -> str:
    """Cut a raw line at 64 KiB, with a mark."""
    return raw if len(raw) <= MAX_RAW else raw[:MAX_RAW] + _CUT


def _thin(path: Path, closed: Callable[[dict[str, Any]], bool]) -> int:
    """Remove the rows that are closed, and the log with its last one; how many."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines[1:] if not closed(_row(line, path))]
    gone = len(lines) - 1 - len(kept)
    if not kept:
        path.unlink()
    elif gone:
        part = path.with_suffix(".part")
        part.write_bytes(b"".join([lines[0], *kept]))
        part.replace(path)
    return gone


def _read(path: Path) -> Iterator[Reject]:
    names = [field.name for field in fields(Reject)]
    for row in _rows(path):
        yield Reject(**{name: row[name] for name in names})


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        next(file)
        for line in file:
            yield _row(line, path)


def _row(line: bytes, path: Path) -> dict[str, Any]:
    try:
        row: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError as failure:
        raise OnemapError(f"{path} is damaged: {failure}") from failure
    return row


def _text(row: dict[str, Any]) -> str:
    try:
        return orjson.dumps(row).decode() + "\n"
    except TypeError:  # lone surrogates can't be UTF-8
        return _text(
            {
                key: value.encode("utf-8", "backslashreplace").decode()
                if isinstance(value, str)
                else value
                for key, value in row.items()
            }
        )


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name.replace(":", "="))[:80] or "_"
