"""What an algorithm may read: the rows of a city as one reader sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd
import shapely

from analytics.algorithm import InputError
from layers.city import City
from layers.movers import Kind
from layers.positions import PositionStore
from layers.query import Box, Query
from layers.rasters.archive import Scene
from layers.rasters.spec import RasterSpec
from layers.spec import LayerSpec
from layers.trajectory import Run

# Rows that an algorithm may hold at once; more have to be chosen from.
MOST_ROWS = 200_000


@dataclass(frozen=True)
class Choice:
    """Which rows of a layer, as inputs say it.

    Attributes
    ----------
    layer : id; ``named`` is the input that names it.
    filter : CQL2 text, given by the input ``filtered_by``.
    bbox : lon/lat box, EPSG:4326.
    datetime : RFC 3339 instant or interval.
    """

    layer: str
    filter: str | None = None
    bbox: Box | None = None
    datetime: str | None = None
    named: str = "collection"
    filtered_by: str = "filter"


@dataclass(frozen=True)
class SceneSeen:
    """One file of a raster, as a reader sees it.

    Attributes
    ----------
    spec : declaration of the raster.
    ground : where the reader may see its pixels, EPSG:4326; None for everywhere.
    """

    spec: RasterSpec
    scene: Scene
    ground: shapely.Geometry | None


class Reader(Protocol):
    """The rows of a city behind the walls of one reader.

    Whatever query it is handed, the reader's own scope is put into it; a layer that does not exist
    for the reader is refused in the same words as one that nobody has.
    """

    @property
    def city(self) -> City:
        """Declarations."""

    @property
    def whole(self) -> bool:
        """Whether nothing of the city's operation is hidden from the reader."""

    def layers(self) -> list[str]:
        """Ids of the layers whose rows the reader may see."""

    def layer(self, layer: str, named: str = "collection") -> LayerSpec:
        """Return a layer; InputError for the input ``named`` where the reader has none such."""

    def select(self, choice: Choice) -> Query:
        """Return the question for the chosen rows.

        Raises
        ------
        InputError
            naming the input at fault: an unknown layer, a filter that is none, a bad time.
        """

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """Rows of a query (see `layers.store.Store.frame`)."""

    def frames(self, query: Query, size: int) -> Iterator[gpd.GeoDataFrame]:
        """Rows of a query in frames of at most ``size`` rows."""

    def count(self, query: Query) -> int:
        """Exact number of a query's rows."""

    def cell_counts(self, choice: Choice, resolution: int) -> dict[int, int]:
        """Rows of each H3 cell, also of layers that may only be counted.

        See `layers.aggregates.cell_counts`; InputError for what can't be counted.
        """

    def runs(self, kind: Kind, mover: str, span: tuple[int, int]) -> list[Run]:
        """Runs of a mover that meet a closed span of UTC ms, in the order of time.

        What lies where the reader may not see is not there, and cuts; a mover that nobody knows has
        no runs. InputError where the reader may see no movers of that kind.
        """

    def scene(self, raster: str, datetime: str | None) -> SceneSeen:
        """Return the latest scene of a raster that a time meets.

        InputError, for ``raster`` or ``raster_datetime``, where the reader has none.
        """

    def all_positions(self) -> PositionStore:
        """Positions of all movers, for a reader of the whole city alone; else InputError."""


def chosen_rows(reader: Reader, choice: Choice, properties: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Rows of a choice with their geometries and some properties, ordered by ``fid``.

    Raises
    ------
    InputError
        for more than `MOST_ROWS`, beside what `Reader.select` refuses.
    """
    query = reader.select(choice).but(properties=properties)
    found = reader.count(query)
    if found > MOST_ROWS:
        words = f"{found:,} rows are chosen, at most {MOST_ROWS:,} can be; choose fewer by a filter"
        raise InputError(choice.named, words)
    return reader.frame(query)
