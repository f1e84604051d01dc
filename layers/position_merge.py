"""Small batches of a feed are merged into larger ones.

A live feed commits some times a second, and each commit is a batch with files of its own. They are
merged while the feed runs, by as many as are together at least as large as the batch before them,
so that a row is written again a few times at most, until a batch is `LARGE`.

The marker of a merged batch names the batches that it stands for: the moment it is there, one
rename, readers read it and pass over those. Their files go `KEPT` later, for readers that listed
them before. So a merge that is killed at any point loses and doubles nothing.

Only batches that a feed numbers are merged. A batch of a file that was taken in is replaced when
the file is taken in again. The last one of a feed stays as well: a feed writes a batch once the one
before it is committed, so that only the last may be written again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path

import structlog

from layers.alone import hold_alone
from layers.errors import OnemapError
from layers.position_store import Content, PositionStore, stem

# Rows of a batch that grows no more; at most twice as many are in memory at a time.
LARGE = 500_000
# Batches that become one, at most: memory goes by files, and so much is done again after a kill.
MOST_BATCHES = 500
# How long readers find the files of batches that were merged.
KEPT = timedelta(minutes=10)
# Commits of a feed between two merges beside it, and how many batches these make at most.
EVERY, _AT_ONCE = 256, 4
_MERGED = re.compile(r"(?P<series>.+)-(?P<first>\d{9})-to-(?P<last>\d{9})-[0-9a-f]{8}")
_NUMBERED = re.compile(r"(?P<series>.+)-(?P<first>(?P<last>\d{9}))")
_LOG = structlog.get_logger()


class BusyError(OnemapError):
    """Another process merges the feed."""


@dataclass(frozen=True)
class Tidied:
    """What `tidy` did.

    Attributes
    ----------
    before, after : files with rows that readers open.
    removed : files of batches merged earlier; ``waiting`` for that are still there.
    """

    before: int
    after: int
    removed: int
    waiting: int


def merge(store: PositionStore, feed: str, names: Sequence[str], *, at: datetime) -> str:
    """Merge batches into one, every row once; return its name.

    Parameters
    ----------
    names : of one series, neighbours in the order of `PositionStore.standing`.

    Raises
    ------
    KeyError
        for a batch that does not stand.
    """
    standing = store.standing(feed)
    chosen = {name: standing[name] for name in names}
    stems = [stem(name, content) for name, content in chosen.items()]
    table = store.read(feed, [file for content in chosen.values() for file in content["files"]])
    # The name comes in the place of the first one: of rows that came twice the same one is read.
    first, last = _match(names[0]), _match(names[-1])
    digits = sha256("\n".join(stems).encode()).hexdigest()[:8]
    name = f"{first['series']}-{first['first']}-to-{last['last']}-{digits}"
    store.write(feed, table, name, {"instead_of": stems, "merged_ms": _ms(at)})
    return name


def groups(standing: Mapping[str, Content], *, whole: bool) -> Iterator[list[str]]:
    """Names of batches that should become one, group by group.

    Parameters
    ----------
    standing : see `PositionStore.standing`.
    whole : of everything that is small; else of what came last, as far as it pays.
    """
    numbered = [name for name in standing if _matched(name)]
    for _, series in groupby(numbered, key=lambda name: _match(name)["series"]):
        batches = [(name, int(standing[name]["rows"])) for name in series][:-1]
        yield from _packed(batches if whole else _newest(batches))


def _newest(batches: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Batches never merged at the end, with merged ones before that all after them outweigh."""
    start, rows = len(batches), 0
    while start and (not _MERGED.fullmatch(batches[start - 1][0]) or batches[start - 1][1] <= rows):
        start -= 1
        rows += batches[start][1]
    return batches[start:]


def _packed(batches: list[tuple[str, int]]) -> Iterator[list[str]]:
    """Neighbours that are together `LARGE`, or what there is; large ones stay alone."""
    group, total = list[str](), 0
    for name, rows in batches:
        if rows < LARGE:
            group.append(name)
            total += rows
        if rows >= LARGE or total >= LARGE or len(group) == MOST_BATCHES:
            if len(group) > 1:
                yield group
            group, total = [], 0
    if len(group) > 1:
        yield group


def sweep(store: PositionStore, feed: str, *, at: datetime) -> int:
    """Remove batches that were merged `KEPT` ago; return how many files with rows they had."""
    markers, due, removed = store.markers(feed), _ms(at - KEPT), 0
    times = ((content.get("merged_ms"), name) for name, content in markers.items())
    for when, name in sorted((when, name) for when, name in times if when is not None):
        if when > due or name not in markers:
            continue
        for batch, old in list(_behind(markers, markers[name])):
            store.remove(feed, batch, old)
            del markers[batch]
            removed += len(old["files"])
        kept = {key: markers[name][key] for key in ("digest", "rows", "files")}
        store.mark(feed, name, kept)
    return removed


def _behind(markers: Mapping[str, Content], content: Content) -> Iterator[tuple[str, Content]]:
    """Batches that a merged one stands for and that are still there, each behind its own."""
    for old in content.get("instead_of", ()):
        name = old.rpartition(".")[0]
        # One that was written anew meanwhile is another.
        if name in markers and stem(name, markers[name]) == old:
            yield from _behind(markers, markers[name])
            yield name, markers[name]


def tidy(
    store: PositionStore, feed: str, *, at: datetime, report: Callable[[int, int, str], None]
) -> Tidied:
    """Merge everything that is small, and remove what merges left.

    Parameters
    ----------
    report : called with batches done, batches of this round, and the feed.

    Raises
    ------
    BusyError
        where another process merges this feed.
    """
    with _alone(store, feed):
        removed = sweep(store, feed, at=at)
        _remove_torn(store, feed)
        before = _files(store.standing(feed))
        while found := list(groups(store.standing(feed), whole=True)):
            done, total = 0, sum(map(len, found))
            for group in found:
                merge(store, feed, group, at=at)
                done += len(group)
                report(done, total, feed)
        after = _files(store.standing(feed))
        return Tidied(before, after, removed, _files(store.markers(feed)) - after)


def _files(batches: Mapping[str, Content]) -> int:
    return sum(len(content["files"]) for content in batches.values())


def _remove_torn(store: PositionStore, feed: str) -> None:
    """Remove files of merges that were killed before their marker was there."""
    whole = {stem(name, content) for name, content in store.markers(feed).items()}
    folder = store.folder(feed)
    for path in [*folder.glob("day=*/cell=*/*.parquet"), *folder.glob("_movers/*.json")]:
        if path.stem not in whole and _MERGED.fullmatch(path.stem.rpartition(".")[0]):
            path.unlink(missing_ok=True)


@contextmanager
def _alone(store: PositionStore, feed: str) -> Iterator[None]:
    """Be the only one who merges a feed."""
    folder = store.folder(feed)
    folder.mkdir(parents=True, exist_ok=True)
    busy = BusyError(f"another process merges positions of feed {feed}; try again")
    with hold_alone(folder / "_merge.lock", busy):
        yield


class Merger:
    """Merges what a feed commits, in a thread of its own.

    What fails is logged, and tried again with the next merge.

    Parameters
    ----------
    root : folder of the positions.
    feeds : that the commits belong to.
    every : commits between two merges.
    """

    def __init__(self, root: Path, feeds: Sequence[str], every: int = EVERY) -> None:
        self._store, self._feeds, self._every = PositionStore(root), feeds, every
        self._commits = 0
        self._worker = ThreadPoolExecutor(1, "merge-positions")
        self._work: Future[None] | None = None

    def note(self, at: datetime) -> None:
        """Take notice of a commit at a time; merge beside it if it is time to."""
        self._commits += 1
        if self._commits >= self._every and (self._work is None or self._work.done()):
            self._commits = 0
            self._work = self._worker.submit(self._merge, at)

    def wait(self) -> None:
        """Let a merge that was begun come to its end."""
        if self._work is not None:
            self._work.result()

    def _merge(self, at: datetime) -> None:
        for feed in self._feeds:
            try:
                with _alone(self._store, feed):
                    sweep(self._store, feed, at=at)
                    found = groups(self._store.standing(feed), whole=False)
                    for group in islice(found, _AT_ONCE):
                        merge(self._store, feed, group, at=at)
            except BusyError:
                _LOG.info("positions_not_merged", feed=feed, reason="another process merges them")
            except Exception:
                _LOG.warning("positions_not_merged", feed=feed, exc_info=True)


def _matched(name: str) -> re.Match[str] | None:
    return _MERGED.fullmatch(name) or _NUMBERED.fullmatch(name)


def _match(name: str) -> re.Match[str]:
    found = _matched(name)
    assert found is not None
    return found


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
