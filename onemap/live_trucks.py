"""The rules on trucks, live, behind whatever keeps positions of trucks.

Positions are kept first, and whoever sent them is answered; the rules follow in a thread of their
own. They take spans of time one after the other, each once nothing older than its end is expected
any more: what is found in a span, the states and where the next span begins are one commit. A
process that is killed reads what was kept behind its last commit from the store again, so that
nothing is lost or doubled, whatever terminals send twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from analytics import registry
from analytics.content import content_version
from analytics.detect import Run
from analytics.event import Event
from analytics.feeds import gps_columns
from analytics.history import weighings
from analytics.reference_rows import ROADS, load_references, state_of_layers
from analytics.roads.stage import RoadMatching
from analytics.rule import RULES
from layers.alone import hold_alone
from layers.city import City
from layers.errors import OnemapError
from layers.positions import TRUCK_FIXES, PositionStore, each_once
from layers.store import Store
from onemap.home import Home
from onemap.pipeline import write_findings
from onemap.rule_states import RuleStates

FEED = "gps"
LATENESS_S, EVERY_S = 120.0, 5.0
_NAME = "live:trucks"
_LOCK = "trucks.lock"
_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
# The rules are followed by as much time without, and terminals wait where they fall this far back.
_SHARE, _MOST_ROWS = 1, 200_000


@dataclass(frozen=True)
class Judged:
    """What one commit left behind.

    Attributes
    ----------
    events : findings; ``alerts`` and ``cases`` of them are new.
    late : positions that came too late for the rules and are only kept.
    """

    events: tuple[Event, ...]
    alerts: int
    cases: int
    late: int


def has_truck_rules(city: City) -> bool:
    """Whether the city has an enabled rule that reads trucks."""
    enabled = (rule.kind for rule in city.rules.values() if rule.enabled)
    return any(RULES[kind].feed == FEED for kind in enabled if kind in RULES)


class TruckWatch:
    """Runs the rules on positions of trucks as they come; one process for each store.

    Parameters
    ----------
    now : the clock.
    rules : ids of declared rules; all enabled ones that read trucks by default.
    lateness_s : how much older than the newest one a position may come and still be judged.
    every_s : time between two commits, at least.
    report : called after each commit, in the thread of the rules.

    Raises
    ------
    OnemapError
        for a rule that is not declared, or reads another feed; where another process runs the rules
        on this store.
    """

    def __init__(
        self,
        city: City,
        store: Store,
        home: Home,
        now: Callable[[], datetime],
        *,
        rules: Sequence[str] | None = None,
        lateness_s: float = LATENESS_S,
        every_s: float = EVERY_S,
        report: Callable[[Judged], None] = lambda judged: None,
    ) -> None:
        self.city, self.store, self._now, self._chosen = city, store, now, rules
        self._late_ms, self._every = round(lateness_s * 1000), timedelta(seconds=every_s)
        self._report = report
        busy = OnemapError(
            f"another process runs the rules on trucks in {home.shown}; "
            "with --no-rules positions are only kept"
        )
        self._alone = hold_alone(home.folder / _LOCK, busy)
        self._positions = PositionStore(home.positions)
        self._states = RuleStates(store)
        self._read_rules()
        stored = store.state(_NAME)
        self._since: int | None = None if stored is None else orjson.loads(stored)["since_ms"]
        self._newest: int | None = None
        self._caught_up = False
        self._lock, self._waiting, self._fresh = Lock(), list[pa.Table](), 0
        self._worker = ThreadPoolExecutor(1, "truck-rules")
        self._working: Future[None] | None = None
        self._due: datetime | None = None

    def take(self, fixes: pa.Table) -> None:
        """Take positions that are kept already.

        Parameters
        ----------
        fixes : in the columns of `layers.positions.FIXES`.

        Raises
        ------
        Exception
            what went wrong with the rules before.
        """
        if not fixes.num_rows:
            return
        with self._lock:
            self._note(fixes)
            behind = self._fresh > _MOST_ROWS
        if self._working is not None and (behind or self._working.done()):
            self._working.result()
            self._working = None
        if self._working is None and (self._due is None or self._now() >= self._due):
            self._fresh = 0
            self._working = self._worker.submit(self._follow)

    def stop(self) -> None:
        """Judge what is old enough; the rest waits in the store for the next process."""
        try:
            if self._working is not None:
                self._working.result()
            if self._newest is not None:
                self._worker.submit(self._follow).result()
        finally:
            self._worker.shutdown()
            self._alone.close()

    def _note(self, fixes: pa.Table) -> None:
        t = fixes["t"].to_numpy()
        # A terminal whose clock runs ahead must not make all others late.
        newest = min(int(t.max()), round(self._now().timestamp() * 1000))
        self._newest = newest if self._newest is None else max(self._newest, newest)
        if self._since is None:
            # Whole days, as a run over everything reads them; but no clock that was set back.
            first = max(int(t.min()), newest - _DAY_MS)
            self._since = first // _DAY_MS * _DAY_MS
            with self.store.transaction() as unit:
                unit.put_state(_NAME, self._packed(self._since))
        self._waiting.append(fixes)
        self._fresh += fixes.num_rows

    def _follow(self) -> None:
        """Judge everything that is old enough."""
        begun = self._now()
        assert self._newest is not None and self._since is not None
        until = self._newest - self._late_ms
        if not self._caught_up:
            self._catch_up(until)
        if until > self._since:
            fixes, late = self._ripe(until)
            self._judge(fixes, until, late)
        self._due = begun + max(self._every, (1 + _SHARE) * (self._now() - begun))

    def _catch_up(self, until: int) -> None:
        """Judge what was kept before this process began, and let the rest of it wait."""
        while self._since is not None and self._since < until:
            end = min(self._since + _HOUR_MS, until)
            self._judge(self._positions.scan(FEED, start_ms=self._since, end_ms=end), end, 0)
        with self._lock:
            # All that came meanwhile is in the store as well.
            self._waiting = []
            self._waiting = [self._positions.scan(FEED, start_ms=self._since)]
        self._caught_up = True

    def _ripe(self, until: int) -> tuple[pa.Table, int]:
        """Positions up to a time, each once, and how many came too late to be among them."""
        with self._lock:
            tables = [TRUCK_FIXES.empty_table(), *self._waiting]
            # Only terminals tell all columns.
            table = pa.concat_tables(tables, promote_options="default")
            older = pc.less(table["t"], until)
            self._waiting = [table.filter(pc.invert(older))]
        ripe = table.filter(older)
        fixes = ripe.filter(pc.greater_equal(ripe["t"], self._since))
        return each_once(fixes), ripe.num_rows - fixes.num_rows

    def _judge(self, fixes: pa.Table, until: int, late: int) -> None:
        """Take the span up to a time through the rules, and commit all that follows from it."""
        assert self._since is not None
        if state_of_layers(self.city, self.store) != self._references_state:
            self._read_rules()
        try:
            run = self._run()
            weighed = weighings(self.store, self._since, until)
            run.take(gps_columns(fixes, weighed, self.city.crs))
            run.close(until)
            events = run.told()
            with self.store.transaction() as unit:
                alerts, cases = write_findings(unit, self.city, events, at=self._now())
                self._states.put(unit)
                unit.put_state(_NAME, self._packed(until))
        except BaseException:
            # What the rules hold in memory is ahead of what is stored.
            self._states.forget()
            raise
        self._since = until
        self._report(Judged(tuple(events), alerts, cases, late))

    def _run(self) -> Run:
        """The rules with their states, as they are in memory or stored."""
        content = self._stage.parameters.model_dump(mode="json")
        held = self._states.get(self._name("matching", content_version(content)), self._stage.start)
        return Run(self._rules, self._stage, held, self._states.of(self._rules, self._name))

    def _name(self, *parts: str) -> str:
        # States tell roads by their numbers: with other roads they begin anew.
        return ":".join((_NAME, *parts, f"roads-{self._roads}"))

    def _read_rules(self) -> None:
        # The numbers first: a change while reading is then seen at the next commit.
        self._references_state = state_of_layers(self.city, self.store)
        self._roads = self.store.revision(ROADS) if ROADS in self.store.layers() else 0
        references = load_references(self.city, self.store)
        built = registry.build(self.city, references, only=self._chosen)
        others = [rule.declaration.id for rule in built if rule.feed != FEED]
        if self._chosen is not None and others:
            raise OnemapError(f"{', '.join(others)}: not a rule on trucks; onemap detect runs it")
        self._rules = [rule for rule in built if rule.feed == FEED]
        stage = registry.stage(self.city, references, FEED)
        assert isinstance(stage, RoadMatching)
        self._stage = stage

    @staticmethod
    def _packed(since_ms: int) -> bytes:
        return orjson.dumps({"since_ms": since_ms})
