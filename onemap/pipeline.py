"""From what was taken in to alerts and cases: the batch run, and its score against a truth file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from analytics import evaluate as scoring
from analytics import reception, registry
from analytics.detect import run_batches
from analytics.event import Event, to_frame
from analytics.history import ROWS_AT_ONCE, row_batches, truck_batches, vessel_batches
from analytics.reference_rows import load_references
from analytics.rule import Columns, Rule
from analytics.rules.dark_gap import DarkGap
from cases.opening import write_cases
from layers.city import City
from layers.positions import PositionStore
from layers.query import Query, SortKey
from layers.store import Store
from layers.store.base import Transaction
from onemap.home import Home
from onemap.terminal import Report


@dataclass(frozen=True)
class Found:
    """What one rule found in a run.

    Attributes
    ----------
    rows : rows of its feed that it read.
    events : findings in all; ``new_alerts`` were not there before.
    new_cases : cases that its alerts opened; others joined cases that other alerts opened.
    """

    rule: str
    rows: int
    events: int
    new_alerts: int
    new_cases: int


def detect(
    city: City,
    store: Store,
    home: Home,
    *,
    at: datetime,
    rules: Sequence[str] | None = None,
    progress: Report | None = None,
) -> list[Found]:
    """Run rules over everything taken in; write their alerts and open the cases.

    Alerts and cases of all rules on one feed are one transaction: an episode's alerts open their
    joint case together, whichever rule found them. A second run finds the same ids and changes
    nothing.

    Parameters
    ----------
    rules : ids of declared rules; all enabled ones by default.
    at : the clock.
    """
    _learn_once(city, store, home, at)
    references = load_references(city, store)
    chosen = registry.build(city, references, only=rules)
    by_feed: dict[str, list[Rule]] = {}
    for rule in chosen:
        by_feed.setdefault(rule.feed, []).append(rule)
    found: dict[str, Found] = {}
    for feed, own in by_feed.items():
        if progress is not None:
            progress(len(found), len(chosen), ", ".join(rule.declaration.id for rule in own))
        stage = registry.stage(city, references, feed)
        events, read = run_batches(own, batches(city, store, home, feed), stage)
        with store.transaction() as unit:
            new = {name: _write_alerts(unit, city, told, at) for name, told in events.items()}
            every = [event for told in events.values() for event in told]
            opened = set(write_cases(unit, city, every, at=at).opened)
        for name, told in events.items():
            cases = sum(event.id in opened for event in told)
            found[name] = Found(name, read, len(told), new[name], cases)
    return [found[rule.declaration.id] for rule in chosen]


def _learn_once(city: City, store: Store, home: Home, at: datetime) -> None:
    """Learn what is not known yet; afterwards only `learn_reception` does it again."""
    wanted = any(rule.kind == DarkGap.kind for rule in city.rules.values())
    if wanted and reception.LAYER in store.layers() and not store.count(Query(reception.LAYER)):
        learn_reception(city, store, home, at=at)


def learn_reception(city: City, store: Store, home: Home, *, at: datetime) -> int:
    """Learn from everything taken in how AIS is received, anew; return how many cells it knows."""
    stage = registry.preparation(city)
    state = stage.start()
    prepared = (stage.update(state, batch) for batch in batches(city, store, home, "ais"))
    frame = reception.to_frame(reception.Learner().learn(prepared))
    with store.transaction() as unit:
        if len(frame):
            unit.upsert(city.layer(reception.LAYER), frame, at=at, source="analytics")
    return len(frame)


def batches(city: City, store: Store, home: Home, feed: str) -> Iterator[Columns]:
    """Columns of a feed, no batch older than the one before (see `analytics.history`)."""
    if feed == "ais":
        yield from vessel_batches(PositionStore(home.positions), city.crs)
    elif feed == "gps":
        yield from truck_batches(PositionStore(home.positions), store, city.crs)
    elif feed in store.layers():
        frames = store.frames(Query(feed, sort=(SortKey("time"),)), size=ROWS_AT_ONCE)
        yield from row_batches(feed, frames, city.crs)


def write_findings(
    unit: Transaction, city: City, events: Sequence[Event], *, at: datetime
) -> tuple[int, int]:
    """Write alerts, and open or widen their cases; return how many of each are new."""
    alerts = _write_alerts(unit, city, events, at)
    return alerts, len(write_cases(unit, city, events, at=at).opened)


def _write_alerts(unit: Transaction, city: City, events: Sequence[Event], at: datetime) -> int:
    # A replay tells again what lasted then; what ended since stands.
    lasting = tuple(event.id for event in events if event.open)
    there = set(unit.frame(Query("alert", fids=lasting))["alert_id"]) if lasting else set()
    fresh = [event for event in events if not (event.open and event.id in there)]
    if not fresh:
        return 0
    rows = to_frame(fresh)
    return unit.upsert(city.layer("alert"), rows, at=at, source="analytics").inserted


def evaluate(city: City, store: Store, truth: Path) -> list[scoring.Score]:
    """Compare the store's alerts with a truth file, rule by rule.

    Alerts of earlier versions of a rule say nothing of the declared one and are left out.
    """
    planted = scoring.read_truth(truth)
    alerts = store.frame(Query("alert"))
    declared = {(rule.id, rule.version) for rule in city.rules.values()}
    found = zip(alerts["rule"], alerts["rule_version"], strict=True)
    standing = np.array([one in declared for one in found], bool)
    return scoring.evaluate(alerts[standing], planted)
