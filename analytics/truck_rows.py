"""Entries of registers and layers that rules on trucks read, made from rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
import shapely

from analytics.content import content_version
from analytics.truck_references import Area, Bridge, MuckPermit, Site, TruckEntry, permit_hours
from layers.crs import project

_Shape = TypeVar("_Shape", bound=shapely.Geometry)


def day_in(value: Any) -> date | None:
    """Read a day from what a store gives for one; None for nothing."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def text_in(value: Any) -> str:
    """Read a text from what a store gives for one; "" for nothing."""
    return "" if value is None else str(value)


def projected(geometry: _Shape, crs: str) -> _Shape:
    """Bring an EPSG:4326 geometry to metres of the city's CRS."""
    metres: _Shape = project(np.array([geometry], object), crs)[0]
    return metres


def truck(row: dict[str, Any], crs: str) -> TruckEntry:
    """Make the entry of a row of ``truck_registry``."""
    axles = row.get("axles")
    entry = TruckEntry(
        truck_id=text_in(row["truck_id"]),
        plate=text_in(row.get("plate")),
        firm_name=text_in(row.get("firm_name")),
        firm_uscc=text_in(row.get("firm_uscc")),
        vehicle_kind=text_in(row.get("vehicle_kind")),
        axles=None if axles is None else int(axles),
        registered_gross_kg=_number(row.get("registered_gross_kg")),
        height_m=_number(row.get("height_m")),
        use=text_in(row.get("use")),
        terminal_id=text_in(row.get("terminal_id")),
        registered_from=day_in(row.get("registered_from")),
        registered_to=day_in(row.get("registered_to")),
    )
    return replace(
        entry, version=content_version([text_in(value) for value in vars(entry).values()])
    )


def permit(row: dict[str, Any], crs: str) -> MuckPermit:
    """Make the permit of a row of ``muck_permit_route``."""
    hours, dump = text_in(row.get("hours")), _outline(text_in(row.get("dump_site")), crs)
    ident, plate = text_in(row["permit_id"]), text_in(row.get("plate"))
    dates = day_in(row.get("permitted_from")), day_in(row.get("permitted_to"))
    content = [ident, plate, row["geometry"].wkb_hex, hours, text_in(row.get("dump_site"))]
    return MuckPermit(
        permit_id=ident,
        plate=plate,
        route=projected(row["geometry"], crs),
        dump=dump,
        site_id=text_in(row.get("site_id")),
        hours=permit_hours(hours),
        hours_text=hours,
        permitted_from=dates[0],
        permitted_to=dates[1],
        version=content_version([*content, *(text_in(day) for day in dates)]),
    )


def bridge(row: dict[str, Any], crs: str) -> Bridge:
    """Make the structure of a row of ``bridge_tunnel``."""
    limits = _number(row.get("limit_t")), _number(row.get("limit_h_m"))
    code = text_in(row["comp_code16"])
    return Bridge(
        code=code,
        kind=text_in(row.get("kind")),
        name_zh=text_in(row.get("name_zh")),
        limit_t=limits[0],
        limit_h_m=limits[1],
        shape=projected(row["geometry"], crs),
        version=content_version([code, row["geometry"].wkb_hex, *limits]),
    )


def site(layer: str, row: dict[str, Any], crs: str) -> Site:
    """Make the place of a row of ``construction_site`` or ``dump_site``."""
    ident = text_in(row.get("site_id") or row.get("dump_id"))
    dates = day_in(row.get("permitted_from")), day_in(row.get("permitted_to"))
    content = [layer, ident, row["geometry"].wkb_hex, *(text_in(day) for day in dates)]
    return Site(
        layer=layer,
        site_id=ident,
        name_zh=text_in(row.get("name_zh")),
        shape=projected(row["geometry"], crs),
        permitted_from=dates[0],
        permitted_to=dates[1],
        version=content_version(content),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _outline(text: str, crs: str) -> Area | None:
    """Read a polygon in well-known text, EPSG:4326; None where there is none."""
    shape = shapely.from_wkt(text, on_invalid="ignore") if text else None
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon) or shape.is_empty:
        return None
    return projected(shape, crs)
