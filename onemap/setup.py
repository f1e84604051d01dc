"""A store made ready: tables for every declared layer, declared rows loaded."""

from __future__ import annotations

from datetime import datetime

from ingest.take_in import layer as layer_input
from layers.city import City
from layers.feeds import Tally
from layers.store import Store
from onemap.home import Home


def create_layers(city: City, store: Store) -> None:
    """Make the table of every declared layer; harmless where they exist."""
    store.create(*city.layers.values())


def initialise(city: City, store: Store, home: Home, *, at: datetime) -> dict[str, Tally]:
    """Create all tables and load the rows that the city declares.

    Returns
    -------
    the account of each declared content, by layer.
    """
    create_layers(city, store)
    loaded: dict[str, Tally] = {}
    for content in city.declaration.contents:
        tally = layer_input.take_in(
            city,
            store,
            home.folder,
            content.layer,
            [city.path(content.file)],
            crs=content.crs,
            at=at,
        )
        loaded.setdefault(content.layer, Tally()).add(tally)
    return loaded
