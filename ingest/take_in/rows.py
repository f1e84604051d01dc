"""Rows on their way in: through the gate into one layer, the whole file in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ingest.gate import Gate, Rows
from ingest.take_in.receipt import Receipt
from layers.city import City
from layers.store import Store


def store_rows(
    city: City,
    store: Store,
    layer: str,
    gate: Gate,
    batches: Iterable[Rows],
    note: Receipt,
    *,
    at: datetime,
) -> None:
    """Check rows and keep the good ones; what the batches raise undoes nothing that came before.

    Parameters
    ----------
    layer : layer to fill.
    batches : rows as they are read; whoever makes them notes on the receipt why they end early.
    """
    spec = city.layer(layer)
    with store.transaction() as unit:
        for rows in batches:
            passed = gate.check(rows)
            note.add(passed.tally, passed.rejects)
            if len(passed.frame):
                unit.upsert(spec, passed.frame, at=at, source=note.id)
                note.accept(passed.frame[spec.id_field])
        note.write_lineage(unit, city, at)
