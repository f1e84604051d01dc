"""Building the schematic place of a demo city: pure and reproducible from its declarations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely

from ingest.simulator.bend import Bend
from ingest.simulator.declaration import DemoDeclaration, GeographySection
from ingest.simulator.density import Density
from ingest.simulator.geography import Geography, Road, Waterway
from ingest.simulator.muck import plan_haulage
from ingest.simulator.naming import Namer
from ingest.simulator.network import Network, build_network
from ingest.simulator.outline import Ground, points_to_metres, read_ground
from ingest.simulator.road_limits import limit_roads
from ingest.simulator.roads import by_street, name_roads
from ingest.simulator.shopping import open_shops
from ingest.simulator.shops import DOOR_OFFSET_M, merge_street
from ingest.simulator.stations import place_stations
from ingest.simulator.streets import Street, lay_out
from ingest.simulator.units import Units
from ingest.simulator.water import canals, dry, lakes, rivers, smooth_line
from layers.city import City, Jurisdiction

Ints = npt.NDArray[np.int64]
_LEAST_BLOCK_M2 = 900.0


def build_geography(city: City, demo: DemoDeclaration, seed: int) -> Geography:
    """Build the place.

    Parameters
    ----------
    city : its declarations: outline, jurisdictions, zones, CRS.
    demo : what the demo wants of it.
    seed : same seed and declarations, same place, to the last bit.

    Returns
    -------
    geography in the city's projected CRS, metres.
    """
    section = demo.geography
    ground = read_ground(city, section)
    towns = _declared_towns(city)
    density = _density(city, section, towns)
    bend = Bend(section.bend.amplitude_m, section.bend.wave_m, seed)
    streets = _streets(city, section, ground, density, bend, seed)
    network = build_network(streets, bend)
    units = Units(city, section, network, towns, density, seed)
    namer = Namer(section.names, seed)
    roads = name_roads(section, network, streets, units, namer)
    water = _water(city, section, ground, roads, density, seed)
    kept, blocks = _blocks(network, [area for _, area in water])
    shops, cameras = open_shops(section, roads, density, namer, seed)
    stations = place_stations(roads, section.weighing, np.random.default_rng([seed, 52]))
    areas = tuple(area for _, area in water)
    random = np.random.default_rng([seed, 53])
    place = Geography(
        crs=city.crs,
        land=ground.land,
        sea=ground.sea,
        towns=units.town_areas(),
        villages=units.village_areas(),
        water=areas,
        junctions=tuple((float(x), float(y)) for x, y in network.junctions),
        roads=limit_roads(roads, areas, stations, section.haulage, random),
        blocks=tuple(blocks),
        shops=tuple(shops),
        cameras=tuple(cameras),
        stations=tuple(stations),
        zones=ground.zones,
        density=tuple(density.at(shapely.get_coordinates(shapely.centroid(blocks))).tolist()),
        block_villages=tuple(units.village_of_face[face] for face in kept),
        waterways=tuple(way for way, _ in water),
        names=units.names(namer),
    )
    haulage = plan_haulage(place, section.haulage, namer, np.random.default_rng([seed, 54]))
    return replace(place, haulage=haulage)


def _declared_towns(city: City) -> list[Jurisdiction]:
    units = city.jurisdictions.values()
    return [u for u in units if u.level == "town" and u.centre is not None]


def _density(city: City, section: GeographySection, towns: list[Jurisdiction]) -> Density:
    declared = [(c.at, c.reach_m, c.weight) for c in section.centres]
    own = [(t.centre, section.town_reach_m, section.town_weight) for t in towns if t.centre]
    hills = [*declared, *own]
    return Density(
        points_to_metres([at for at, _, _ in hills], city.crs),
        np.array([reach for _, reach, _ in hills]),
        np.array([weight for _, _, weight in hills]),
        section.countryside,
    )


def _streets(
    city: City,
    section: GeographySection,
    ground: Ground,
    density: Density,
    bend: Bend,
    seed: int,
) -> list[Street]:
    fast = [
        Street(
            bend.straightened(smooth_line(way, city.crs)), "expressway", (way.name.en, way.name.zh)
        )
        for way in section.expressways
    ]
    open_land = ground.land.difference(lakes(section, ground.land, city.crs))
    return lay_out(
        bend.straightened(max(shapely.get_parts(open_land), key=lambda p: float(p.area))),
        fast,
        lambda xy: density.at(bend.forward(xy)),
        section.spacing,
        seed,
    )


def _water(
    city: City,
    section: GeographySection,
    ground: Ground,
    roads: tuple[Road, ...],
    density: Density,
    seed: int,
) -> list[tuple[Waterway, shapely.Polygon]]:
    large = by_street([r for r in roads if r.road_class in ("arterial", "collector")])
    merged = [merge_street(pieces) for pieces in large.values()]
    along = [(m.line, (m.name_en, m.name_zh)) for m in merged]
    declared = rivers(section, ground.land, city.crs)
    return [*declared, *canals(along, section, density, ground.land, seed)]


def _blocks(network: Network, water: list[shapely.Polygon]) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Return what can be built on: numbers of the faces, and areas without roads and water."""
    inner = shapely.buffer(network.faces, -DOOR_OFFSET_M, join_style="mitre")
    parts, face = shapely.get_parts(inner, return_index=True)
    # Dead ends run into a face instead of bounding it.
    dead_ends = network.lines[network.sides[:, 0] == network.sides[:, 1]]
    blocks, part = dry(parts, [*water, *shapely.buffer(dead_ends, DOOR_OFFSET_M)])
    areas = shapely.get_type_id(blocks) == shapely.GeometryType.POLYGON
    keep = areas & (shapely.area(blocks) > _LEAST_BLOCK_M2) & shapely.is_valid(blocks)
    return np.asarray(face[part[keep]], np.int64), blocks[keep]
