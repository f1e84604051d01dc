"""Places of addresses, from the layer that a city declares for them."""

from __future__ import annotations

import shapely

from cases.case_log import Reader
from cases.open311 import Addresses
from cases.refusals import IncompleteError
from layers.query import Query
from layers.text import Text

# What is compared: an address has no more letters, a part of it (a road, a door plate) no more.
_LONGEST, _LONGEST_PART = 80, 16


def place_of_id(source: Reader, declared: Addresses | None, ident: str) -> tuple[float, float]:
    """Place (lon, lat) of the row with an id.

    Raises
    ------
    IncompleteError
        where there is none.
    """
    if declared is None:
        raise _unknown("address_id")
    page = source.page(Query(declared.layer, fids=(ident,), properties=(), limit=1))
    if not page.geometries or page.geometries[0] is None:
        raise _unknown("address_id")
    return _point(page.geometries[0])


def place_of_text(source: Reader, declared: Addresses | None, text: str) -> tuple[float, float]:
    """Place (lon, lat) of the address with which a text ends; blanks don't count.

    Raises
    ------
    IncompleteError
        where there is none.
    """
    said = "".join(text.split())
    if declared is None or not said or len(said) > _LONGEST:
        raise _unknown("address_string")
    ends = range(1, len(said) + 1)
    parts = sorted({said[a:b] for b in ends for a in range(max(0, b - _LONGEST_PART), b)})
    asked = [{"op": "in", "args": [{"property": name}, parts]} for name in declared.text]
    where = asked[0] if len(asked) == 1 else {"op": "and", "args": asked}
    page = source.page(Query(declared.layer, where=where, properties=declared.text))
    for row, geometry in zip(page.rows, page.geometries, strict=True):
        values = dict(zip(page.names, row, strict=True))
        if geometry is not None and said.endswith("".join(values[n] for n in declared.text)):
            return _point(geometry)
    raise _unknown("address_string")


def _point(geometry: str) -> tuple[float, float]:
    (place,) = shapely.get_coordinates(shapely.from_geojson(geometry))
    return float(place[0]), float(place[1])


def _unknown(field: str) -> IncompleteError:
    return IncompleteError(
        field,
        Text(
            en=f"{field}: the place is not known by it; give lat and long",
            zh=f"{field}：无法据此定位，请提供经纬度（lat、long）",
        ),
    )
