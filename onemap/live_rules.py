"""The rules on a live AIS feed, and how they outlive the process.

States of all rules are large, and each batch changes most of them. So they are written every few
seconds, and in between each commit adds its rows to a journal: states are what was written last,
with the journal's rows taken through the rules again. What is found again has the id that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from analytics import registry
from analytics.content import content_version
from analytics.detect import END_OF_TIME_MS, Run, distinct
from analytics.event import Event
from analytics.feeds import ais_columns
from analytics.reference_rows import load_references, state_of_layers
from layers.city import City
from layers.errors import OnemapError
from layers.positions import FIXES, IDENTITIES
from layers.store import Store
from layers.store.base import Transaction
from onemap.live_journal import Journal, Ripe
from onemap.rule_states import RuleStates

FEED = "ais"
EVERY, MOST_ROWS = timedelta(seconds=5), 50_000
_FLUSH_MS = 2_000
_NOBODY, _FISHING = "200000000", 30


class LiveRules:
    """Stage and rules of one feed.

    Parameters
    ----------
    name : under which states are kept; the same name goes on where it stopped.
    only : ids of declared rules; all enabled ones that read AIS by default.

    Raises
    ------
    OnemapError
        for a rule that is not declared, or reads another feed.
    """

    def __init__(
        self, city: City, store: Store, name: str, only: Sequence[str] | None = None
    ) -> None:
        self._city, self._store, self._name, self._only = city, store, name, only
        self._stage = registry.preparation(city)
        self._read_rules()
        self._states = RuleStates(store)
        self._journal: Journal | None = None
        self._taken: Ripe | None = None
        self._put_at: datetime | None = None
        self._flushed_ms: int | None = None

    def take(self, ripe: Ripe) -> list[Event]:
        """Find, with registers, zones and whatever else rules refer to as they are now.

        Parameters
        ----------
        ripe : rows, none older than a watermark given before.

        Returns
        -------
        events; the first time also those that the journal's rows had given.
        """
        events = self._resume()
        if state_of_layers(self._city, self._store, haulage=False) != self._references_state:
            # What came until now was judged by the old ones.
            with self._store.transaction() as unit:
                self._put_states(unit)
            self._read_rules()
        events += self._find(ripe)
        self._taken = ripe
        # What the journal's rows told may be told again, or its end.
        return distinct(events)

    def put(self, unit: Transaction, *, at: datetime) -> None:
        """Write the states, or the rows taken in last."""
        assert self._journal is not None and self._taken is not None, "nothing was taken in"
        late = self._put_at is None or at - self._put_at >= EVERY
        if late or self._journal.rows >= MOST_ROWS:
            self._put_states(unit)
            self._put_at = at
        elif self._taken.fixes.num_rows or self._taken.identities.num_rows:
            self._journal.add(unit, self._taken)

    def rest(self, unit: Transaction) -> None:
        """Write the states, where the process ends: whoever goes on has no rows to take again."""
        if self._journal is not None:
            self._put_states(unit)

    def look_ahead(self, watermark_ms: int | None) -> list[Event]:
        """What would be found if nothing more came; the rules go on from what is stored."""
        events = self._resume()
        run = self._run()
        run.close(END_OF_TIME_MS, watermark_ms)
        self.forget()
        return distinct(events + run.told())

    def forget(self) -> None:
        """Drop what is in memory, where it is ahead of what is stored."""
        self._states.forget()
        self._journal = self._taken = self._put_at = self._flushed_ms = None

    def warm_up(self) -> None:
        """Load what the first batch would have to wait for, such as the rules' compiled loops."""
        lon, lat = np.reshape(self._city.declaration.bounds, (2, 2)).mean(axis=0).tolist()
        fixes = [_made_up(number, lon, lat) for number in range(3)]
        said = {"mover": _NOBODY, "t": 0, "name": "", "ship_type": _FISHING, "pid": ""}
        columns = ais_columns(
            pa.Table.from_pylist(fixes, schema=FIXES),
            pa.Table.from_pylist([said], schema=IDENTITIES),
            self._city.crs,
        )
        # Of what is found nothing is kept.
        Run(self._rules, self._stage).take(columns)

    def _resume(self) -> list[Event]:
        if self._journal is not None:
            return []
        self._journal = Journal(self._store, self._named("journal"))
        return [event for ripe in self._journal.begun for event in self._find(ripe)]

    def _find(self, ripe: Ripe) -> list[Event]:
        run = self._run()
        run.take(ais_columns(ripe.fixes, ripe.identities, self._city.crs))
        closing = self._closing(ripe.watermark_ms)
        if closing is not None:
            run.close(closing)
        return run.told()

    def _run(self) -> Run:
        """The rules with their states, as they are in memory or stored."""
        content = content_version(self._stage.parameters.model_dump(mode="json"))
        held = self._states.get(self._named("preparation", content), self._stage.start)
        return Run(self._rules, self._stage, held, self._states.of(self._rules, self._named))

    def _named(self, *parts: str) -> str:
        return ":".join((self._name, *parts))

    def _closing(self, watermark_ms: int | None) -> int | None:
        """A watermark to close behind; not each one, since that goes over all vessels."""
        passed = self._flushed_ms
        if watermark_ms is None or (passed is not None and watermark_ms - passed < _FLUSH_MS):
            return None
        self._flushed_ms = watermark_ms
        return watermark_ms

    def _put_states(self, unit: Transaction) -> None:
        self._states.put(unit)
        if self._journal is not None:
            self._journal.clear(unit)

    def _read_rules(self) -> None:
        # The number first: a change while reading is then seen at the next commit.
        self._references_state = state_of_layers(self._city, self._store, haulage=False)
        references = load_references(self._city, self._store, haulage=False)
        built = registry.build(self._city, references, only=self._only)
        others = [rule.declaration.id for rule in built if rule.feed != FEED]
        if self._only is not None and others:
            raise OnemapError(f"{', '.join(others)}: not a rule on AIS; onemap detect runs it")
        self._rules = [rule for rule in built if rule.feed == FEED]


def _made_up(number: int, lon: float, lat: float) -> dict[str, object]:
    plain = dict.fromkeys(("sog_mps", "cog_deg", "heading_deg"), 1.0)
    coded = {"nav": 0, "acc": 255, "quality": 0, "h3": 0, "receiver": "", "pid": str(number)}
    return {"mover": _NOBODY, "t": 60_000 * number, "lon": lon, "lat": lat, **plain, **coded}
