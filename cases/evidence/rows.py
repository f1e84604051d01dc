"""Rows as they stood at a moment, as far as the store knew at another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from cases.chain import digest_of
from cases.evidence.seen import Seen
from layers.query import Query
from layers.store.tables import instant_text

# then: the version that stood at the moment. kept_later: the store had none then, this is the first
# after. ended: it had none any more, this is the last one before.
Standing = Literal["then", "kept_later", "ended"]
# same: that version still stands. changed: another one does. deleted: none does.
Now = Literal["same", "changed", "deleted"]
_CHUNK = 500


@dataclass(frozen=True)
class Version:
    """One version of one row.

    Attributes
    ----------
    properties : JSON values.
    geometry : GeoJSON, EPSG:4326, 7 decimals; None for a row without place.
    start, end : from when to when it is true; None for a version that stands.
    """

    layer: str
    fid: str
    properties: dict[str, Any]
    geometry: dict[str, Any] | None
    start: datetime
    end: datetime | None

    @property
    def digest(self) -> str:
        """SHA-256 of what it says."""
        return digest_of({"properties": self.properties, "geometry": self.geometry})


@dataclass(frozen=True)
class History:
    """Versions of one row, the newest first; at least one."""

    versions: tuple[Version, ...]

    @property
    def first(self) -> datetime:
        """When the row came into the store."""
        return self.versions[-1].start

    def standing(self) -> Version | None:
        """Return the version that stands, None for a row that was deleted."""
        return self.versions[0] if self.versions[0].end is None else None

    def at(self, moment: datetime) -> tuple[Version, Standing]:
        """Return the version that stood at a moment, else the first after, else the last before."""
        begun = next((v for v in self.versions if v.start <= moment), None)
        if begun is not None and (begun.end is None or moment < begun.end):
            return begun, "then"
        later = [version for version in self.versions if version.start > moment]
        if later:
            return later[-1], "kept_later"
        return self.versions[0], "ended"

    def now(self, version: Version) -> Now:
        """Say what became of a version."""
        last = self.standing()
        if last is None:
            return "deleted"
        return "same" if last.digest == version.digest else "changed"


def histories(
    seen: Seen, layer: str, fids: Iterable[str], known_at: datetime
) -> dict[str, History]:
    """Versions of rows as the store knew them at a time, by id; rows without any are left out.

    Parameters
    ----------
    known_at : aware; what was written later is not there, what ended later still stands.
    """
    # No database keeps a text with a NUL in it.
    wanted = sorted({fid for fid in fids if "\0" not in fid})
    if not wanted or layer not in seen.layers():
        return {}
    found: dict[str, list[Version]] = {}
    for first in range(0, len(wanted), _CHUNK):
        page, spans = seen.versions(Query(layer, fids=tuple(wanted[first : first + _CHUNK])))
        rows = zip(page.fids, page.geometries, page.rows, spans, strict=True)
        for fid, geometry, row, span in rows:
            assert span.start is not None, "every version has a beginning"
            if span.start > known_at:
                continue
            found.setdefault(fid, []).append(
                Version(
                    layer,
                    fid,
                    {n: plain(v) for n, v in zip(page.names, row, strict=True)},
                    None if geometry is None else json.loads(geometry),
                    span.start,
                    None if span.end is None or span.end > known_at else span.end,
                )
            )
    return {fid: History(tuple(versions)) for fid, versions in found.items()}


def plain(value: Any) -> Any:
    """A cell as a JSON value: times as RFC 3339 in UTC, None for what is missing."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def moment_of(text: str) -> datetime:
    """Read a time that `plain` wrote."""
    return datetime.fromisoformat(text)


def told(history: History, moment: datetime) -> dict[str, Any]:
    """Tell of a row as it stood at a moment: a JSON object with its version."""
    version, standing = history.at(moment)
    return {
        "layer": version.layer,
        "id": version.fid,
        "properties": version.properties,
        "geometry": version.geometry,
        "valid_from": instant_text(version.start),
        "valid_to": None if version.end is None else instant_text(version.end),
        "sha256": version.digest,
        "standing": standing,
        "now": history.now(version),
    }
