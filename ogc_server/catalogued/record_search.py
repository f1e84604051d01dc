"""Searching records: the parameters of OGC 20-004r1, read strictly and applied in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import shapely

from layers.query import Box, TimeInterval
from ogc_server.catalogued.records import Record
from ogc_server.cells.dggs_asked import whole
from ogc_server.problem import bad_parameter
from ogc_server.times import parse_instant, parse_interval

PARAMETERS = (
    "q", "bbox", "datetime", "type", "ids", "externalIds", "sortby", "limit", "offset",
)  # fmt: skip
SORTABLES = ("id", "type", "title", "updated")
DEFAULT_LIMIT, MOST = 100, 1000
_LONGEST = 2000


@dataclass(frozen=True)
class Found:
    """One page of what a search found.

    Attributes
    ----------
    records : of the page.
    total : number of all that match.
    limit, offset : the page.
    """

    records: list[Record]
    total: int
    limit: int
    offset: int


def search(records: Iterable[Record], values: Mapping[str, str]) -> Found:
    """Return the records that meet all parameters.

    Raises
    ------
    RequestError
        400 naming the parameter that has a value that can't be used.
    """
    limit = min(whole(values, "limit", DEFAULT_LIMIT, 1, None), MOST)
    offset = whole(values, "offset", 0, 0, 10**9)
    terms = [" ".join(part.casefold().split()) for part in _list(values, "q")]
    ids, types = set(_list(values, "ids")), set(_list(values, "type"))
    external = _list(values, "externalIds")
    boxes = [shapely.box(*half) for half in _halves(_bbox(values))]
    time = parse_interval(values["datetime"]) if "datetime" in values else None
    kept = [
        record
        for record in records
        if (not terms or any(term in record.text for term in terms))
        and (not ids or record.document["id"] in ids)
        and (not types or record.document["properties"]["type"] in types)
        and (not external or _has(record, external))
        and (not boxes or _meets(record, boxes))
        and (time is None or _during(record, time))
    ]
    for name, down in reversed(_sort(values)):
        kept.sort(key=lambda record: _key(record, name), reverse=down)
    return Found(kept[offset : offset + limit], len(kept), limit, offset)


def _list(values: Mapping[str, str], name: str) -> list[str]:
    text = values.get(name, "")
    if len(text) > _LONGEST:
        raise bad_parameter(name, f"is longer than {_LONGEST} characters")
    # An empty value is as if the parameter were not given (requirement …/empty-value).
    return [part.strip() for part in text.split(",") if part.strip()]


def _has(record: Record, wanted: list[str]) -> bool:
    """Whether one of the external ids is meant: ``scheme:value``, a value, or ``scheme:``."""
    own = record.document["properties"].get("externalIds", [])
    names = {one["value"] for one in own}
    names |= {f"{one['scheme']}:{one['value']}" for one in own}
    names |= {f"{one['scheme']}:" for one in own} | {one["scheme"] for one in own}
    return not names.isdisjoint(wanted)


def _bbox(values: Mapping[str, str]) -> Box | None:
    if not values.get("bbox"):
        return None
    try:
        numbers = [float(part) for part in values["bbox"].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    fits = len(numbers) == 4 and all(abs(n) <= 360 for n in numbers) and numbers[1] <= numbers[3]
    if not fits:
        raise bad_parameter("bbox", f"found {values['bbox'][:80]!r}, expected minx,miny,maxx,maxy")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _halves(box: Box | None) -> list[Box]:
    if box is None:
        return []
    minx, miny, maxx, maxy = box
    if minx <= maxx:
        return [box]
    return [(minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy)]


def _meets(record: Record, boxes: list[shapely.Polygon]) -> bool:
    if record.box is None:
        return False
    own = shapely.box(*record.box)
    return any(own.intersects(box) for box in boxes)


def _during(record: Record, time: TimeInterval) -> bool:
    # A timeless resource meets every time, as a timeless feature does.
    if record.span is None:
        return True
    start, end = (parse_instant(text, "datetime") if text else None for text in record.span)
    late = time.end is not None and start is not None and start > time.end
    early = time.start is not None and end is not None and end < time.start
    return not (late or early)


def _sort(values: Mapping[str, str]) -> list[tuple[str, bool]]:
    keys = []
    for part in _list(values, "sortby"):
        name = part.lstrip("+-").strip()
        if name not in SORTABLES:
            known = ", ".join(SORTABLES)
            raise bad_parameter("sortby", f"'{name[:40]}' is no sortable; there are {known}")
        keys.append((name, part.startswith("-")))
    return keys


def _key(record: Record, name: str) -> Any:
    if name == "id":
        return str(record.document["id"])
    return str(record.document["properties"].get(name) or "").casefold()
