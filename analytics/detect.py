"""Run rules over columns: a whole history at once, or batch by batch with the state kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analytics.collector import few_collections
from analytics.event import Event
from analytics.rule import Columns, Rule, Stage, State, dump_state, load_state, rows

# A watermark behind which no row can come.
END_OF_TIME_MS = 2**62


def run_batch(rules: Sequence[Rule], columns_by_feed: Mapping[str, Columns]) -> list[Event]:
    """Find everything in a history: update over all rows, then flush.

    Parameters
    ----------
    rules : see `analytics.registry.build`.
    columns_by_feed : columns of each feed (see `analytics.feeds`); a rule whose feed is absent
        finds nothing.

    Returns
    -------
    events sorted by id, each id once.
    """
    found: list[Event] = []
    for rule in rules:
        columns = columns_by_feed.get(rule.feed)
        if columns is not None:
            state = rule.start()
            found += rule.update(state, columns)
            if rows(columns):
                found += rule.flush(state, int(columns["t"].max()) + 1)
            found += rule.flush(state, END_OF_TIME_MS)
    return distinct(found)


def run_batches(
    rules: Sequence[Rule],
    batches: Iterable[Columns],
    stage: Stage | None = None,
    heard_until_ms: int | None = None,
) -> tuple[dict[str, list[Event]], int]:
    """Find everything in batches that follow each other in time, all rules in one pass.

    Parameters
    ----------
    rules : rules on one feed.
    stage : what rows pass first.
    heard_until_ms : time of the feed's last row, where these are only a part of its rows.

    Returns
    -------
    by rule's id its events sorted by id, each id once; and the number of rows that were read.
    """
    run = Run(rules, stage)
    read, newest = 0, heard_until_ms
    with few_collections():
        for batch in batches:
            if rows(batch):
                read += rows(batch)
                latest = int(batch["t"].max())
                newest = latest if newest is None else max(newest, latest)
                run.close(int(batch["t"].min()))
                run.take(batch)
            # Or it would stay while the next one is read.
            del batch
        run.close(END_OF_TIME_MS, None if newest is None else newest + 1)
    return run.events(), read


class Run:
    """Rules on one feed behind a stage, with their states, over batches in the order of time.

    Parameters
    ----------
    rules, stage : see `run_batches`.
    held, states : of the stage and of the rules, changed in place; from the start by default.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        stage: Stage | None,
        held: State | None = None,
        states: Sequence[State] | None = None,
    ) -> None:
        self._rules, self._stage = rules, stage
        begun = stage.start() if stage is not None else {}
        self._held = begun if held is None else held
        self._states = [rule.start() for rule in rules] if states is None else states
        self._found: list[list[Event]] = [[] for _ in rules]

    def take(self, batch: Columns) -> None:
        """Take rows in, none older than a watermark given before."""
        if self._stage is not None:
            batch = self._stage.update(self._held, batch)
        self._update(batch)

    def close(self, watermark_ms: int, heard_until_ms: int | None = None) -> None:
        """Close what is over by a time before which no more rows will come.

        Parameters
        ----------
        heard_until_ms : where that is the end of all time, how far the feed was heard.
        """
        if self._stage is not None:
            # So the state keeps only what the next rows need.
            given = self._stage.flush(self._held, watermark_ms)
            if given is not None:
                self._update(given)
            oldest = self._stage.oldest(self._held)
            watermark_ms = watermark_ms if oldest is None else min(watermark_ms, oldest)
        for rule, state, found in zip(self._rules, self._states, self._found, strict=True):
            if heard_until_ms is not None:
                found += rule.flush(state, heard_until_ms)
            found += rule.flush(state, watermark_ms)

    def events(self) -> dict[str, list[Event]]:
        """By rule's id what it found, sorted by id, each id once."""
        ids = (rule.declaration.id for rule in self._rules)
        return {name: distinct(found) for name, found in zip(ids, self._found, strict=True)}

    def told(self) -> list[Event]:
        """What all rules found, rule by rule, each in the order of `events`."""
        return [event for found in self.events().values() for event in found]

    def _update(self, batch: Columns) -> None:
        if rows(batch):
            for rule, state, found in zip(self._rules, self._states, self._found, strict=True):
                found += rule.update(state, batch)


def run_step(
    rule: Rule, stored: bytes | None, columns: Columns, watermark_ms: int | None = None
) -> tuple[list[Event], bytes]:
    """Take one batch in, as a live feed does, between two stored states.

    Parameters
    ----------
    stored : what the step before returned; None before the first.
    columns : the batch, sorted by (mover, t); no row is older than an earlier batch's rows of the
        same subject.
    watermark_ms : time before which no more rows will come; None to close nothing yet.

    Returns
    -------
    events that the batch completed, and the state to store with them.
    """
    state: State = load_state(stored) or rule.start()
    events = rule.update(state, columns)
    if watermark_ms is not None:
        events += rule.flush(state, watermark_ms)
    return events, dump_state(state)


def distinct(events: Iterable[Event]) -> list[Event]:
    """Events sorted by id; of equal ids the first that is not open is kept, else the first."""
    kept: dict[str, Event] = {}
    for event in events:
        if kept.setdefault(event.id, event).open and not event.open:
            kept[event.id] = event
    return [kept[key] for key in sorted(kept)]
