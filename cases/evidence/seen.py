"""What a package is made of: the rows and positions of a city as one reader sees them."""

from __future__ import annotations

from typing import Protocol

import geopandas as gpd
import pyarrow as pa

from layers.city import City
from layers.positions import FIXES, IDENTITIES, PositionStore
from layers.query import Query, TimeInterval
from layers.store.base import Page, Store

_IDENTITY_FEED = "ais_identity"


class Seen(Protocol):
    """Rows and positions behind the walls of one reader.

    Whatever query it is handed, the reader's own scope is put into it. Rows of personal layers are
    nobody's.
    """

    @property
    def city(self) -> City:
        """Declarations."""

    @property
    def whole(self) -> bool:
        """Whether nothing of the city's operation is hidden from the reader."""

    def layers(self) -> list[str]:
        """Ids of the layers whose rows the reader may see."""

    def versions(self, query: Query) -> tuple[Page, list[TimeInterval]]:
        """All versions of rows (see `layers.store.Store.versions`)."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """Rows of a query (see `layers.store.Store.frame`)."""

    def fixes(self, feed: str, movers: list[str], start_ms: int, end_ms: int) -> pa.Table:
        """Fixes of movers in a half-open span, as `layers.positions.FIXES`, by (mover, t, pid)."""

    def said(self, movers: list[str], end_ms: int) -> pa.Table:
        """Static messages of vessels before a time, as `layers.positions.IDENTITIES`."""


class WholeCity:
    """All of a city, for whoever sits at the machine.

    Parameters
    ----------
    positions : None where no positions are kept.
    """

    whole = True

    def __init__(self, city: City, store: Store, positions: PositionStore | None) -> None:
        self.city, self._store, self._positions = city, store, positions

    def layers(self) -> list[str]:
        """See `Seen.layers`."""
        present = set(self._store.layers())
        specs = self.city.layers.values()
        return [s.id for s in specs if s.id in present and s.sensitivity != "personal"]

    def versions(self, query: Query) -> tuple[Page, list[TimeInterval]]:
        """See `Seen.versions`."""
        return self._store.versions(query)

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """See `Seen.frame`."""
        return self._store.frame(query)

    def fixes(self, feed: str, movers: list[str], start_ms: int, end_ms: int) -> pa.Table:
        """See `Seen.fixes`."""
        if self._positions is None:
            return FIXES.empty_table()
        return self._positions.scan(feed, movers=movers, start_ms=start_ms, end_ms=end_ms)

    def said(self, movers: list[str], end_ms: int) -> pa.Table:
        """See `Seen.said`."""
        if self._positions is None:
            return IDENTITIES.empty_table()
        return self._positions.scan(_IDENTITY_FEED, movers=movers, end_ms=end_ms)
