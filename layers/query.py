"""What can be asked of a layer, the same for every store and every door."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import shapely

Box = tuple[float, float, float, float]
SpatialPredicate = Literal[
    "intersects", "within", "contains", "disjoint", "crosses", "touches", "overlaps", "equals"
]


@dataclass(frozen=True)
class TimeInterval:
    """A closed span of time; None is an open end. An instant has equal ends. Ends are aware UTC."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class SortKey:
    """One key of an order; ``fid`` is always the last key, so that every order is total."""

    property: str
    descending: bool = False


@dataclass(frozen=True)
class Scope:
    """The rows that a reader may see; ANDed into every query of his by the store itself.

    Attributes
    ----------
    jurisdictions : prefixes of the codes of his subtrees (see `layers.subtrees`); None for all.
    departments : of layers whose rows are routed to departments, only those routed to one of
        these; None for all.
    """

    jurisdictions: tuple[str, ...] | None = None
    departments: tuple[str, ...] | None = None


EVERYTHING = Scope()


@dataclass(frozen=True)
class Query:
    """A question to one layer. All conditions hold together.

    Attributes
    ----------
    layer : id of the layer.
    bbox : (minx, miny, maxx, maxy) in EPSG:4326, closed; minx > maxx crosses the antimeridian.
    time : span that the layer's time field must meet.
    unknown_meets : whether a row without a time meets every ``time``, and one without a place every
        ``bbox``, as OGC API – Features has it (OGC 17-069r4, requirements fc-time-response C and
        fc-bbox-response C).
    where : CQL2-JSON expression as plain dicts (OGC 21-065); geometries in EPSG:4326.
    geometry, predicate : spatial condition on the row's geometry.
    cells : H3 cells, as integers, of any resolution not finer than the layer's.
    fids : the only ids wanted.
    jurisdiction : code prefix.
    as_of : the layer as it stood then; None for now.
    sort : keys; empty for the order of storage, which is the order of ``fid``.
    after : the `key` of the last row of the page before.
    offset, limit : page by number.
    properties : wanted properties; None for all.
    skip_geometry : leave the geometry out of the answer.
    scope : rows that the reader may see.
    """

    layer: str
    bbox: Box | None = None
    time: TimeInterval | None = None
    unknown_meets: bool = False
    where: dict[str, Any] | None = None
    geometry: shapely.Geometry | None = None
    predicate: SpatialPredicate = "intersects"
    cells: tuple[int, ...] | None = None
    fids: tuple[str, ...] | None = None
    jurisdiction: str | None = None
    as_of: datetime | None = None
    sort: tuple[SortKey, ...] = field(default=())
    after: tuple[Any, ...] | None = None
    offset: int = 0
    limit: int | None = None
    properties: tuple[str, ...] | None = None
    skip_geometry: bool = False
    scope: Scope = EVERYTHING

    @property
    def plain(self) -> bool:
        """Whether rows are chosen by scope and box alone, and come in the order of storage."""
        return self == Query(
            self.layer,
            bbox=self.bbox,
            unknown_meets=self.unknown_meets,
            after=self.after,
            offset=self.offset,
            limit=self.limit,
            properties=self.properties,
            skip_geometry=self.skip_geometry,
            scope=self.scope,
        )

    def but(self, **changes: Any) -> Query:
        """The same question with some conditions changed."""
        return replace(self, **changes)
