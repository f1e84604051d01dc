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
from layers.errors import OnemapError
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
    folder, played = inputs or home.demo, day or demo_day(city)
    asked = f"seed {seed}, day {played.isoformat()}, scale {float(scale):g}"
    # Asked before anything is built, so that the inputs of the other demo stay.
    _refuse_another(store, home, "demo:asked", asked)
    manifest = build(city, folder, seed=seed, day=played, scale=scale, progress=progress)
    rows = sum(entry.rows for entry in manifest.entries)
    yield Step("inputs", f"{len(manifest.entries)} files, {rows:,} rows in {folder} (synthetic)")
    files = sha256("".join(entry.sha256 for entry in manifest.entries).encode()).hexdigest()
    _refuse_another(store, home, "demo:files", files)
    _remember(store, "demo:asked", asked)
    _remember(store, "demo:files", files)
    key = sha256(f"{files} {manifest.declarations} {_rules(city)}".encode()).hexdigest()
    if _remembered(store, "demo") == key:
        yield Step("store", f"{home.shown} holds this demo already", done_before=True)
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


def _rules(city: City) -> str:
    """Hash of the declared rules: with another limit there is something to detect again."""
    declared = [city.rules[rule].model_dump(mode="json") for rule in sorted(city.rules)]
    return sha256(orjson.dumps(declared, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _refuse_another(store: Store, home: Home, name: str, value: str) -> None:
    held = _remembered(store, name)
    if held is None or held == value:
        return
    what = f"demo with {held}" if name == "demo:asked" else "demo made from other declarations"
    raise OnemapError(
        f"{home.shown} holds a {what}; two demos in one store would be mixed up: "
        f"name another store with --store, or remove this one and {home.positions}"
    )


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
        time=entry.time or None,
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
