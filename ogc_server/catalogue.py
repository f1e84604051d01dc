"""What one audience may see of a city: layers, their extents, counts and revisions."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from copy import copy
from pathlib import Path
from threading import Lock
from typing import TypeVar

import shapely

from layers.access import LOCAL, PUBLIC, Audience
from layers.aggregates import cell_counts
from layers.city import City
from layers.query import Box, Query, TimeInterval
from layers.spec import LayerSpec
from layers.store import Store
from ogc_server.places import published
from ogc_server.problem import not_found
from ogc_server.revisions import Revisions

__all__ = ["LOCAL", "PUBLIC", "Audience", "Catalogue", "Catalogues", "Memory"]

T = TypeVar("T")
CATALOGUE_KEY = "onemap.catalogue"
_KEPT = 2000
_AUDIENCES_KEPT = 64
# Whole documents are large, and each revision and each host name makes new ones.
_DOCUMENTS_KEPT = 16
# Of thousands of layers each changes alone, so their descriptions are kept one by one.
_DESCRIPTIONS_KEPT = 5000


class Memory:
    """A bounded, thread-safe memory of answers; the oldest unused ones go first."""

    def __init__(self, size: int = _KEPT) -> None:
        self._size, self._lock = size, Lock()
        self._kept: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer kept under a key, made where it is missing."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]  # type: ignore[return-value]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


class Catalogue:
    """The layers of a city for one audience.

    A layer is in the catalogue if it is declared, has a table in the store and is not above the
    audience. Counts and extents are remembered by the layer's revision, so that they are exact and
    cheap.

    Attributes
    ----------
    folder : where positions and what else is kept beside the store lie; None where nothing is.
    edition : differs with each start: only a restart changes declarations, pages and code.
    """

    def __init__(
        self, city: City, store: Store, audience: Audience = LOCAL, folder: Path | None = None
    ) -> None:
        self.city, self.store, self.audience, self.folder = city, store, audience, folder
        self.edition = secrets.token_hex(4)
        self._memory, self._documents = Memory(), Memory(_DOCUMENTS_KEPT)
        self._descriptions = Memory(_DESCRIPTIONS_KEPT)
        self._present: frozenset[str] = frozenset()
        self._listed: frozenset[str] | None = None
        self._specs = {key: published(spec) for key, spec in city.layers.items()}

    def __iter__(self) -> Iterator[LayerSpec]:
        """Specs of all layers, in the order of declaration."""
        self._present = frozenset(self.store.layers())
        for spec in self._specs.values():
            listed = self._listed is None or spec.id in self._listed
            if listed and spec.id in self._present and self.audience.sees(spec):
                yield spec

    def layer(self, layer: str) -> LayerSpec:
        """Spec of one layer; RequestError 404 where the audience has no such layer."""
        spec = self._specs.get(layer)
        if spec is not None and self.audience.sees(spec):
            if layer not in self._present:
                self._present = frozenset(self.store.layers())
            if layer in self._present:
                return spec
        raise not_found(f"collection '{layer}'")

    def at_hand(self, layer: str) -> bool:
        """Whether `layer` answers without a question to the store."""
        return layer in self._present

    def counted(self, layer: str) -> LayerSpec:
        """Spec of a layer whose numbers per cell the audience may see, else RequestError 404.

        Beside the layers of rows these are the personal ones, for the administration.
        """
        if self.is_counted(layer):
            return self._specs[layer]
        raise not_found(f"collection '{layer}'")

    def is_counted(self, layer: str) -> bool:
        """Whether `counted` gives the layer."""
        spec = self._specs.get(layer)
        if spec is None or not spec.has_geometry or not self.audience.counts(spec):
            return False
        if layer not in self._present:
            self._present = frozenset(self.store.layers())
        return layer in self._present

    def cell_counts(self, spec: LayerSpec, query: Query, resolution: int) -> dict[int, int]:
        """Rows per cell (see `layers.aggregates.cell_counts`), remembered by the revision.

        ``query`` is built on `everything`.
        """
        key = ("cells", resolution, self.revision(spec.id), _key(query))
        return self._memory.get(key, lambda: cell_counts(self.store, spec, query, resolution))

    def occupied(self, spec: LayerSpec, query: Query, resolution: int) -> list[int]:
        """Cells that rows touch, sorted; of a personal layer those whose number is shown."""
        if not self.audience.sees(spec):
            return list(self.cell_counts(spec, query, resolution))
        key = ("occupied", resolution, self.revision(spec.id), _key(query))
        return self._memory.get(key, lambda: self.store.occupied(query, resolution))

    def revision(self, layer: str) -> int:
        """Return number that grows with every change of the layer."""
        return self.store.revision(layer)

    def everything(self, layer: str) -> Query:
        """Return the question for all rows that the audience may see."""
        return Query(layer, scope=self.audience.scope)

    def count(self, query: Query, revision: int | None = None) -> int:
        """Exact number of rows, whatever the page."""
        bare = query.but(offset=0, limit=None, after=None, sort=(), properties=None)
        known = self.revision(query.layer) if revision is None else revision
        key = ("count", known, _key(bare))
        return self._memory.get(key, lambda: self.store.count(bare))

    def extent(self, layer: str, revision: int | None = None) -> Box | None:
        """Box around the layer's rows in EPSG:4326, None for an empty layer or a register.

        ``revision`` is the layer's where it is known already.
        """
        key = ("extent", layer, self.revision(layer) if revision is None else revision)
        return self._memory.get(key, lambda: self.store.extent(self.everything(layer)))

    def time_extent(self, spec: LayerSpec, revision: int | None = None) -> TimeInterval | None:
        """Earliest and latest time of the layer, None for a timeless or empty one."""
        if spec.time_field is None:
            return None
        key = ("time", spec.id, self.revision(spec.id) if revision is None else revision)
        query = self.everything(spec.id)
        return self._memory.get(key, lambda: self.store.time_extent(query))

    def recall(self, key: Hashable, make: Callable[[], T]) -> T:
        """Keep a small answer under a key that names what it depends on."""
        return self._memory.get(key, make)

    def state(self) -> tuple[tuple[str, int], ...]:
        """Layers with their revisions: equal states have equal descriptions."""
        revisions = self.store.revisions()
        return tuple((spec.id, revisions.get(spec.id, -1)) for spec in self)

    def only(self, layers: Collection[str]) -> Catalogue:
        """Return this catalogue as if it listed no more than some of its layers."""
        twin = copy(self)
        twin._listed = frozenset(layers)
        return twin

    def describe(self, key: Hashable, make: Callable[[], T]) -> T:
        """Keep the description of one layer under a key that names what it depends on."""
        return self._descriptions.get(key, make)

    def remember_fact(self, key: Hashable, make: Callable[[], T]) -> T:
        """Keep a small fact of the data under a key that names the revision it is of."""
        return self._memory.get(key, make)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Keep a document made from the catalogue under a key that names what it depends on."""
        return self._documents.get(key, make)


def _key(query: Query) -> str:
    geometry = None if query.geometry is None else shapely.to_wkb(query.geometry, hex=True)
    return repr((query.but(geometry=None), geometry))


class Catalogues:
    """The catalogue of each audience, made when the first of its readers comes.

    Parameters
    ----------
    folder : see `Catalogue`.
    """

    def __init__(self, city: City, store: Store, folder: Path | None = None) -> None:
        self.city, self.store, self.folder = city, store, folder
        self.revisions = Revisions(store)
        self._kept = Memory(_AUDIENCES_KEPT)

    def of(self, audience: Audience) -> Catalogue:
        """Return the catalogue of an audience."""
        return self._kept.get(
            audience, lambda: Catalogue(self.city, self.store, audience, self.folder)
        )
