"""Shop streets: door lines along both sides of a street, house numbers by distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from ingest.simulator.declaration import GeographySection, PlantedShop
from ingest.simulator.geography import Road, Shop
from ingest.simulator.naming import Namer

# From the street's middle to its door lines: half the carriageway and the pavement.
DOOR_OFFSET_M = 12.0
PAVEMENT_M = 4.5
_CORNER_M = 22.0
_METRES_A_NUMBER = 2.0


@dataclass(frozen=True)
class ShopStreet:
    """One named street with its pieces in order: where shops stand."""

    name_en: str
    name_zh: str
    line: shapely.LineString
    pieces: tuple[Road, ...]


def merge_street(pieces: Sequence[Road]) -> ShopStreet:
    """Put the pieces of one street together; the longest run where it has gaps."""
    merged = shapely.line_merge(shapely.MultiLineString([p.line for p in pieces]))
    line = max(shapely.get_parts(merged), key=lambda part: float(part.length))
    return ShopStreet(pieces[0].name_en, pieces[0].name_zh, line, tuple(pieces))


def _door(line: shapely.LineString, start: float, width: float, left: bool) -> shapely.LineString:
    a, b = line.interpolate(start), line.interpolate(start + width)
    dx, dy = b.x - a.x, b.y - a.y
    length = float(np.hypot(dx, dy))
    sign = DOOR_OFFSET_M / length * (1 if left else -1)
    shift = (-dy * sign, dx * sign)
    return shapely.LineString([(a.x + shift[0], a.y + shift[1]), (b.x + shift[0], b.y + shift[1])])


def _free_runs(street: ShopStreet) -> list[tuple[float, float, Road]]:
    """Stretches along the street away from its junctions: from, to (metres), and the piece."""
    runs = []
    for piece in street.pieces:
        ends = [street.line.project(piece.line.boundary.geoms[i]) for i in (0, 1)]
        low, high = min(ends) + _CORNER_M, max(ends) - _CORNER_M
        inside = street.line.distance(piece.line.interpolate(0.5, normalized=True)) < 1.0
        if inside and high - low > 2 * _CORNER_M:
            runs.append((low, high, piece))
    return sorted(runs, key=lambda run: run[0])


def shops_along(
    street: ShopStreet,
    section: GeographySection,
    namer: Namer,
    rng: np.random.Generator,
    number_from: int,
) -> list[Shop]:
    """Shops of one street; even numbers on the left, odd ones on the right."""
    narrow, wide = section.shopping.width_m
    shops: list[Shop] = []
    for low, high, piece in _free_runs(street):
        for left in (True, False):
            at = low + rng.uniform(0, 6)
            while True:
                width = float(rng.uniform(narrow, wide))
                if at + width > high:
                    break
                number = 2 * int(at / _METRES_A_NUMBER / 2) + (0 if left else 1)
                shops.append(
                    Shop(
                        id=f"S{number_from + len(shops):06d}",
                        name_zh=namer.shop(),
                        address_zh=f"{street.name_zh}{number + 2}号",
                        door_line=_door(street.line, at, width, left),
                        outside="right" if left else "left",
                        town=piece.town,
                        road=piece.id,
                        outdoor_permit=bool(rng.uniform() < section.shopping.permit_share),
                    )
                )
                at += width + rng.choice([0.3, 0.3, 0.3, 8.0])
    return shops


def plant(shops: list[Shop], planted: PlantedShop) -> tuple[list[Shop], str | None]:
    """Give the declared name and number to the shop whose number comes nearest.

    Returns
    -------
    the shops, and the id of the planted one (None where the street has no shop).
    """

    def off(shop: Shop) -> int:
        number = int(shop.address_zh.removeprefix(planted.street).removesuffix("号"))
        return abs(number - planted.number) + 1000 * ((number - planted.number) % 2)

    own = [s for s in shops if s.address_zh.startswith(planted.street) and s.town == planted.town]
    if not own:
        return shops, None
    nearest = min(own, key=lambda shop: (off(shop), shop.id))
    address = f"{planted.street}{planted.number}号"
    kept = []
    for shop in shops:
        if shop.id == nearest.id:
            own_name = replace(
                shop, name_zh=planted.name_zh, address_zh=address, outdoor_permit=False
            )
            kept.append(own_name)
        elif shop.address_zh != address:
            kept.append(shop)
    return kept, nearest.id
