"""Parameters of OGC API – DGGS, read strictly: which zones, at which level, how deep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from layers.query import Box, TimeInterval
from ogc_server.catalogue import Catalogue
from ogc_server.cells import zones
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.reference import CRS84, box_to_lonlat, parse_crs
from ogc_server.times import parse_interval

DEFAULT_LEVEL = 7
DEFAULT_ZONES, MOST_ZONES = 1000, 100_000
# 7 to the power of it sub-zones for each layer; further down a client asks zone by zone.
DEEPEST = 5
FILTERS = ("filter", "filter-lang", "filter-crs", "datetime")
ZONE_LIST = (
    *FILTERS, "zone-level", "parent-zone", "compact-zones", "limit", "offset", "bbox", "bbox-crs",
    "subset", "subset-crs", "geometry", "collections",
)  # fmt: skip
ZONE_DATA = (*FILTERS, "zone-depth", "limit", "collections")
_AXES = {
    "lon": "Lon", "long": "Lon", "longitude": "Lon",
    "lat": "Lat", "latitude": "Lat",
    "e": "E", "x": "E", "easting": "E",
    "n": "N", "y": "N", "northing": "N",
    "time": "time",
}  # fmt: skip
_SUBSET = re.compile(r"\s*([A-Za-z]{1,16})\(([^()]{0,100})\)\s*(?:,|$)")
_EVERYWHERE = {"Lon": (-180.0, 180.0), "Lat": (-90.0, 90.0)}


@dataclass(frozen=True)
class ZoneList:
    """Which zones a client wants listed.

    Attributes
    ----------
    level : of the zones, if they aren't stood in for by larger ones.
    compact : whether seven children may be told as their parent.
    parent : only this zone and its sub-zones.
    boxes : only zones that meet each of these, lon/lat.
    time : of the rows in the zones, as ``subset=time(…)`` asked.
    limit, offset : the page.
    geometry : ``zone-region``, ``zone-centroid`` or ``none``.
    """

    level: int
    compact: bool
    parent: int | None
    boxes: tuple[Box, ...]
    time: TimeInterval | None
    limit: int
    offset: int
    geometry: str


def parse_zone_list(catalogue: Catalogue, values: Mapping[str, str], finest: int) -> ZoneList:
    """Read the parameters of a zone list.

    Parameters
    ----------
    finest : finest level that can be listed.

    Raises
    ------
    RequestError
        400 naming the parameter that has a value that can't be used.
    """
    parent = _parent(values)
    own = 0 if parent is None else zones.level_of(parent)
    usual = min(max(DEFAULT_LEVEL, own), finest)
    axes, time = _subset(catalogue, values)
    boxes = [box for box in (_bbox(catalogue, values), axes) if box is not None]
    if "bbox" in values and axes is not None:
        raise bad_parameter("subset", "names an axis of the map beside a bbox")
    return ZoneList(
        level=whole(values, "zone-level", usual, 0, finest),
        compact=_choice(values, "compact-zones", ("true", "false")) == "true",
        parent=parent,
        boxes=tuple(boxes),
        time=time,
        limit=min(whole(values, "limit", DEFAULT_ZONES, 1, None), MOST_ZONES),
        offset=whole(values, "offset", 0, 0, 10**9),
        geometry=_choice(values, "geometry", ("zone-region", "zone-centroid", "none")),
    )


def whole(values: Mapping[str, str], name: str, default: int, low: int, high: int | None) -> int:
    """Whole number within bounds; RequestError 400 for anything else."""
    text = values.get(name)
    if text is None:
        return default
    top = "" if high is None else f" to {high}"
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if number < low or (high is not None and number > high):
        raise bad_parameter(name, f"found {text[:40]!r}, expected a whole number from {low}{top}")
    return number


def _choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = values.get(name, choices[0])
    if text not in choices:
        raise bad_parameter(name, f"found {text[:40]!r}, expected one of {', '.join(choices)}")
    return text


def _parent(values: Mapping[str, str]) -> int | None:
    if "parent-zone" not in values:
        return None
    try:
        return zones.parse_zone(values["parent-zone"])
    except RequestError:
        found = values["parent-zone"][:40]
        raise bad_parameter("parent-zone", f"found {found!r}, expected an H3 cell") from None


def _bbox(catalogue: Catalogue, values: Mapping[str, str]) -> Box | None:
    # Without a bbox its system is not looked at (requirement /req/zone-query/bbox-crs).
    if "bbox" not in values:
        return None
    uri = CRS84
    if "bbox-crs" in values:
        uri = parse_crs(values["bbox-crs"], "bbox-crs", catalogue.city)
    try:
        numbers = [float(part) for part in values["bbox"].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(abs(number) < 1e9 for number in numbers):
        raise bad_parameter("bbox", f"found {values['bbox'][:80]!r}, expected four numbers")
    return _checked("bbox", (numbers[0], numbers[1], numbers[2], numbers[3]), uri)


def _checked(name: str, box: Box, uri: str) -> Box:
    moved = box_to_lonlat(box, uri, name)
    if moved[1] > moved[3]:
        raise bad_parameter(name, f"found south {moved[1]:g} above north {moved[3]:g}")
    return moved


def _subset(
    catalogue: Catalogue, values: Mapping[str, str]
) -> tuple[Box | None, TimeInterval | None]:
    """Read ``subset=Lat(a:b),Lon(c:d),time("…":"…")``; ``*`` is an open end."""
    text, found, at = values.get("subset", ""), dict[str, str](), 0
    while at < len(text):
        match = _SUBSET.match(text, at)
        if match is None:
            raise bad_parameter("subset", f"found {text[at : at + 40]!r}, expected axis(low:high)")
        axis = _AXES.get(match[1].lower())
        if axis is None or axis in found:
            raise bad_parameter("subset", f"'{match[1]}' is no axis here, or is given twice")
        found[axis] = match[2]
        at = match.end()
    time = None
    if "time" in found:
        low, high = _ends(found.pop("time"), '"')
        time = parse_interval(f"{low or '..'}/{high or '..'}", "subset")
    return _axes(catalogue, values, found), time


def _ends(text: str, quote: str = "") -> tuple[str, str]:
    if quote and quote in text:
        ends = re.findall(r'"([^"]*)"|(\*)', text)
        parts = [("" if star else inner) for inner, star in ends]
    else:
        parts = ["" if part.strip() == "*" else part.strip() for part in text.split(":")]
    if len(parts) not in (1, 2):
        raise bad_parameter("subset", f"found {text[:40]!r}, expected low:high")
    return parts[0], parts[-1]


def _axes(catalogue: Catalogue, values: Mapping[str, str], found: dict[str, str]) -> Box | None:
    if not found:
        return None
    uri = CRS84
    if "subset-crs" in values:
        uri = parse_crs(values["subset-crs"], "subset-crs", catalogue.city)
    geographic = uri == CRS84 or uri.rsplit("/", 1)[1] in ("4326", "4490")
    x, y = ("Lon", "Lat") if geographic else ("E", "N")
    if found.keys() - {x, y}:
        raise bad_parameter("subset", f"the axes of this system are {x} and {y}")
    sides = []
    for axis in (x, y):
        low, high = _EVERYWHERE.get(axis, (-2e7, 2e7))
        ends = _ends(found[axis]) if axis in found else ("", "")
        try:
            sides.append((float(ends[0] or low), float(ends[1] or high)))
        except ValueError:
            raise bad_parameter("subset", f"{axis}: expected numbers") from None
    (minx, maxx), (miny, maxy) = sides
    if not all(abs(number) < 1e9 for number in (minx, miny, maxx, maxy)):
        raise bad_parameter("subset", "expected numbers of the reference system")
    swapped = geographic and uri != CRS84
    box = (miny, minx, maxy, maxx) if swapped else (minx, miny, maxx, maxy)
    return _checked("subset", box, uri)


def parse_depths(values: Mapping[str, str]) -> tuple[int, ...]:
    """Read ``zone-depth``: ``2``, ``0-2`` or ``0,2``; 0 where it isn't given.

    Raises
    ------
    RequestError
        400 for anything else, and for more than `DEEPEST`.
    """
    text = values.get("zone-depth", "0")
    match = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text, re.ASCII)
    if match:
        low, high = int(match[1]), int(match[2])
        depths = tuple(range(low, high + 1))
    elif re.fullmatch(r"\d{1,2}(,\d{1,2})*", text, re.ASCII):
        depths = tuple(sorted({int(part) for part in text.split(",")}))
    else:
        depths = ()
    if not depths or depths[-1] > DEEPEST:
        found = f"found {text[:40]!r}, expected depths of 0 to {DEEPEST}"
        raise bad_parameter("zone-depth", f"{found} as n, low-high or a,b,c")
    return depths
