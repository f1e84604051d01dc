"""The demo city, step by step; each step that is done is remembered in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import orjson

from ingest.simulator.build import build, demo_day
from ingest.simulator.declaration import ManifestEntry
from layers.city import City
from layers.store import Store
from onemap.home import Home
from onemap.intake import FEEDS, take_in
from onemap.pipeline import detect, evaluate
from onemap.setup import initialise
from onemap.terminal import Report

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Step:
    """One thing done, or found done already, in words."""

    what: str
    said: str
    done_before: bool = False


def play(
    city: City,
    store: Store,
    home: Home,
    *,
    seed: int,
    day: date | None,
    scale: float,
    clock: Clock,
    progress: Report,
    inputs: Path | None = None,
) -> Iterator[Step]:
    """Build the inputs, make the store, take every input in, detect, evaluate.

    Parameters
    ----------
    day : city day to play; the one of the city's ``demo.yaml`` by default.
    scale : share of the full size; what is planted is always there.
    inputs : where the generated files lie; the city's ``demo`` folder by default.
    """
    folder = inputs or home.demo
    manifest = build(
        city, folder, seed=seed, day=day or demo_day(city), scale=scale, progress=progress
    )
    rows = sum(entry.rows for entry in manifest.entries)
    yield Step("inputs", f"{len(manifest.entries)} files, {rows:,} rows in {folder} (synthetic)")
    key = sha256("".join(entry.sha256 for entry in manifest.entries).encode()).hexdigest()
    if _remembered(store, "demo") == key:
        yield Step("store", f"{home.store_url} holds this demo already", done_before=True)
        return
    for layer, tally in initialise(city, store, home, at=clock()).items():
        yield Step(layer, tally.sentence())
    for entry in manifest.entries:
        if entry.feed in FEEDS:
            yield _take_in(city, store, home, folder, entry, clock, progress)
    found = detect(city, store, home, at=clock(), progress=progress)
    for result in found:
        yield Step(
            result.rule,
            f"{result.events} events from {result.rows:,} rows, {result.new_cases} cases opened",
        )
    for score in evaluate(city, store, folder / "truth.json"):
        yield Step(
            f"{score.rule} against truth",
            f"precision {_share(score.precision)}, recall {_share(score.recall)}, "
            f"{score.silent} of {score.near_misses} near misses silent",
        )
    _remember(store, "demo", key)


def _take_in(
    city: City,
    store: Store,
    home: Home,
    folder: Path,
    entry: ManifestEntry,
    clock: Clock,
    progress: Report,
) -> Step:
    name = f"demo:{entry.file}"
    if _remembered(store, name) == entry.sha256:
        return Step(entry.file, "taken in before", done_before=True)
    tally = take_in(
        city,
        store,
        home,
        entry.feed,
        [folder / entry.file],
        layer=entry.layer,
        crs=entry.crs,
        at=clock(),
        progress=progress,
    )
    _remember(store, name, entry.sha256)
    return Step(entry.file, tally.sentence())


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _remembered(store: Store, name: str) -> str | None:
    state = store.state(name)
    return None if state is None else str(orjson.loads(state))


def _remember(store: Store, name: str, value: str) -> None:
    with store.transaction() as unit:
        unit.put_state(name, orjson.dumps(value))
