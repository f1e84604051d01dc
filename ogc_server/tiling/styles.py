"""Styles as documents: OGC API – Styles (draft 20-009), made from the layers' declarations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layers.spec import LayerSpec
from layers.styles import maplibre
from layers.styles.qml import qml
from layers.styles.sld import sld
from ogc_server.block import Links
from ogc_server.catalogue import Catalogue
from ogc_server.features import HTML, JSON, collection_url, link
from ogc_server.findings import FINDINGS
from ogc_server.metadata import describes_itself
from ogc_server.problem import bad_parameter, not_found
from ogc_server.tiling.tilesets import REL

# All layers of a reader together. Ids of layers have no capitals, so that it can't be one.
WHOLE = "onemap"
STYLES = f"{REL}styles"
MAPBOX = "application/vnd.mapbox.style+json"
SLD = "application/vnd.ogc.sld+xml;version=1.1"
QML = "application/vnd.qgis.qml"
_LANGUAGES = {
    "mapbox": (
        MAPBOX,
        "MapLibre and Mapbox style",
        "8",
        "https://maplibre.org/maplibre-style-spec/",
    ),
    "sld": (SLD, "SLD 1.1", "1.1", "https://www.ogc.org/standard/sld/"),
    "qml": (
        QML,
        "QGIS style",
        "3.22",
        "https://docs.qgis.org/latest/en/docs/user_manual/appendices/",
    ),
}


class Styles:
    """The styles that one reader finds: one for each of his layers, and one for all.

    Parameters
    ----------
    base : URL of the server.
    language : of titles and labels.
    """

    def __init__(self, catalogue: Catalogue, base: str, language: str) -> None:
        self._catalogue, self._base, self._language = catalogue, base, language
        self._specs = {spec.id: spec for spec in catalogue if spec.has_geometry}

    def listed(self) -> dict[str, Any]:
        """Return the list of all styles."""
        return {
            "title": "Styles",
            "description": self._catalogue.city.title.say(self._language),
            "default": self._whole(),
            "links": describes_itself(f"{self._base}/styles"),
            "styles": [self._entry(key) for key in (self._whole(), *self._specs)],
        }

    def of_layer(self, spec: LayerSpec) -> dict[str, Any]:
        """Return the styles of one layer."""
        if spec.id not in self._specs:
            raise not_found(f"styles of collection '{spec.id}'")
        return {
            "title": spec.title.say(self._language),
            "description": spec.description.say(self._language),
            "default": spec.id,
            "links": describes_itself(f"{collection_url(self._base, spec.id)}/styles"),
            "styles": [self._entry(spec.id)],
        }

    def metadata(self, key: str) -> dict[str, Any]:
        """Return what a style is about; RequestError 404 where there is none."""
        specs = self._of(key)
        url = f"{self._base}/styles/{key}"
        return {
            "id": key,
            "title": self._title(key),
            "description": self._description(key),
            "keywords": sorted({spec.domain for spec in specs}),
            "pointOfContact": self._catalogue.city.title.say(self._language),
            "accessConstraints": "unclassified",
            "stylesheets": [
                {
                    "title": title,
                    "version": version,
                    "specification": specification,
                    "native": name == "mapbox",
                    "link": link("stylesheet", media, title, f"{url}?f={name}"),
                }
                for name, (media, title, version, specification) in self._languages(key)
            ],
            "layers": [self._layer(spec) for spec in specs],
            "links": [*describes_itself(f"{url}/metadata"), link("about", MAPBOX, key, url)],
        }

    def sheet(self, key: str, language: str) -> tuple[dict[str, Any] | bytes, str]:
        """Return a style in one of its languages, and its media type.

        Raises
        ------
        RequestError
            404 where there is no such style, 400 for a language that it isn't written in.
        """
        specs = self._of(key)
        if language not in dict(self._languages(key)):
            raise bad_parameter("f", f"the style '{key}' is not written as {language}")
        if language == "sld":
            return sld(specs, self._language), SLD
        if language == "qml":
            return qml(specs[0], self._language), QML
        whole = key == self._whole()
        sources = {
            spec.id: f"{collection_url(self._base, spec.id)}/tiles/WebMercatorQuad?f=tilejson"
            for spec in specs
        }
        made = maplibre.style(self._title(key), specs, sources, self._language, background=whole)
        return made, MAPBOX

    def links(self, key: str) -> Links:
        """Links to a style in all its languages."""
        url = f"{self._base}/styles/{key}"
        sheets = [
            link("stylesheet", media, f"{self._title(key)}, {title}", f"{url}?f={name}")
            for name, (media, title, _, _) in self._languages(key)
        ]
        about = link("describedby", JSON, "About this style", f"{url}/metadata?f=json")
        return [*sheets, about, link("alternate", HTML, "As HTML", f"{url}?f=html")]

    def page(self, key: str) -> dict[str, Any]:
        """Return what a page shows of a style."""
        self._of(key)
        title, description = self._title(key), self._description(key)
        return {"title": title, "description": description, "links": self.links(key)}

    def _whole(self) -> str:
        # A layer of the same name keeps its own style.
        return WHOLE if WHOLE not in self._catalogue.city.layers else f"{WHOLE}-all"

    def _languages(self, key: str) -> list[tuple[str, tuple[str, str, str, str]]]:
        return [(k, v) for k, v in _LANGUAGES.items() if k != "qml" or key != self._whole()]

    def _of(self, key: str) -> Sequence[LayerSpec]:
        if key == self._whole():
            return drawing_order(self._catalogue)
        if key not in self._specs:
            raise not_found(f"style '{key}'")
        return [self._specs[key]]

    def _entry(self, key: str) -> dict[str, Any]:
        return {"id": key, "title": self._title(key), "links": self.links(key)}

    def _title(self, key: str) -> str:
        title = self._catalogue.city.title if key == self._whole() else self._specs[key].title
        return title.say(self._language)

    def _description(self, key: str) -> str:
        if key == self._whole():
            return self._title(key)
        return self._specs[key].description.say(self._language)

    def _layer(self, spec: LayerSpec) -> dict[str, Any]:
        kind = spec.geometry.removeprefix("Multi")
        types = {"Point": "point", "LineString": "line", "Polygon": "polygon"}
        data = link(
            "data", JSON, spec.title.say(self._language), collection_url(self._base, spec.id)
        )
        return {
            "id": spec.id,
            "type": types.get(kind, "geometry"),
            "description": spec.title.say(self._language),
            "sampleData": data,
        }


def drawing_order(catalogue: Catalogue) -> list[LayerSpec]:
    """Layers of a reader from the lowest: background, areas, lines, points, findings."""
    background = catalogue.city.declaration.background
    ranks = {"Polygon": 1, "LineString": 2, "Point": 3}

    def rank(spec: LayerSpec) -> tuple[int, int]:
        if spec.id in background:
            return 0, background.index(spec.id)
        if spec.id in FINDINGS:
            return 4, 0
        return ranks.get(spec.geometry.removeprefix("Multi"), 3), 0

    return sorted((spec for spec in catalogue if spec.has_geometry), key=rank)
