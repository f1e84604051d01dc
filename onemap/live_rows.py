"""The rules on weighings and camera detections, live, behind whatever takes these in.

Both are rows of a layer. They are judged span by span, each once the clock is so far past its end
that nothing older is expected; findings, states and where the next span begins are one commit, so
that a process that is killed goes on behind its last. The first span begins with the oldest row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import orjson

from analytics import registry
from analytics.detect import Run
from analytics.event import Event
from analytics.history import ROWS_AT_ONCE, row_batches
from analytics.reference_rows import load_references, state_of_layers
from analytics.rule import Rule, rows
from layers.alone import hold_alone
from layers.city import City
from layers.errors import OnemapError
from layers.query import Query, SortKey, TimeInterval
from layers.store import Store
from layers.store.tables import instant_of
from onemap.home import Home
from onemap.pipeline import write_findings
from onemap.rule_states import RuleStates

FEEDS = ("weighing", "camera_detection")
LATENESS_S, EVERY_S = 60.0, 2.0
_LOCK = "rows.lock"


class Followed(NamedTuple):
    """How far a feed is judged: up to a time, and how many rows there were before it."""

    until_ms: int
    rows: int


class Looked(NamedTuple):
    """What one look left behind; ``late`` rows came too late to be judged and are only kept."""

    events: tuple[Event, ...]
    alerts: int
    cases: int
    late: int


class RowWatch:
    """Runs the rules on rows as they are taken in; one process for each store.

    Parameters
    ----------
    rules : ids of declared rules; all enabled ones that read rows by default.
    lateness_s : how much older than the clock a row may come and still be judged.

    Raises
    ------
    OnemapError
        for a rule that is not declared, or reads another feed; where there is none; where another
        process follows this store.
    """

    def __init__(
        self,
        city: City,
        store: Store,
        home: Home,
        *,
        rules: Sequence[str] | None = None,
        lateness_s: float = LATENESS_S,
    ) -> None:
        self.city, self.store, self._chosen = city, store, rules
        self._late = timedelta(seconds=lateness_s)
        self._read_rules()
        busy = OnemapError(f"another process follows the rows of {home.shown}")
        self._alone = hold_alone(home.folder / _LOCK, busy)
        self._states = RuleStates(store)

    def look(self, now: datetime) -> Looked:
        """Judge what is old enough by now, of every feed."""
        if state_of_layers(self.city, self.store) != self._references_state:
            self._read_rules()
        until_ms = round((now - self._late).timestamp() * 1000)
        looks = [self._follow(feed, own, until_ms, now) for feed, own in self._rules.items()]
        return Looked(
            tuple(event for look in looks for event in look.events),
            sum(look.alerts for look in looks),
            sum(look.cases for look in looks),
            sum(look.late for look in looks),
        )

    def stop(self) -> None:
        """Let another process follow."""
        self._alone.close()

    def _follow(self, feed: str, rules: list[Rule], until_ms: int, now: datetime) -> Looked:
        before = self._before(feed)
        if before is None or until_ms <= before.until_ms:
            return Looked((), 0, 0, 0)
        counted = self._count(feed, before.until_ms)
        run = Run(rules, None, None, self._states.of(rules, partial(_name, feed)))
        span = TimeInterval(instant_of(before.until_ms), instant_of(until_ms - 1))
        asked = Query(feed, time=span, sort=(SortKey("time"),))
        read = 0
        try:
            for columns in row_batches(
                feed, self.store.frames(asked, size=ROWS_AT_ONCE), self.city.crs
            ):
                read += rows(columns)
                run.take(columns)
            run.close(until_ms)
            events = tuple(run.told())
            # Not counted in the store: what was taken in meanwhile was not judged.
            after = Followed(until_ms, counted + read)
            with self.store.transaction() as unit:
                alerts, cases = write_findings(unit, self.city, events, at=now)
                self._states.put(unit)
                unit.put_state(_name(feed), orjson.dumps(after._asdict()))
        except BaseException:
            # What the rules hold in memory is ahead of what is stored.
            self._states.forget()
            raise
        return Looked(events, alerts, cases, max(0, counted - before.rows))

    def _before(self, feed: str) -> Followed | None:
        """How far the feed was followed; None where it has no row yet."""
        stored = self.store.state(_name(feed))
        if stored is not None:
            return Followed(**orjson.loads(stored))
        oldest = self.store.frame(
            Query(feed, sort=(SortKey("time"),), limit=1, properties=("time",))
        )
        return None if oldest.empty else Followed(_ms(oldest["time"].iloc[0]), 0)

    def _count(self, feed: str, until_ms: int) -> int:
        return self.store.count(Query(feed, time=TimeInterval(None, instant_of(until_ms - 1))))

    def _read_rules(self) -> None:
        # The number first: a change while reading is then seen at the next look.
        self._references_state = state_of_layers(self.city, self.store)
        built = registry.build(self.city, load_references(self.city, self.store), only=self._chosen)
        others = [rule.declaration.id for rule in built if rule.feed not in FEEDS]
        if self._chosen is not None and others:
            raise OnemapError(
                f"{', '.join(others)}: not a rule on weighings or camera detections; onemap watch "
                "and onemap terminals run those on vessels and trucks"
            )
        there = set(self.store.layers())
        self._rules: dict[str, list[Rule]] = {}
        for rule in built:
            if rule.feed in FEEDS and rule.feed in there:
                self._rules.setdefault(rule.feed, []).append(rule)
        if not self._rules:
            missing = "" if there.intersection(FEEDS) else "; the store has no such layers yet"
            raise OnemapError(f"no enabled rule reads weighings or camera detections{missing}")


def _name(*parts: str) -> str:
    return ":".join(("live:rows", *parts))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
