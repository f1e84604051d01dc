"""The roads of a demo city: edges of the network with names."""

from __future__ import annotations

import shapely

from ingest.simulator.declaration import GeographySection, PlantedStreet
from ingest.simulator.geography import Road
from ingest.simulator.naming import Name, Namer
from ingest.simulator.network import Network
from ingest.simulator.streets import Street
from ingest.simulator.units import Units

_PLANTED_STREET_M = 1100.0


def name_roads(
    section: GeographySection,
    network: Network,
    streets: list[Street],
    units: Units,
    namer: Namer,
) -> tuple[Road, ...]:
    """Turn edges into roads: each with its street's name, its town and its speed limit."""
    towns = units.town_of_edge(network)
    names = _street_names(section, network, streets, units, towns, namer)
    number_of: dict[int, int] = {}
    roads = []
    for i, (line, street) in enumerate(zip(network.lines, network.street.tolist(), strict=True)):
        kind = streets[street].road_class
        roads.append(
            Road(
                id=f"R{i + 1:06d}",
                name_en=names[street][0],
                name_zh=names[street][1],
                road_class=kind,
                line=line,
                start=int(network.ends[i, 0]),
                end=int(network.ends[i, 1]),
                speed_limit_kmh=section.speed_limit_kmh[kind],
                town=towns[i],
                street=number_of.setdefault(street, len(number_of)),
            )
        )
    return tuple(roads)


def _street_names(
    section: GeographySection,
    network: Network,
    streets: list[Street],
    units: Units,
    towns: list[str],
    namer: Namer,
) -> dict[int, Name]:
    """Name of each street: declared expressways, planted ones, then names from the lists."""
    names = {n: s.name for n, s in enumerate(streets) if s.name is not None}
    inside: dict[tuple[str, int], float] = {}
    for town, street, length in zip(
        towns, network.street.tolist(), shapely.length(network.lines).tolist(), strict=True
    ):
        inside[(town, street)] = inside.get((town, street), 0.0) + length
    lines = {
        street: shapely.MultiLineString(list(network.lines[network.street == street]))
        for street in {s for t, s in inside if t in {p.town for p in section.streets}}
    }
    for planted in section.streets:
        chosen = _planted_street(planted, inside, lines, streets, units, names)
        if chosen is not None:
            names[chosen] = (planted.name.en, planted.name.zh)
    for street in sorted(set(network.street.tolist())):
        if street not in names:
            names[street] = namer.road(streets[street].road_class)
    return names


def _planted_street(
    planted: PlantedStreet,
    inside: dict[tuple[str, int], float],
    lines: dict[int, shapely.MultiLineString],
    streets: list[Street],
    units: Units,
    names: dict[int, Name],
) -> int | None:
    """Return the street of that class nearest to the town's middle, a long one if there is."""
    middle = units.middle_of(planted.town)
    own = [
        (
            length < _PLANTED_STREET_M,
            float(lines[street].distance(middle)),
            street,
        )
        for (town, street), length in inside.items()
        if town == planted.town
        and streets[street].road_class == planted.road_class
        and street not in names
    ]
    return min(own)[2] if own else None


def by_street(roads: list[Road]) -> dict[int, list[Road]]:
    """Pieces of road by the number of their street."""
    streets: dict[int, list[Road]] = {}
    for road in roads:
        streets.setdefault(road.street, []).append(road)
    return streets
