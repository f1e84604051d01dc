"""Run rules over columns: a whole history at once, or batch by batch with the state kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analytics.event import Event
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


def run_batches(rule: Rule, batches: Iterable[Columns]) -> tuple[list[Event], int]:
    """Find everything in batches that follow each other in time.

    Returns
    -------
    events sorted by id, each id once, and the number of rows that were read.
    """
    state, read = rule.start(), 0
    events: list[Event] = []
    for batch in batches:
        if not rows(batch):
            continue
        read += rows(batch)
        # So the state keeps only what the next rows need.
        events += rule.flush(state, int(batch["t"].min()))
        events += rule.update(state, batch)
    events += rule.flush(state, END_OF_TIME_MS)
    return distinct(events), read


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
