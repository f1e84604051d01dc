"""Refused lines and rows, kept so that they can be corrected and fed again.

::

    <folder>/<feed>/<first digits of the input's SHA-256>-<file>.jsonl

The first line of each file describes the input, each further line is one `layers.feeds.Reject`.
Taking the same input in again replaces its file; where nothing is refused any more the file goes
away.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

import orjson

from layers.errors import OnemapError
from layers.feeds import Reject

Form = Literal["lines", "csv", "geojson"]
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


class RejectLog:
    """Writes the rejects of one input; they count as written when the block ends well."""

    def __init__(self, folder: Path, about: Input) -> None:
        self._path = folder / _safe(about.feed) / f"{about.sha256[:16]}-{_safe(about.file)}.jsonl"
        self._about, self._file = about, None
        self._part = self._path.with_suffix(".part")
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
            self._part.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)


class RejectStore:
    """All refused lines of an installation.

    Parameters
    ----------
    folder : where they are kept; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, about: Input) -> RejectLog:
        """Begin to keep the rejects of one input; use as a context."""
        return RejectLog(self.folder, about)

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
        ``<name>-3`` and so on.

        Returns
        -------
        Rows written.
        """
        groups: dict[tuple[str, Form, str], list[Path]] = {}
        for about, log in self._logs(feed):
            groups.setdefault((about.feed, about.form, about.header), []).append(log)
        written = 0
        for number, ((_, form, header), logs) in enumerate(groups.items(), 1):
            target = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            raws = [row.raw for log in logs for row in _read(log) if row.raw]
            written += len(raws)
            _write(target, form, header, raws)
        return written

    def _logs(self, feed: str | None) -> Iterator[tuple[Input, Path]]:
        for path in sorted(self.folder.glob("*/*.jsonl")):
            with path.open("rb") as file:
                about = Input(**_row(file.readline(), path))
            if feed is None or about.feed == feed or about.feed.startswith(f"{feed}:"):
                yield about, path


def cut(raw: str) -> str:
    """Cut a raw line at 64 KiB, with a mark."""
    return raw if len(raw) <= MAX_RAW else raw[:MAX_RAW] + _CUT


def _write(path: Path, form: Form, header: str, raws: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if form == "geojson":
            crs = {"type": "name", "properties": {"name": header}}
            named = f'"crs": {orjson.dumps(crs).decode()}, ' if header else ""
            file.write(f'{{"type": "FeatureCollection", {named}"features": [\n')
            file.write(",\n".join(raws) + "\n]}\n")
            return
        if form == "csv" and header:
            file.write(header + "\n")
        file.writelines(raw + "\n" for raw in raws)


def _read(path: Path) -> Iterator[Reject]:
    with path.open("rb") as file:
        next(file)
        for line in file:
            yield Reject(**_row(line, path))


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
