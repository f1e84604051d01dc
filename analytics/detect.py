"""Run rules over columns: a whole history at once, or batch by batch with the state kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analytics.event import Event
from analytics.preparation.stage import Preparation
from analytics.rule import Columns, Rule, State, dump_state, load_state, rows

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
            events, _ = run_step(rule, None, columns, END_OF_TIME_MS)
            found += events
    return distinct(found)


def run_batches(
    rules: Sequence[Rule], batches: Iterable[Columns], stage: Preparation | None = None
) -> tuple[dict[str, list[Event]], int]:
    """Find everything in batches that follow each other in time, all rules in one pass.

    Parameters
    ----------
    rules : rules on one feed.
    stage : what rows pass first, for AIS.

    Returns
    -------
    by rule's id its events sorted by id, each id once; and the number of rows that were read.
    """
    held = stage.start() if stage is not None else {}
    states = [rule.start() for rule in rules]
    events: list[list[Event]] = [[] for _ in rules]
    read = 0
    for batch in batches:
        if not rows(batch):
            continue
        read += rows(batch)
        begins = int(batch["t"].min())
        if stage is not None:
            # So the state keeps only what the next rows need.
            stage.flush(held, begins)
            batch = stage.update(held, batch)
        for rule, state, found in zip(rules, states, events, strict=True):
            found += rule.flush(state, begins)
            found += rule.update(state, batch)
    for rule, state, found in zip(rules, states, events, strict=True):
        found += rule.flush(state, END_OF_TIME_MS)
    ids = (rule.declaration.id for rule in rules)
    return {name: distinct(found) for name, found in zip(ids, events, strict=True)}, read


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
    """Events sorted by id; of equal ids the first is kept."""
    kept: dict[str, Event] = {}
    for event in events:
        kept.setdefault(event.id, event)
    return [kept[key] for key in sorted(kept)]
