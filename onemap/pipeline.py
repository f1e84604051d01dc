"""From what was taken in to alerts and cases: the batch run, and its score against a truth file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from analytics import evaluate as scoring
from analytics import registry
from analytics.detect import run_batches
from analytics.event import Event, to_frame
from analytics.history import ROWS_AT_ONCE, row_batches, vessel_batches
from analytics.references import load_references
from analytics.rule import Columns
from cases.opening import open_cases, write_cases
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
    events : findings in all; ``new_alerts`` and ``new_cases`` were not there before.
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

    Each rule's alerts and cases are one transaction. A second run finds the same ids and changes
    nothing.

    Parameters
    ----------
    rules : ids of declared rules; all enabled ones by default.
    at : the clock.
    """
    chosen = registry.build(city, load_references(city, store), only=rules)
    found: list[Found] = []
    for number, rule in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen), rule.declaration.id)
        events, read = run_batches(rule, batches(city, store, home, rule.feed))
        with store.transaction() as unit:
            alerts, cases = write_findings(unit, store, city, events, at=at)
        found.append(Found(rule.declaration.id, read, len(events), alerts, cases))
    return found


def batches(city: City, store: Store, home: Home, feed: str) -> Iterator[Columns]:
    """Columns of a feed, no batch older than the one before (see `analytics.history`)."""
    if feed == "ais":
        yield from vessel_batches(PositionStore(home.positions), city.crs)
    elif feed in store.layers():
        frames = store.frames(Query(feed, sort=(SortKey("time"),)), size=ROWS_AT_ONCE)
        yield from row_batches(feed, frames, city.crs)


def write_findings(
    unit: Transaction, store: Store, city: City, events: Sequence[Event], *, at: datetime
) -> tuple[int, int]:
    """Write alerts and open a case for each that has none; return how many of each are new."""
    if not events:
        return 0, 0
    alerts = unit.upsert(city.layer("alert"), to_frame(events), at=at, source="analytics")
    cases = write_cases(unit, store, city, open_cases(city, events, at=at), at=at)
    return alerts.inserted, cases.inserted


def evaluate(city: City, store: Store, truth: Path) -> list[scoring.Score]:
    """Compare the store's alerts with a truth file, rule by rule.

    Alerts of earlier versions of a rule say nothing of the declared one and are left out.
    """
    planted = scoring.read_truth(truth)
    alerts = store.frame(Query("alert"))
    declared = {(rule.id, rule.version) for rule in city.rules.values()}
    found = zip(alerts["rule"], alerts["rule_version"], strict=True)
    return scoring.evaluate(alerts[[one in declared for one in found]], planted)
