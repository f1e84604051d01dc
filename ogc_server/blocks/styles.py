"""OGC API – Styles (draft 20-009): how layers are drawn, for each program in its language."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from layers.text import Text
from ogc_server import pages
from ogc_server.answers import data_answer, etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.block import Block, Card, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.features import JSON, collection_url, link
from ogc_server.handlers import described
from ogc_server.openapi import operation, ref
from ogc_server.tiling.styles import MAPBOX, QML, SLD, STYLES, Styles


def _asked(request: Request, formats: tuple[str, ...] = ("json", "html")) -> tuple[Asked, Styles]:
    asked = Asked(request, formats)
    asked.refuse_parameters()
    return asked, Styles(asked.catalogue, asked.base, asked.language)


def _state(catalogue: Catalogue) -> object:
    return [spec.id for spec in catalogue]


def _styles(request: Request) -> Response:
    """``/styles``: all styles of the reader."""
    asked, styles = _asked(request)
    return described(asked, _state(asked.catalogue), styles.listed, pages.linked)


def _style(request: Request) -> Response:
    """``/styles/{style}``: one style, in the language that is asked for."""
    asked, styles = _asked(request, ("mapbox", "sld", "qml", "html"))
    key = request.path_params["style"]
    tag = etag(request, _state(asked.catalogue))
    if asked.format == "html":
        page = pages.linked(asked, styles.page(key))
        return unchanged(request, tag) or html_answer(page, asked.language, tag)
    sheet, media = styles.sheet(key, asked.format)
    held = unchanged(request, tag)
    return held or data_answer(sheet, media, tag, Content_Language=asked.language)


def _metadata(request: Request) -> Response:
    """``/styles/{style}/metadata``: what a style is about."""
    asked, styles = _asked(request)
    key = request.path_params["style"]
    state = _state(asked.catalogue)
    return described(asked, state, lambda: styles.metadata(key), pages.linked)


def _of_layer(request: Request) -> Response:
    """``/collections/{layer}/styles``: the styles of one layer."""
    asked, styles = _asked(request)
    spec = asked.layer()
    return described(asked, None, lambda: styles.of_layer(spec), pages.linked)


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [link(STYLES, JSON, "Styles", f"{base}/styles?f=json")]


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    if not spec.has_geometry:
        return {}
    href = f"{collection_url(base, spec.id)}/styles?f=json"
    return {"links": [link(STYLES, JSON, "Styles", href)], "defaultStyle": spec.id}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    text = {"type": "string"}
    named = [spec.id for spec in catalogue if spec.has_geometry]
    parameters = {
        "styleId": {"name": "styleId", "in": "path", "required": True, "schema": text},
        "styledCollection": {
            "name": "styledCollection", "in": "path", "required": True,
            "schema": text | ({"enum": named} if named else {}),
        },
    }  # fmt: skip
    style = ref("styleId")
    rows: tuple[tuple[str, str, str, str, list[Any]], ...] = (
        ("/styles", "getStyles", "Styles", JSON, []),
        ("/styles/{styleId}", "getStyle", "A style", MAPBOX, [style]),
        ("/styles/{styleId}/metadata", "getStyleMetadata", "About a style", JSON, [style]),
        ("/collections/{styledCollection}/styles", "getCollectionStyles", "Styles of a collection",
         JSON, [ref("styledCollection")]),
    )  # fmt: skip
    paths = {
        path: operation(key, summary, media, "anything", tag="data", parameters=more)
        for path, key, summary, media, more in rows
    }
    sheet = paths["/styles/{styleId}"]["get"]
    formats = {"type": "string", "enum": ["mapbox", "sld", "qml", "html"]}
    sheet["parameters"][0] = {"name": "f", "in": "query", "schema": formats}
    sheet["responses"]["200"]["content"] |= {SLD: {"schema": text}, QML: {"schema": text}}
    return Definition(paths=paths, parameters=parameters)


BLOCK = Block(
    name="styles",
    classes=uris_of(
        "ogcapi-styles-1/0.0/conf/core",
        "ogcapi-styles-1/0.0/conf/html",
        "ogcapi-styles-1/0.0/conf/mapbox-style",
        "ogcapi-styles-1/0.0/conf/sld-11",
    ),
    doors=(
        Door("/styles", {"GET": _styles}),
        Door("/styles/{style}", {"GET": _style}),
        Door("/styles/{style}/metadata", {"GET": _metadata}),
        Door("/collections/{layer}/styles", {"GET": _of_layer}),
    ),
    landing=_landing,
    collection=_collection,
    definition=_definition,
    cards=(
        Card(
            Text(en="Styles", zh="样式"),
            Text(
                en="How layers are drawn, for QGIS, MapLibre and others.",
                zh="图层的绘制样式，供 QGIS、MapLibre 等使用。",
            ),
            "/styles",
        ),
    ),
)
