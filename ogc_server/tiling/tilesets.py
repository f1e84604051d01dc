"""Tile sets as documents: OGC API – Tiles (20-057), tile matrix sets (17-083r4), TileJSON 3.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layers.query import Box
from layers.spec import LayerSpec
from layers.tiles.content import ALL_ATTRIBUTES_FROM, CELL, COUNT, FID, attributes, cells_name
from layers.tiles.matrix import FINEST, MATRIX_SETS, TileMatrixSet
from ogc_server.block import Links
from ogc_server.catalogue import Catalogue
from ogc_server.features import HTML, JSON, collection_url, link
from ogc_server.metadata import describes_itself
from ogc_server.problem import not_found
from ogc_server.reference import CRS84

MVT = "application/vnd.mapbox-vector-tile"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
TILESETS, SCHEME, SCHEMES = f"{REL}tilesets-vector", f"{REL}tiling-scheme", f"{REL}tiling-schemes"
# Closer than this clients magnify tiles: a tile unit is 4 cm there.
MAGNIFIED_FROM = 18
_ANY_TILE = "{tileMatrix}/{tileRow}/{tileCol}"
_FIELD_TYPES = {"integer": "Number", "number": "Number", "boolean": "Boolean"}
_DIMENSIONS = {"Point": 0, "LineString": 1, "Polygon": 2}


def matrix_set_of(name: str) -> TileMatrixSet:
    """Return the set of that name; RequestError 404 where there is none."""
    if name not in MATRIX_SETS:
        raise not_found(f"tile matrix set '{name}'")
    return MATRIX_SETS[name]


def matrix_sets(base: str) -> dict[str, Any]:
    """Return the list of tile matrix sets."""
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "uri": one.uri,
            "crs": one.crs,
            "links": [link("self", JSON, one.title, f"{base}/tileMatrixSets/{one.id}?f=json")],
        }
        for one in MATRIX_SETS.values()
    ]
    url = f"{base}/tileMatrixSets"
    return {
        "title": "Tile matrix sets",
        "description": "How the world is cut into tiles.",
        "links": [
            *describes_itself(url),
            *(
                link("item", JSON, one.title, f"{url}/{one.id}?f=json")
                for one in MATRIX_SETS.values()
            ),
        ],
        "tileMatrixSets": rows,
    }


def matrix_set(one: TileMatrixSet, base: str) -> dict[str, Any]:
    """Return the definition of one tile matrix set."""
    return {**one.document(), "links": describes_itself(f"{base}/tileMatrixSets/{one.id}")}


class TileSets:
    """The tile sets of one layer, or of all layers of a reader together.

    Parameters
    ----------
    spec : the layer; None for all layers.
    """

    def __init__(
        self, catalogue: Catalogue, spec: LayerSpec | None, base: str, language: str
    ) -> None:
        self._catalogue, self._spec, self._language = catalogue, spec, language
        self._base = base
        home = base if spec is None else collection_url(base, spec.id)
        self._url = f"{home}/tiles"
        city = catalogue.city.title
        self._title = (city if spec is None else spec.title).say(language)

    def listed(self) -> dict[str, Any]:
        """Return the list of tile sets."""
        return {
            "title": self._title,
            "description": "Vector tiles.",
            "links": [
                *describes_itself(self._url),
                *(link("item", JSON, one.title, self._of(one)) for one in MATRIX_SETS.values()),
            ],
            "tilesets": [self._summary(one) for one in MATRIX_SETS.values()],
        }

    def described(self, one: TileMatrixSet) -> dict[str, Any]:
        """Return one tile set with its limits and layers."""
        box = self._box()
        corners = {"lowerLeft": list(box[:2]), "upperRight": list(box[2:]), "crs": CRS84}
        return {
            **self._summary(one),
            "description": f"Vector tiles, {one.title}.",
            "tileMatrixSetLimits": [_limits(one, level, box) for level in range(FINEST + 1)],
            "boundingBox": corners,
            "layers": [
                {
                    "id": spec.id,
                    "title": spec.title.say(self._language),
                    "description": spec.description.say(self._language),
                    "dataType": "vector",
                    **_dimension(spec),
                }
                for spec in self._specs()
            ],
        }

    def tilejson(self, one: TileMatrixSet) -> dict[str, Any]:
        """Return TileJSON 3.0, which MapLibre, QGIS and others read; rows count from the top."""
        box = self._box()
        return {
            "tilejson": "3.0.0",
            "name": self._title,
            "description": self._described_by(),
            "version": "1.0.0",
            "scheme": "xyz",
            "tiles": [f"{self._url}/{one.id}/{{z}}/{{y}}/{{x}}?f=mvt"],
            "minzoom": 0,
            "maxzoom": MAGNIFIED_FROM,
            "bounds": list(box),
            "center": [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 10],
            "vector_layers": [
                entry for spec in self._specs() for entry in self._vector_layers(spec)
            ],
        }

    def _summary(self, one: TileMatrixSet) -> dict[str, Any]:
        tile = f"{self._url}/{one.id}/{_ANY_TILE}?f=mvt"
        links: Links = [
            *describes_itself(f"{self._url}/{one.id}"),
            link(SCHEME, JSON, one.title, f"{self._base}/tileMatrixSets/{one.id}?f=json"),
            {**link("item", MVT, "Vector tiles", tile), "templated": True},
        ]
        if one.columns == 1:
            href = f"{self._url}/{one.id}?f=tilejson"
            links.append(link("describedby", JSON, "TileJSON", href))
        return {
            "title": self._title,
            "dataType": "vector",
            "crs": one.crs,
            "tileMatrixSetURI": one.uri,
            "links": links,
        }

    def _of(self, one: TileMatrixSet) -> str:
        return f"{self._url}/{one.id}?f=json"

    def _described_by(self) -> str:
        source = self._catalogue.city.title if self._spec is None else self._spec.description
        return source.say(self._language)

    def _specs(self) -> Sequence[LayerSpec]:
        if self._spec is not None:
            return [self._spec]
        return [spec for spec in self._catalogue if spec.has_geometry]

    def _box(self) -> Box:
        """Box around what the reader may see; of personal layers nobody learns where rows end."""
        bounds = self._catalogue.city.bounds
        if self._spec is None or self._spec.sensitivity == "personal":
            return bounds
        return self._catalogue.extent(self._spec.id) or bounds

    def _vector_layers(self, spec: LayerSpec) -> list[dict[str, Any]]:
        title = spec.title.say(self._language)
        counts: dict[str, Any] = {
            "id": cells_name(spec.id),
            "description": title,
            "fields": {CELL: "String", COUNT: "Number"},
        }
        if spec.sensitivity == "personal":
            return [counts]
        names = attributes(spec, ALL_ATTRIBUTES_FROM)
        types = {name: _FIELD_TYPES.get(spec.property(name).type, "String") for name in names}
        rows = {"id": spec.id, "description": title, "fields": {FID: "String", **types}}
        if spec.style.by is not None:
            counts["fields"][spec.style.by] = types.get(spec.style.by, "String")
        return [rows, counts]


def _limits(one: TileMatrixSet, level: int, box: Box) -> dict[str, Any]:
    first_row, last_row, first_column, last_column = one.limits(level, box)
    return {
        "tileMatrix": str(level),
        "minTileRow": first_row,
        "maxTileRow": last_row,
        "minTileCol": first_column,
        "maxTileCol": last_column,
    }


def _dimension(spec: LayerSpec) -> dict[str, Any]:
    dimension = _DIMENSIONS.get(spec.geometry.removeprefix("Multi"))
    return {} if dimension is None else {"geometryDimension": dimension}


def links_to(base: str, spec: LayerSpec | None = None) -> Links:
    """Links to the tile sets of a layer, or of all layers."""
    url = base if spec is None else collection_url(base, spec.id)
    return [
        link(TILESETS, JSON, "Vector tile sets", f"{url}/tiles?f=json"),
        link(TILESETS, HTML, "Vector tile sets as HTML", f"{url}/tiles?f=html"),
    ]
