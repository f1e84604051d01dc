"""The towns and villages of a demo city."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.simulator.declaration import GeographySection
from ingest.simulator.density import Density
from ingest.simulator.naming import Name, Namer
from ingest.simulator.network import Network
from ingest.simulator.outline import points_to_metres
from ingest.simulator.placed import Ints
from ingest.simulator.towns import (
    grow,
    joined,
    nearest_faces,
    neighbours,
    shares,
    split_town,
)
from layers.city import City, Jurisdiction

_URBAN = 0.5


class Units:
    """Towns and villages as groups of faces of the road network.

    Attributes
    ----------
    codes : of the towns; ``town`` holds each face's number in it, shape (f,).
    village_faces : numbers of the faces of each village.
    village_of_face : code of each face's village.
    """

    def __init__(
        self,
        city: City,
        section: GeographySection,
        network: Network,
        towns: list[Jurisdiction],
        density: Density,
        seed: int,
    ) -> None:
        rng = np.random.default_rng([seed, 51])
        self._city, self._faces = city, network.faces
        centres = points_to_metres([t.centre for t in towns if t.centre], city.crs)
        self._centres = centres
        graph = neighbours(network, rng)
        self.codes = [town.code for town in towns]
        self.town: Ints = grow(graph, nearest_faces(network, centres))
        middles = shapely.get_coordinates(shapely.centroid(network.faces))
        self._urban = density.at(middles) > _URBAN
        members = [np.flatnonzero(self.town == i) for i in range(len(towns))]
        weights = np.array([float(len(m)) for m in members])
        most = np.array([len(m) for m in members])
        numbers = shares(weights, section.villages, most)
        self.village_of_face = [""] * len(network.faces)
        self.village_faces: dict[str, Ints] = {}
        for town, faces, number in zip(towns, members, numbers, strict=True):
            local = split_town(network, graph, faces, int(number), rng)
            for code, village in self._village_codes(town.code, int(local.max()) + 1):
                self.village_faces[code] = faces[local == village]
        for code, faces in self.village_faces.items():
            for face in faces:
                self.village_of_face[face] = code

    def _village_codes(self, town: str, number: int) -> list[tuple[str, int]]:
        units = self._city.jurisdictions.values()
        codes = [u.code for u in units if u.level == "village" and u.parent == town]
        given = 0
        while len(codes) < number:
            given += 1
            code = f"{town}-V{given:02d}"
            if code not in codes:
                codes.append(code)
        return [(code, i) for i, code in enumerate(sorted(codes[:number]))]

    def middle_of(self, town: str) -> shapely.Point:
        """Return declared centre of a town, metres."""
        return shapely.Point(self._centres[self.codes.index(town)])

    def town_areas(self) -> dict[str, shapely.Polygon]:
        """Area of each town."""
        return dict(zip(self.codes, joined(self._faces, self.town, len(self.codes)), strict=True))

    def village_areas(self) -> dict[str, shapely.Polygon]:
        """Area of each village."""
        return {
            code: joined(self._faces[faces], np.zeros(len(faces), np.int64), 1)[0]
            for code, faces in self.village_faces.items()
        }

    def names(self, namer: Namer) -> dict[str, Name]:
        """(English, Chinese) of each unit: declared, or made from the lists."""
        names: dict[str, Name] = {}
        for code in (*self.codes, *self.village_faces):
            declared = self._city.jurisdictions.get(code)
            if declared is not None:
                names[code] = (declared.title.en, declared.title.zh)
            else:
                urban = bool(self._urban[self.village_faces[code]].mean() > 0.5)
                names[code] = namer.village(urban=urban)
        return names

    def town_of_edge(self, network: Network) -> list[str]:
        """Code of the town on one side of each edge."""
        best = network.sides.max(axis=1)
        return [self.codes[self.town[face]] if face >= 0 else "" for face in best]
