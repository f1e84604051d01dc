"""``/map``: the one map, made by folium, with assets and rows of this server only."""

from __future__ import annotations

import json
from typing import Any

import folium
import jinja2
import orjson
from branca.element import Element
from starlette.requests import Request
from starlette.responses import Response

from layers.city import City
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.query import Box
from layers.spec import LayerSpec
from ogc_server.answers import etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.catalogue import Catalogue
from ogc_server.findings import FINDINGS
from ogc_server.pages import by_domain, render
from ogc_server.problem import bad_parameter
from ogc_server.words import words

# A layer of at most this many rows is read once, a larger one for the part in view.
ROWS_AT_ONCE = 2000
# So many of the city's own layers are shown at first where no rule has found anything.
_SHOWN_AT_FIRST = 6
_ZOOM = 10


def map_page(request: Request) -> Response:
    """Return the map as a page; ``embed=1`` leaves the frame out.

    ``layers=a,b`` opens with these switched on.
    """
    asked = Asked(request, ("html",))
    asked.refuse_parameters("embed", "layers")
    embed = asked.values.get("embed", "0") in ("1", "true")
    chosen = _chosen(asked.catalogue, asked.values.get("layers", ""))
    tag = etag(request, asked.catalogue.state())
    held = unchanged(request, tag)
    if held is not None:
        return held
    text = map_html(asked, chosen, embed=embed)
    return html_answer(text, asked.language, tag, inline=True, embed=embed)


def _chosen(catalogue: Catalogue, text: str) -> frozenset[str]:
    chosen = frozenset(part for part in text.split(",") if part)
    unknown = chosen - {spec.id for spec in catalogue}
    if unknown:
        raise bad_parameter("layers", f"no layer '{sorted(unknown)[0]}'")
    return chosen


def map_html(asked: Asked, chosen: frozenset[str], *, embed: bool) -> str:
    """Return the page's text: a folium map, and beside it what `static/map.js` draws from."""
    catalogue, language, base = asked.catalogue, asked.language, asked.base
    figure = folium.Figure(title=f"{catalogue.city.title.say(language)} – {words(language)['map']}")
    leaflet = f"{base}/static/leaflet/leaflet"
    drawn = _folium_map(catalogue.city, leaflet)
    frame = render(
        "map_frame.html",
        catalogue,
        base,
        language,
        embed=embed,
        switch=asked.place().url(lang="en" if language == "zh" else "zh"),
    )
    drawn.add_to(figure)
    drawn_from = _settings(catalogue, base, language, chosen)
    for head in (f'<link rel="stylesheet" href="{base}/static/map.css">', _icon(base)):
        figure.header.add_child(Element(head))
    if _has_large(drawn_from):
        for head in _maplibre(base):
            figure.header.add_child(Element(head))
    figure.html.add_child(_Markup(frame))
    settings = safe_json(drawn_from)
    figure.html.add_child(
        _Markup(f'<script type="application/json" id="onemap-settings">{settings}</script>')
    )
    figure.html.add_child(_Markup(f'<script src="{base}/static/map.js" defer></script>'))
    text: str = figure.render()
    tag = "zh-CN" if language == "zh" else "en"
    return text.replace("<html>", f'<html lang="{tag}">\n<meta charset="utf-8">', 1)


class _Markup(Element):
    """Markup that is ready: branca would otherwise read it as a template."""

    _template = jinja2.Template("{{ this.markup }}")

    def __init__(self, markup: str) -> None:
        super().__init__()
        self._name = "Markup"
        self.markup = markup


def _has_large(settings: dict[str, Any]) -> bool:
    """Whether a layer is too large for its rows to be read, and is drawn from vector tiles."""
    rows = (layer["rows"] for group in settings["groups"] for layer in group["layers"])
    return any(number > ROWS_AT_ONCE for number in rows)


def _maplibre(base: str) -> tuple[str, ...]:
    """MapLibre GL, in the build that makes no script of its own, and its place in Leaflet."""
    home = f"{base}/static/maplibre"
    return (
        f'<link rel="stylesheet" href="{home}/maplibre-gl.css">',
        f'<script src="{home}/maplibre-gl-csp.js" defer></script>',
        f'<script src="{home}/leaflet-maplibre-gl.js" defer></script>',
    )


def _icon(base: str) -> str:
    return f'<link rel="icon" href="{base}/static/icon.svg" type="image/svg+xml">'


def _folium_map(city: City, leaflet: str) -> folium.Map:
    minx, miny, maxx, maxy = city.bounds
    drawn = folium.Map(
        location=[(miny + maxy) / 2, (minx + maxx) / 2],
        zoom_start=_ZOOM,
        tiles=None,
        prefer_canvas=True,
        zoom_control="bottomright",
        attribution_control=False,
    )
    # A fixed name, so that the page is the same text each time and its script can find the map.
    drawn._id = "onemap"
    drawn.default_js = [("leaflet", f"{leaflet}.js")]
    drawn.default_css = [("leaflet_css", f"{leaflet}.css")]
    return drawn


def safe_json(value: Any) -> str:
    """JSON that can't end the script element it stands in."""
    text = orjson.dumps(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _settings(
    catalogue: Catalogue, base: str, language: str, chosen: frozenset[str]
) -> dict[str, Any]:
    city = catalogue.city
    background = set(city.declaration.background)
    shown = chosen or _shown_at_first(catalogue, background)
    groups = []
    for title, specs in by_domain(catalogue, language):
        rows = [
            _layer(catalogue, spec, language, _role(spec, background), shown)
            for spec in specs
            if spec.has_geometry
        ]
        if rows:
            groups.append({"title": title, "layers": rows})
    return {
        "base": base,
        "language": language,
        "zone": city.declaration.zone,
        "view": opening_view(catalogue),
        "outline": _outline(city),
        "atOnce": ROWS_AT_ONCE,
        "words": words(language),
        "groups": groups,
        "rules": {rule.id: rule.title.say(language) for rule in city.rules.values()},
    }


def _shown_at_first(catalogue: Catalogue, background: set[str]) -> frozenset[str]:
    """Findings, and where there are none as yet the first small layers of the city itself."""
    rows = {
        spec.id: catalogue.count(catalogue.everything(spec.id))
        for spec in catalogue
        if spec.has_geometry and spec.id not in background
    }
    if any(rows.get(layer) for layer in FINDINGS):
        return frozenset(FINDINGS)
    small = [key for key, number in rows.items() if 0 < number <= ROWS_AT_ONCE]
    return frozenset([*FINDINGS, *small[:_SHOWN_AT_FIRST]])


def opening_view(catalogue: Catalogue) -> Box:
    """Return the box shown at first: around the units, else around all rows, within the bounds."""
    specs = [spec.id for spec in catalogue if spec.has_geometry]
    units = [layer for layer in ADMINISTRATIVE_LAYERS if layer in specs]
    west, south, east, north = catalogue.city.bounds
    for layers in (units, specs):
        boxes = [box for box in map(catalogue.extent, layers) if box is not None]
        if boxes:
            a, b, c, d = zip(*boxes, strict=True)
            found = max(west, min(a)), max(south, min(b)), min(east, max(c)), min(north, max(d))
            if found[0] <= found[2] and found[1] <= found[3]:
                return found
    return catalogue.city.bounds


def _role(spec: LayerSpec, background: set[str]) -> str:
    if spec.id in FINDINGS:
        return "finding"
    return "background" if spec.id in background else "layer"


def _layer(
    catalogue: Catalogue, spec: LayerSpec, language: str, role: str, shown: frozenset[str]
) -> dict[str, Any]:
    order = catalogue.city.declaration.background
    return {
        "id": spec.id,
        "title": spec.title.say(language),
        "geometry": spec.geometry,
        "rows": catalogue.count(catalogue.everything(spec.id)),
        "role": role,
        "order": order.index(spec.id) if role == "background" else len(order),
        "on": role == "background" or spec.id in shown,
        "style": spec.style.model_dump(),
        "label": _label(spec, language),
        "idTitle": spec.property(spec.id_field).title.say(language),
        "properties": {
            p.name: {"title": p.title.say(language), "unit": p.unit, "type": p.type}
            for p in spec.properties
        },
    }


def _label(spec: LayerSpec, language: str) -> str | None:
    names = {p.name for p in spec.properties}
    wanted = (f"title_{language}", f"name_{language}", "name_zh", "name")
    return next((name for name in wanted if name in names), None)


def _outline(city: City) -> Any:
    """Return the declared outline as GeoJSON, or None."""
    if city.declaration.outline is None:
        return None
    path = city.path(city.declaration.outline)
    return json.loads(path.read_text("utf-8")) if path.is_file() else None
