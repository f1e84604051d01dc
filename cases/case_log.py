"""The log of cases and joint tasks: entries as rows, and whether a chain is whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyproj
import shapely

from cases.case_rows import CASE, LOG, TASK, Row
from cases.chain import GENESIS, Link, link
from cases.chain import verify as verify_links
from layers.jurisdictions import representative_points
from layers.query import EVERYTHING, Query, Scope, SortKey
from layers.store.base import Page
from layers.store.tables import instant_text

_GEOD = pyproj.Geod(ellps="WGS84")
_TIMES = ("at", "due_at")
# What the digest of an entry stands for.
CHAINED = (
    "case_id",
    "action",
    "before",
    "after",
    "actor",
    "role",
    "at",
    "why",
    "lon",
    "lat",
    "photos",
    "details",
    "event_type",
    "origin",
    "level",
    "unit",
    "department",
    "departments",
    "due_at",
    "key",
)


class Reader(Protocol):
    """What pages are read from: a store, or a transaction."""

    def page(self, query: Query) -> Page:
        """Read one page."""


@dataclass(frozen=True)
class Verified:
    """Whether the chain of a case is whole.

    Attributes
    ----------
    entries : how many there are.
    broken : number of the first entry that is not as it was written, None for a whole chain.
    agrees : whether the case itself names the last entry.
    """

    entries: int
    broken: int | None
    agrees: bool

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, left out, put in or cut off."""
        return self.broken is None and self.agrees


def entry(content: Row, seq: int, previous: str | None, shape: Any) -> Row:
    """Row of the log that follows an entry.

    Parameters
    ----------
    content : values of `CHAINED`.
    seq : number of the entry, from 1.
    previous : digest of the entry before, None for the first.
    shape : geometry of the case, or None.
    """
    made = link(previous or GENESIS, _content(content), seq=seq)
    point = None if shape is None else representative_points(np.array([shape], object))[0]
    return content | {
        "log_id": f"{content['case_id']}.{seq:04d}",
        "seq": seq,
        "distance_m": _distance_m(content, shape),
        "previous": made.previous,
        "digest": made.digest,
        "geometry": point,
    }


def entries(source: Reader, case_id: str, scope: Scope = EVERYTHING) -> list[Row]:
    """Entries of a case or joint task in order, as far as a reader sees them."""
    where = {"op": "=", "args": [{"property": "case_id"}, case_id]}
    asked = Query(LOG, where=where, sort=(SortKey("seq"),), skip_geometry=True, scope=scope)
    page = source.page(asked)
    return [dict(zip(page.names, row, strict=True)) for row in page.rows]


def verify(source: Reader, case_id: str) -> Verified:
    """Check the chain of a case or joint task, and that it ends where its row says."""
    rows = entries(source, case_id)
    links = [Link(row["seq"], row["previous"], _content(row), row["digest"]) for row in rows]
    broken = verify_links(links)
    last = (rows[-1]["seq"], rows[-1]["digest"]) if rows else (0, None)
    return Verified(
        entries=len(rows),
        broken=None if broken is None else broken + 1,
        agrees=last == _head(source, case_id),
    )


def last_entry(source: Reader, case_id: str) -> Row | None:
    """Newest entry of a case, None where there is none."""
    where = {"op": "=", "args": [{"property": "case_id"}, case_id]}
    newest = (SortKey("seq", descending=True),)
    page = source.page(Query(LOG, where=where, sort=newest, limit=1, skip_geometry=True))
    return dict(zip(page.names, page.rows[0], strict=True)) if page.rows else None


def _head(source: Reader, case_id: str) -> tuple[int, str | None]:
    for layer in (CASE, TASK):
        asked = Query(layer, fids=(case_id,), skip_geometry=True)
        page = source.page(asked.but(properties=("version", "log_digest")))
        for row in page.rows:
            found = dict(zip(page.names, row, strict=True))
            return found["version"] or 0, found["log_digest"]
    return 0, None


def _content(row: Row) -> dict[str, Any]:
    content = {name: row.get(name) for name in CHAINED}
    for name in _TIMES:
        moment = content[name]
        content[name] = instant_text(moment) if isinstance(moment, datetime) else None
    return content


def _distance_m(content: Row, shape: Any) -> float | None:
    """Geodesic distance from who acted to the nearest point of the case."""
    if shape is None or content["lon"] is None:
        return None
    nearest = shapely.shortest_line(shapely.Point(content["lon"], content["lat"]), shape)
    (lon, lat), (to_lon, to_lat) = nearest.coords
    return round(float(_GEOD.inv(lon, lat, to_lon, to_lat)[2]), 1)
