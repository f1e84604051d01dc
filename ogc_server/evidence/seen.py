"""What a package for one reader is made of: the rows and fixes behind his walls (see `Seen`)."""

from __future__ import annotations

import geopandas as gpd
import pyarrow as pa

from layers.city import City
from layers.positions import FIXES, IDENTITIES, PositionStore
from layers.query import EVERYTHING, Query, TimeInterval
from layers.store.base import Page
from ogc_server.catalogue import Catalogue
from ogc_server.moving.movers import kinds, movers_of
from ogc_server.processes.reader import CatalogueReader


class CatalogueSeen:
    """Rows and positions of a catalogue (see `cases.evidence.seen.Seen`).

    Parameters
    ----------
    catalogue : of the audience that asked.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def city(self) -> City:
        """See `Seen.city`."""
        return self._catalogue.city

    @property
    def whole(self) -> bool:
        """See `Seen.whole`."""
        return CatalogueReader(self._catalogue).whole

    def layers(self) -> list[str]:
        """See `Seen.layers`."""
        return [spec.id for spec in self._catalogue]

    def versions(self, query: Query) -> tuple[Page, list[TimeInterval]]:
        """See `Seen.versions`."""
        return self._catalogue.store.versions(self._walled(query))

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """See `Seen.frame`."""
        return self._catalogue.store.frame(self._walled(query))

    def _walled(self, query: Query) -> Query:
        """Put the reader's walls into a question, whoever made it."""
        self._catalogue.layer(query.layer)
        return query.but(scope=self._catalogue.audience.scope)

    def fixes(self, feed: str, movers: list[str], start_ms: int, end_ms: int) -> pa.Table:
        """See `Seen.fixes`: of movers that exist for the reader, where he may see."""
        there = movers_of(self._catalogue)
        kind = next((one for one in kinds(self._catalogue) if one.feed == feed), None)
        if there is None or kind is None:
            return FIXES.empty_table()
        return there.fixes(kind, movers, (start_ms, end_ms - 1))

    def said(self, movers: list[str], end_ms: int) -> pa.Table:
        """See `Seen.said`: what a vessel says of itself has no place, so it is for the whole."""
        seen = any(kind.feed == "ais" for kind in kinds(self._catalogue))
        folder, scope = self._catalogue.folder, self._catalogue.audience.scope
        if folder is None or not seen or scope != EVERYTHING:
            return IDENTITIES.empty_table()
        positions = PositionStore(folder / "positions")
        return positions.scan("ais_identity", movers=movers, end_ms=end_ms)
