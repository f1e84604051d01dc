"""One reading of query parameters for every door: hot routes, pygeoapi's provider, HTML pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from layers.city import City
from layers.errors import QueryError
from layers.h3grid import parse_cell, resolution_of
from layers.query import Box, Query, SortKey
from layers.spec import LayerSpec, PropertySpec
from layers.store.filter_size import check_size, names_of
from layers.store.filter_text import parse_cql2_text
from layers.values import parse_value
from ogc_server.catalogue import Catalogue
from ogc_server.filter_crs import to_lonlat_filter
from ogc_server.paging import read_token
from ogc_server.places import CELL
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.reference import CRS84, box_to_lonlat, parse_crs
from ogc_server.times import parse_instant, parse_interval

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 10_000
_FURTHEST_OFFSET = 10**9
_LONGEST_FILTER = 20_000
_MOST_CELLS = 1000
RESERVED = (
    "f",
    "lang",
    "limit",
    "offset",
    "after",
    "bbox",
    "bbox-crs",
    "datetime",
    "crs",
    "properties",
    "skipGeometry",
    "sortby",
    "filter",
    "filter-lang",
    "filter-crs",
    "resulttype",
    "as_of",
    "cells",
)


@dataclass(frozen=True)
class ItemsRequest:
    """What a client asked of one layer.

    Attributes
    ----------
    spec : the layer.
    query : the question to the store; ``query.limit`` is always set.
    crs : URI of the system that geometries go out in.
    hits : only the count is wanted.
    at : number of the page's first row, as far as it is known.
    """

    spec: LayerSpec
    query: Query
    crs: str = CRS84
    hits: bool = False
    at: int = 0


def single_values(
    pairs: Iterable[tuple[str, str]], several: Collection[str] = ()
) -> dict[str, str]:
    """Parameters by name; RequestError 400 for one that is given twice.

    Values of those in ``several`` are joined by commas.
    """
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values and name not in several:
            raise bad_parameter(name, "is given twice")
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def parse_items(catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]) -> ItemsRequest:
    """Read the parameters of an items request.

    Raises
    ------
    RequestError
        400 naming the parameter that is unknown or has a value that can't be used.
    """
    _refuse_unknown(spec, values)
    offset = parse_whole(values, "offset", 0, 0, _FURTHEST_OFFSET)
    after = read_token(values["after"]) if values.get("after") else None
    query = catalogue.everything(spec.id).but(
        bbox=_bbox(catalogue, spec, values),
        time=_time(spec, values),
        unknown_meets=True,
        where=_where(catalogue, spec, values),
        cells=_cells(spec, values),
        as_of=parse_instant(values["as_of"], "as_of") if "as_of" in values else None,
        sort=_sort(spec, values),
        after=after,
        offset=0 if after is not None else offset,
        limit=min(parse_whole(values, "limit", DEFAULT_LIMIT, 1, None), MAXIMUM_LIMIT),
        properties=_properties(spec, values),
        skip_geometry=parse_truth(values, "skipGeometry"),
    )
    return ItemsRequest(
        spec,
        query,
        crs=parse_crs(values["crs"], "crs", catalogue.city) if "crs" in values else CRS84,
        hits=_choice(values, "resulttype", ("results", "hits"), "results") == "hits",
        at=offset,
    )


def parse_item(catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]) -> ItemsRequest:
    """Read the parameters of a request for one item.

    Raises
    ------
    RequestError
        400 for a parameter that is not for one item, or has a value that can't be used.
    """
    allowed = {"f", "lang", "crs", "properties", "skipGeometry", "as_of"}
    for name in values:
        if name not in allowed:
            raise bad_parameter(name, f"is unknown here; known are {', '.join(sorted(allowed))}")
    return parse_items(catalogue, spec, values)


def _refuse_unknown(spec: LayerSpec, values: Mapping[str, str]) -> None:
    known = {*RESERVED, *(p.name for p in spec.properties)}
    for name in values:
        if name not in known:
            raise bad_parameter(
                name, "is unknown; see the queryables of the collection for its properties"
            )


def parse_whole(
    values: Mapping[str, str], name: str, default: int, low: int, high: int | None
) -> int:
    """Read a whole number; RequestError 400 for anything else, and beyond its bounds."""
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise bad_parameter(name, f"found {text!r}, expected a whole number from {low}")
    number = int(text)
    if number < low or (high is not None and number > high):
        raise bad_parameter(name, f"found {number}, expected a whole number from {low}")
    return number


def parse_truth(values: Mapping[str, str], name: str) -> bool:
    """Read ``true`` or ``false``, false where it is missing; RequestError 400 for another text."""
    return _choice(values, name, ("true", "false"), "false") == "true"


def _choice(values: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    text = values.get(name, default)
    if text.lower() not in choices:
        raise bad_parameter(name, f"found {text!r}, expected one of {', '.join(choices)}")
    return text.lower()


def _bbox(catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]) -> Box | None:
    box = parse_box(catalogue.city, values)
    # A register has no places that a box could choose among.
    return None if not spec.has_geometry else box


def parse_box(city: City, values: Mapping[str, str]) -> Box | None:
    """Read ``bbox`` and ``bbox-crs`` as a box in EPSG:4326, None where there is none.

    Raises
    ------
    RequestError
        400 for what is no box, or in a system that is not published.
    """
    uri = CRS84
    if "bbox-crs" in values:
        if "bbox" not in values:
            raise bad_parameter("bbox-crs", "is given without a bbox")
        uri = parse_crs(values["bbox-crs"], "bbox-crs", city)
    if "bbox" not in values:
        return None
    box = box_to_lonlat(_numbers(values["bbox"]), uri)
    _, miny, _, maxy = box
    if miny > maxy:
        raise bad_parameter("bbox", f"found south {miny:g} above north {maxy:g}")
    return box


def _numbers(text: str) -> Box:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as failure:
        raise bad_parameter("bbox", f"found {text!r}, expected four numbers") from failure
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise bad_parameter("bbox", f"found {text!r}, expected minx,miny,maxx,maxy")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _time(spec: LayerSpec, values: Mapping[str, str]) -> Any:
    if "datetime" not in values:
        return None
    span = parse_interval(values["datetime"])
    # A timeless feature meets every time (OGC 17-069r4, requirement fc-time-response).
    return None if spec.time_field is None else span


def _property(spec: LayerSpec, name: str, parameter: str) -> PropertySpec:
    try:
        return spec.property(name)
    except KeyError:
        known = ", ".join(p.name for p in spec.properties)
        words = f"'{name}' is not a property of '{spec.id}'; there are {known}"
        raise bad_parameter(parameter, words) from None


def _properties(spec: LayerSpec, values: Mapping[str, str]) -> tuple[str, ...]:
    if "properties" not in values:
        return tuple(p.name for p in spec.properties)
    names = [name.strip() for name in values["properties"].split(",") if name.strip()]
    wanted = {_property(spec, name, "properties").name for name in names}
    return tuple(p.name for p in spec.properties if p.name in wanted)


def _sort(spec: LayerSpec, values: Mapping[str, str]) -> tuple[SortKey, ...]:
    keys = []
    for part in values["sortby"].split(",") if "sortby" in values else []:
        name = part.strip().lstrip("+-").strip()
        if _property(spec, name, "sortby").type == "json":
            raise bad_parameter("sortby", f"'{name}' is a nested value, it has no order")
        keys.append(SortKey(name, part.strip().startswith("-")))
    return tuple(keys)


def _cells(spec: LayerSpec, values: Mapping[str, str]) -> tuple[int, ...] | None:
    if "cells" not in values:
        return None
    if spec.h3_resolution is None:
        raise bad_parameter("cells", f"'{spec.id}' has no places")
    texts = [text.strip() for text in values["cells"].split(",")]
    if len(texts) > _MOST_CELLS:
        raise bad_parameter("cells", f"found {len(texts)}, at most {_MOST_CELLS} are taken")
    try:
        cells = tuple(parse_cell(text) for text in texts)
    except QueryError as failure:
        raise bad_parameter("cells", str(failure)) from failure
    for cell in cells:
        if resolution_of(cell) > spec.h3_resolution:
            raise bad_parameter("cells", f"a cell is finer than resolution {spec.h3_resolution}")
    return cells


def _where(
    catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]
) -> dict[str, Any] | None:
    parts = [
        _equals(spec.property(name), text) for name, text in values.items() if name not in RESERVED
    ]
    if "filter" in values:
        parts.append(_filter(catalogue, spec, values))
    elif "filter-lang" in values or "filter-crs" in values:
        name = "filter-lang" if "filter-lang" in values else "filter-crs"
        raise bad_parameter(name, "is given without a filter")
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"op": "and", "args": parts}


def _equals(p: PropertySpec, text: str) -> dict[str, Any]:
    # A value beyond the bounds can be asked for; one that is not in the list is a slip of the pen.
    free = {"required": False, "minimum": None, "maximum": None, "pattern": None}
    if p.type == "json":
        words = "is a list; ask for what it holds by filter=A_CONTAINS(…)"
        nested = "is a nested value and can't be compared"
        raise bad_parameter(p.name, nested if p.items is None else words)
    if p.name == CELL:
        raise bad_parameter(CELL, "is not compared; cells= asks for rows by cells of any size")
    try:
        value = parse_value(p.model_copy(update=free), text)
    except (ValueError, OverflowError) as failure:
        raise bad_parameter(p.name, str(failure)) from failure
    if value is None and text:
        raise bad_parameter(
            p.name, f"found {text!r}, expected a value, or none for what is missing"
        )
    if value is None:
        return {"op": "isNull", "args": [{"property": p.name}]}
    if p.type == "datetime":
        value = {"timestamp": value.isoformat()}
    elif p.type == "date":
        value = {"date": value.isoformat()}
    return {"op": "=", "args": [{"property": p.name}, value]}


def filter_names(values: Mapping[str, str]) -> set[str]:
    """Properties that the parameter ``filter`` names; RequestError 400 where it can't be read."""
    return names_of(_expression(values)) if "filter" in values else set()


def _expression(values: Mapping[str, str]) -> dict[str, Any]:
    text = values["filter"]
    if len(text) > _LONGEST_FILTER:
        raise bad_parameter("filter", f"is longer than {_LONGEST_FILTER} characters")
    language = _choice(values, "filter-lang", ("cql2-text", "cql2-json"), "cql2-text")
    read: Callable[[str], Any] = parse_cql2_text if language == "cql2-text" else orjson.loads
    try:
        expression = read(text)
        check_size(expression)
    except (QueryError, ValueError) as failure:
        raise bad_parameter("filter", f"is not {language}: {failure}") from failure
    if not isinstance(expression, dict):
        raise bad_parameter("filter", f"is not an expression of {language}")
    return expression


def _filter(catalogue: Catalogue, spec: LayerSpec, values: Mapping[str, str]) -> dict[str, Any]:
    expression = _expression(values)
    # Stores know columns of their own beside; only what is published can be asked by.
    unknown = names_of(expression) - queryable_names(spec).keys()
    if unknown:
        words = f"'{min(unknown)}' is not a queryable of '{spec.id}'"
        raise bad_parameter("filter", f"{words}; there are {', '.join(queryable_names(spec))}")
    if "filter-crs" in values:
        uri = parse_crs(values["filter-crs"], "filter-crs", catalogue.city)
        moved: dict[str, Any] = to_lonlat_filter(expression, uri)
        return moved
    return expression


def queryable_names(spec: LayerSpec) -> dict[str, PropertySpec | None]:
    """Queryables of a layer by name: its properties and its geometry (None).

    Nested values are only where they are lists. The cell isn't one, for which there is the
    parameter ``cells``.
    """
    names: dict[str, PropertySpec | None] = {"geometry": None} if spec.has_geometry else {}
    asked = (p for p in spec.properties if p.type != "json" or p.items is not None)
    return names | {p.name: p for p in asked if p.name != CELL}


def refusal(failure: QueryError, values: Mapping[str, str]) -> RequestError:
    """Return a refusal by the store, told with the parameter that most likely caused it."""
    for name in ("filter", "cells", "after", "sortby", "datetime", "bbox"):
        if name in values:
            return bad_parameter(name, str(failure))
    return RequestError(400, "InvalidParameterValue", str(failure))
