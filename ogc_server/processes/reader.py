"""The rows that an algorithm may read: those of one audience's catalogue, and nothing beside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import geopandas as gpd

from analytics.algorithm import InputError
from analytics.reader import Choice, SceneSeen
from layers.city import City
from layers.errors import QueryError
from layers.movers import Kind
from layers.positions import PositionStore
from layers.query import EVERYTHING, Query
from layers.spec import LayerSpec
from layers.store import Store
from layers.trajectory import Run
from ogc_server.catalogue import Catalogue
from ogc_server.coverages import rasters
from ogc_server.moving.movers import kinds, movers_of
from ogc_server.parameters import parse_items
from ogc_server.problem import RequestError
from ogc_server.times import parse_interval


class CatalogueReader:
    """The reader of a catalogue (see `analytics.reader.Reader`).

    Parameters
    ----------
    catalogue : of the audience that asked.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._store: Store = catalogue.store

    @property
    def city(self) -> City:
        """See `Reader.city`."""
        return self._catalogue.city

    @property
    def whole(self) -> bool:
        """See `Reader.whole`."""
        audience = self._catalogue.audience
        inside = {"public", "internal", "restricted"} <= audience.sensitivities
        return inside and audience.scope == EVERYTHING and audience.departments is None

    def layers(self) -> list[str]:
        """See `Reader.layers`."""
        return [spec.id for spec in self._catalogue]

    def layer(self, layer: str, named: str = "collection") -> LayerSpec:
        """See `Reader.layer`."""
        try:
            return self._catalogue.layer(layer)
        except RequestError:
            raise _no_layer(layer, named) from None

    def select(self, choice: Choice) -> Query:
        """See `Reader.select`."""
        spec = self.layer(choice.layer, choice.named)
        values = {"filter": choice.filter, "datetime": choice.datetime}
        given = {name: value for name, value in values.items() if value is not None}
        if choice.bbox is not None:
            given["bbox"] = ",".join(map(repr, choice.bbox))
        try:
            query = parse_items(self._catalogue, spec, given).query
        except RequestError as failure:
            name = failure.parameter or ""
            words = failure.description.removeprefix(f"{name}: ")
            name = choice.filtered_by if name == "filter" else name
            raise InputError(name, words) from failure
        return query.but(limit=None, properties=None)

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """See `Reader.frame`."""
        with _refused():
            return self._store.frame(self._walled(query))

    def frames(self, query: Query, size: int) -> Iterator[gpd.GeoDataFrame]:
        """See `Reader.frames`."""
        with _refused():
            yield from self._store.frames(self._walled(query), size)

    def count(self, query: Query) -> int:
        """See `Reader.count`."""
        with _refused():
            return self._catalogue.count(self._walled(query))

    def _walled(self, query: Query) -> Query:
        """Put the reader's walls into a question, whoever made it."""
        self.layer(query.layer)
        return query.but(scope=self._catalogue.audience.scope)

    def cell_counts(self, choice: Choice, resolution: int) -> dict[int, int]:
        """See `Reader.cell_counts`."""
        try:
            spec = self._catalogue.counted(choice.layer)
        except RequestError:
            raise _no_layer(choice.layer, choice.named) from None
        query = self._catalogue.everything(spec.id)
        if self._catalogue.audience.sees(spec):
            query = self.select(choice)
        elif (choice.filter, choice.bbox, choice.datetime) != (None, None, None):
            raise InputError("", f"'{spec.id}' is a personal layer: only its whole can be counted")
        with _refused():
            return self._catalogue.cell_counts(spec, query, resolution)

    def runs(self, kind: Kind, mover: str, span: tuple[int, int]) -> list[Run]:
        """See `Reader.runs`."""
        movers = movers_of(self._catalogue)
        if movers is None or kind not in kinds(self._catalogue):
            raise InputError("feed", f"there is no feed '{kind.feed}'")
        return movers.runs(kind, mover, span)

    def scene(self, raster: str, datetime: str | None) -> SceneSeen:
        """See `Reader.scene`."""
        found = rasters.raster(self._catalogue, raster)
        if found is None:
            raise InputError("raster", f"there is no raster '{raster[:60]}'")
        try:
            span = None if datetime is None else parse_interval(datetime)
            latest = found.at(span)[-1]
        except RequestError as failure:
            words = failure.description.removeprefix("datetime: ")
            raise InputError("raster_datetime", words) from failure
        return SceneSeen(found.spec, latest, found.ground)

    def all_positions(self) -> PositionStore:
        """See `Reader.all_positions`."""
        if self._catalogue.folder is None or not self.whole:
            raise InputError("", "no positions are kept here")
        return PositionStore(self._catalogue.folder / "positions")


def _no_layer(layer: str, named: str) -> InputError:
    return InputError(named, f"there is no layer '{layer[:60]}'")


@contextmanager
def _refused() -> Iterator[None]:
    """Tell a question that can't be computed as a fault of the inputs."""
    try:
        yield
    except QueryError as failure:
        raise InputError("", str(failure)) from failure
