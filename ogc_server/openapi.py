"""The OpenAPI 3.0 definition: the parts of all blocks, built without touching a row.

QGIS and ArcGIS read their page size from ``components.parameters.limit``, and QGIS pushes a filter
down only to parameters with ``style: form``, ``explode: false`` and a typed schema; so both are
written for each collection.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from layers.spec import JSON_TYPES, LayerSpec, PropertySpec
from ogc_server.block import Block
from ogc_server.catalogue import Catalogue
from ogc_server.exporting.exports import EXPORTS
from ogc_server.features import GEOJSON, HTML, JSON
from ogc_server.metadata import COLLECTIONS, MOST_COLLECTIONS, OPENAPI, SCHEMA
from ogc_server.parameters import DEFAULT_LIMIT, MAXIMUM_LIMIT, RESERVED, queryable_names
from ogc_server.problem import MEDIA_TYPE
from ogc_server.reference import uris

JSONLD = "application/ld+json"


def document(
    catalogue: Catalogue, blocks: tuple[Block, ...], base: str, language: str
) -> dict[str, Any]:
    """Return the definition of the whole server for one audience."""
    city = catalogue.city
    parts = [block.definition(catalogue, language) for block in blocks]
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"Onemap – {city.title.say(language)}",
            "description": "OGC API – Features over the layers of the city.",
            "version": software_version(),
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "servers": [{"url": base}],
        "tags": [{"name": "server"}, {"name": "data"}],
        "paths": {path: entry for part in parts for path, entry in part.paths.items()},
        "components": {
            "parameters": _parameters(uris(city))
            | {name: _open(entry) for part in parts for name, entry in part.parameters.items()},
            "schemas": _schemas()
            | {name: entry for part in parts for name, entry in part.schemas.items()},
            "responses": _responses()
            | {name: entry for part in parts for name, entry in part.responses.items()},
        },
    }


def _open(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter that may have any value where the values to choose from are not listed."""
    schema = parameter.get("schema", {})
    if schema.get("enum") != []:
        return parameter
    return {**parameter, "schema": {k: value for k, value in schema.items() if k != "enum"}}


def software_version() -> str:
    """Return the version of the installed program, 0 where it is not installed."""
    try:
        return version("onemap")
    except PackageNotFoundError:
        return "0"


def operation(
    key: str, summary: str, media: str, schema: str, *, tag: str, parameters: list[Any]
) -> dict[str, Any]:
    """One path that is read by GET.

    Parameters
    ----------
    key : operationId.
    media, schema : of a good answer; ``schema`` is the name of a component.
    parameters : beside ``f`` and ``lang``.
    """
    content = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    answers = {
        "200": {
            "description": summary,
            "content": {**content, HTML: {"schema": {"type": "string"}}},
        },
        "400": {"$ref": "#/components/responses/InvalidParameter"},
        "404": {"$ref": "#/components/responses/NotFound"},
        "500": {"$ref": "#/components/responses/ServerError"},
    }
    return {
        "get": {
            "operationId": key,
            "summary": summary,
            "tags": [tag],
            "parameters": [ref("f"), ref("lang"), *parameters],
            "responses": answers,
        }
    }


def ref(name: str) -> dict[str, str]:
    """Reference to a parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def fixed_paths() -> dict[str, Any]:
    """Paths that every server has."""
    rows = (
        ("/", "getLandingPage", "Landing page", JSON, "landingPage"),
        ("/conformance", "getConformance", "Conformance declaration", JSON, "confClasses"),
        ("/collections", "getCollections", "Collections", JSON, "collections"),
        ("/openapi", "getOpenAPI", "This definition", OPENAPI, "anything"),
    )
    extra = {
        "/collections": [ref("collectionLimit"), ref("offset")],
        "/openapi": [ref("collections")],
    }
    return {
        path: operation(key, summary, media, schema, tag="server", parameters=extra.get(path, []))
        for path, key, summary, media, schema in rows
    }


def layer_paths(catalogue: Catalogue, language: str) -> dict[str, Any]:
    """Paths of every layer's collection, with the properties that can be filtered on.

    Where no layer is listed they are written once, for any collection.
    """
    paths = {
        path: entry for spec in catalogue for path, entry in _layer_paths(spec, language).items()
    }
    return paths or _any_paths()


def _any_paths() -> dict[str, Any]:
    home, own = "/collections/{collectionId}", [ref("collectionId")]
    rows: tuple[tuple[str, str, str, str, str, list[Any]], ...] = (
        ("", "describe", "Collection", JSON, "collection", []),
        ("/queryables", "queryables", "Queryables", SCHEMA, "anything", []),
        ("/schema", "schema", "Schema", SCHEMA, "anything", []),
        ("/items", "items", "Items", GEOJSON, "featureCollection",
         [ref(name) for name in RESERVED if name not in ("f", "lang")]),
        ("/items/{featureId}", "item", "One item", GEOJSON, "feature",
         [ref(name) for name in ("featureId", "crs", "properties", "skipGeometry", "as_of")]),
    )  # fmt: skip
    return {
        home + tail: operation(key, title, media, kind, tag="data", parameters=[*own, *more])
        for tail, key, title, media, kind, more in rows
    }


def _layer_paths(spec: LayerSpec, language: str) -> dict[str, Any]:
    home, title = f"/collections/{spec.id}", spec.title.say(language)
    filters = [
        _filter(p, language)
        for name, p in queryable_names(spec).items()
        if p is not None and p.type != "json" and name not in RESERVED
    ]
    shared = [ref(name) for name in RESERVED if name not in ("f", "lang")]
    item = [ref("featureId"), *(ref(n) for n in ("crs", "properties", "skipGeometry", "as_of"))]

    def about(verb: str, what: str, media: str, schema: str, extra: list[Any]) -> Any:
        key = f"{verb}.{spec.id}"
        return operation(key, f"{title}: {what}", media, schema, tag="data", parameters=extra)

    items = about("items", "items", GEOJSON, "featureCollection", [*shared, *filters])
    content = items["get"]["responses"]["200"]["content"]
    for export in EXPORTS.values():
        content[export.media] = {"schema": {"type": "string", "format": "binary"}}
    one = about("item", "one item", GEOJSON, "feature", item)
    for entry in (items, one):
        entry["get"]["responses"]["200"]["content"][JSONLD] = {"schema": {}}
    return {
        home: about("describe", "collection", JSON, "collection", []),
        f"{home}/queryables": about("queryables", "queryables", SCHEMA, "anything", []),
        f"{home}/schema": about("schema", "schema", SCHEMA, "anything", []),
        f"{home}/items": items,
        f"{home}/items/{{featureId}}": one,
    }


def _filter(p: PropertySpec, language: str) -> dict[str, Any]:
    schema = dict(JSON_TYPES[p.type])
    if p.values:
        schema["enum"] = list(p.values)
    # An empty value asks for the rows where it is missing.
    return {**_query(p.name, p.title.say(language), schema), "allowEmptyValue": True}


def query_parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """One query parameter, in the style that clients know how to write it in."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "required": False,
        "style": "form",
        "explode": False,
        "schema": schema,
    }


_query = query_parameter


def _parameters(systems: list[str]) -> dict[str, Any]:
    text, crs = {"type": "string"}, {"type": "string", "format": "uri", "enum": systems}
    words = {"type": "array", "items": text}
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    whole = {"type": "integer", "minimum": 0, "default": 0}
    key = {"type": "string", "pattern": r"^[+-]?[^+\-\s].*$"}
    keys = {"type": "array", "minItems": 1, "items": key}
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": MAXIMUM_LIMIT,
        "default": DEFAULT_LIMIT,
    }
    formats = {"type": "string", "enum": ["json", "html", "jsonld", *EXPORTS]}
    rows = (
        _query("f", "Format of the answer.", formats),
        _query("lang", "Language of titles: en or zh.", text),
        _query(
            "limit",
            "Rows on one page; more than the maximum is taken as the maximum. Formats of whole "
            "layers have no pages: with them it is the number of rows, all without it.",
            limit,
        ),
        _query("offset", "Number of the first row.", whole),
        _query("after", "Token of a next link.", text),
        _query("bbox", "minx,miny,maxx,maxy", numbers),
        _query("bbox-crs", "Reference system of bbox.", crs),
        _query("datetime", "RFC 3339 instant or start/end, .. for an open end.", text),
        _query("crs", "Reference system of the answer.", crs),
        _query("properties", "Properties wanted.", words),
        _query("skipGeometry", "Leave geometries out.", {"type": "boolean", "default": False}),
        _query("sortby", "Properties in order, - before one for descending.", keys),
        _query("filter", "CQL2 expression.", text),
        _query("filter-lang", "Language of filter.", _choice("cql2-text", "cql2-json")),
        _query("filter-crs", "Reference system of geometries in filter.", crs),
        _query("resulttype", "hits for the count alone.", _choice("results", "hits")),
        _query("as_of", "The layer as it stood at an instant.", {**text, "format": "date-time"}),
        _query("cells", "H3 cells, hexadecimal, of any resolution up to the layer's.", words),
    )
    named = {row["name"]: row for row in rows}
    identifier = {"name": "featureId", "in": "path", "required": True, "schema": text}
    collection = {"name": "collectionId", "in": "path", "required": True, "schema": text}
    named["collections"] = query_parameter("collections", "Names of collections.", words)
    pages = {"type": "integer", "minimum": 1, "maximum": MOST_COLLECTIONS, "default": COLLECTIONS}
    named["collectionLimit"] = query_parameter("limit", "Collections on one page.", pages)
    return {**named, "featureId": identifier, "collectionId": collection}


def _choice(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words), "default": words[0]}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _schemas() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    links = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
    many = {"type": "array", "items": {"$ref": "#/components/schemas/collection"}}
    features = {"type": "array", "items": {"$ref": "#/components/schemas/feature"}}
    count = {"type": "integer", "minimum": 0}
    geometry = {"type": "object", "nullable": True}
    return {
        "anything": {"type": "object"},
        "link": _object(("href", "rel"), href=text, rel=text, type=text, title=text),
        "landingPage": _object(("links",), title=text, description=text, links=links),
        "confClasses": _object(("conformsTo",), conformsTo={"type": "array", "items": text}),
        "collections": _object(("links", "collections"), links=links, collections=many),
        "collection": _object(
            ("id", "links"), id=text, title=text, description=text, links=links,
            extent={"type": "object"}, crs={"type": "array", "items": text}, storageCrs=text,
        ),
        "feature": _object(
            ("type", "geometry", "properties"), type=text, id=text, geometry=geometry,
            properties={"type": "object", "nullable": True}, links=links,
        ),
        "featureCollection": _object(
            ("type", "features"), type=text, features=features, links=links,
            timeStamp={"type": "string", "format": "date-time"},
            numberMatched=count, numberReturned=count,
        ),
        "exception": _object(
            ("code",), code=text, description=text, parameter=text, status={"type": "integer"}
        ),
    }  # fmt: skip


def _responses() -> dict[str, Any]:
    told = {"$ref": "#/components/schemas/exception"}
    content = {MEDIA_TYPE: {"schema": told}, HTML: {"schema": {"type": "string"}}}
    rows = {
        "InvalidParameter": "A query parameter is unknown or has a value that can't be used.",
        "NotFound": "There is no such thing for this reader.",
        "ServerError": "The server failed; the answer carries an id to be looked up in its log.",
    }
    return {name: {"description": words, "content": content} for name, words in rows.items()}
