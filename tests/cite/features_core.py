"""Abstract test suite of OGC API – Features – Part 1 (OGC 17-069r4, Annex A)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import shapely
from openapi_spec_validator import OpenAPIV30SpecValidator
from shapely.geometry import shape

from tests.cite.suite import NotApplicable, Suite
from tests.cite.web import GEOJSON, Document, Web, items_url, link, links

SUITE = Suite(
    "features-1",
    "OGC API – Features – Part 1: Core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0",
)
CRS84 = (
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "http://www.opengis.net/def/crs/OGC/0/CRS84h",
)
# Across the meridian, the equator, the antimeridian, at the poles, as abstract test 15 asks for.
BOXES = (
    (-1.5, 50.0, 1.5, 53.0),
    (-80.0, -5.0, -70.0, 5.0),
    (177.0, 65.0, -177.0, 70.0),
    (-180.0, 85.0, 180.0, 90.0),
    (-180.0, -90.0, 180.0, -85.0),
)


def quoted(fid: object) -> str:
    """Id of a feature as one part of a path."""
    return quote(str(fid), safe="")


def typed(document: Document, *rels: str) -> Iterator[str]:
    """Links of these relations have ``rel`` and ``type``."""
    for one in document.get("links", []):
        if one.get("rel") in rels and not one.get("type"):
            yield f"link {one.get('rel')} to {one.get('href')} has no type"


def alternates(document: Document, what: str) -> Iterator[str]:
    """A link to the document itself, and one for each other media type."""
    if link(document, "self") is None:
        yield f"{what} has no link to itself"
    if link(document, "alternate", "text/html") is None:
        yield f"{what} has no link to itself as HTML"
    yield from typed(document, "self", "alternate")


def page_flaws(page: Document, what: str, since: datetime) -> Iterator[str]:
    """Check fc-response with fc-links, fc-timeStamp and fc-numberReturned."""
    if page.get("type") != "FeatureCollection":
        yield f"{what}: type is {page.get('type')!r}"
    if not isinstance(page.get("features"), list):
        yield f"{what}: features is no array"
        return
    yield from alternates(page, what)
    stamp = page.get("timeStamp")
    if stamp is not None:
        moment = datetime.fromisoformat(stamp)
        if not since - timedelta(seconds=2) <= moment <= datetime.now(UTC) + timedelta(seconds=2):
            yield f"{what}: timeStamp {stamp} is not the time of the answer"
    told, held = page.get("numberReturned"), len(page["features"])
    if told not in (None, held):
        yield f"{what}: numberReturned {told} for {held} features"


def asked(web: Web, collection: Document, **values: Any) -> Iterator[str]:
    """One question to a collection: status, form, and its count against all its pages."""
    what = f"{collection['id']} {values or ''}".strip()
    since = datetime.now(UTC)
    answer = web.get(items_url(collection), GEOJSON, **values)
    if answer.status_code != 200:
        yield f"{what} answers {answer.status_code}"
        return
    if answer.headers["content-type"].partition(";")[0] != GEOJSON:
        yield f"{what} is {answer.headers['content-type']}"
    page = answer.json()
    # An answer that was kept from an earlier check has an earlier time.
    yield from page_flaws(page, what, since - timedelta(hours=1))
    if "numberMatched" in page:
        found = len(web.features(items_url(collection), **values))
        if found != page["numberMatched"]:
            yield f"{what}: numberMatched {page['numberMatched']}, its pages hold {found}"


def definition_flaws(web: Web, name: str, schema: Document) -> Iterator[str]:
    """A parameter stands in the API definition of every collection's items as it has to."""
    for one in web.feature_collections:
        path = f"/collections/{one['id']}/items"
        found = web.parameter(path, name)
        if found is None:
            yield f"{path} has no parameter {name} in the API definition"
            continue
        wanted = {"in": "query", "style": "form", "explode": False}
        for key, value in wanted.items():
            if found.get(key, value if key == "style" else None) != value:
                yield f"{path}: {name}.{key} is {found.get(key)!r}"
        if found.get("required", False):
            yield f"{path}: {name} is required"
        told = web.followed(found["schema"])
        for key, value in schema.items():
            if told.get(key) != value:
                yield f"{path}: {name}.schema.{key} is {told.get(key)!r}"


@SUITE.check("core", "root-op")
def _(web: Web) -> Iterator[str]:
    if web.get("/").status_code != 200:
        yield f"the landing page answers {web.get('/').status_code}"


@SUITE.check("core", "root-success")
def _(web: Web) -> Iterator[str]:
    rels = {one["rel"] for one in web.landing["links"]}
    for rel in ("conformance", "data"):
        if rel not in rels:
            yield f"the landing page has no link {rel}"
    if not rels & {"service-desc", "service-doc"}:
        yield "the landing page leads to no API definition"


@SUITE.check("core", "api-definition-op")
def _(web: Web) -> Iterator[str]:
    for one in [*links(web.landing, "service-desc"), *links(web.landing, "service-doc")]:
        status = web.get(one["href"], one["type"]).status_code
        if status != 200:
            yield f"{one['href']} answers {status}"


@SUITE.check("core", "api-definition-success")
def _(web: Web) -> Iterator[str]:
    for flaw in OpenAPIV30SpecValidator(web.api).iter_errors():
        yield f"{'/'.join(map(str, flaw.absolute_path))}: {flaw.message[:200]}"


@SUITE.check("core", "conformance-op")
def _(web: Web) -> Iterator[str]:
    if web.get("/conformance").status_code != 200:
        yield "/conformance does not answer"


@SUITE.check("core", "conformance-success")
def _(web: Web) -> Iterator[str]:
    for uri in sorted(web.conformance):
        if not re.fullmatch(
            r"https?://www\.opengis\.net/spec/[\w.-]+/[\d.]+/(conf|req)/[\w./-]+", uri
        ):
            yield f"{uri} is no URI of a conformance class"


@SUITE.check("core", "http")
def _(web: Web) -> Iterator[str]:
    answer = web.get("/")
    if answer.http_version not in ("HTTP/1.1", "HTTP/2"):
        yield f"the server speaks {answer.http_version}"
    if web.ask("DELETE", "/conformance").status_code != 405:
        yield "a method that is not offered does not answer 405"
    if web.get("/collections/no-such-collection").status_code != 404:
        yield "what does not exist does not answer 404"


@SUITE.check("core", "fc-md-op")
def _(web: Web) -> Iterator[str]:
    if not web.collections:
        yield "there are no collections"


@SUITE.check("core", "fc-md-links")
def _(web: Web) -> Iterator[str]:
    yield from alternates(web.json("/collections"), "/collections")


@SUITE.check("core", "fc-md-items")
def _(web: Web) -> Iterator[str]:
    ids = [one["id"] for one in web.collections]
    yield from (f"{key} is listed twice" for key in {key for key in ids if ids.count(key) > 1})
    for one in web.collections:
        if "links" not in one:
            yield f"{one['id']} has no links"


@SUITE.check("core", "fc-md-items-links")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        for media in (GEOJSON, "text/html"):
            if link(one, "items", media) is None:
                yield f"{one['id']} has no link items as {media}"
        yield from typed(one, "items")


@SUITE.check("core", "fc-md-extent")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        extent = one.get("extent", {})
        for box in extent.get("spatial", {}).get("bbox", []):
            if len(box) not in (4, 6) or not -180 <= box[0] <= 180 or not -90 <= box[1] <= 90:
                yield f"{one['id']}: extent {box}"
        if extent.get("spatial", {}).get("crs", CRS84[0]) not in CRS84:
            yield f"{one['id']}: extent in {extent['spatial']['crs']}"
        for ends in extent.get("temporal", {}).get("interval", []):
            known = [datetime.fromisoformat(end) for end in ends if end is not None]
            if len(ends) != 2 or known != sorted(known):
                yield f"{one['id']}: interval {ends}"


@SUITE.check("core", "sfc-md-op")
def _(web: Web) -> Iterator[str]:
    for one in web.collections:
        status = web.get(f"/collections/{one['id']}").status_code
        if status != 200:
            yield f"/collections/{one['id']} answers {status}"


@SUITE.check("core", "sfc-md-success")
def _(web: Web) -> Iterator[str]:
    for one in web.collections:
        alone = web.json(f"/collections/{one['id']}")
        for key in ("id", "title", "description", "extent", "itemType", "crs"):
            if alone.get(key) != one.get(key):
                yield f"{one['id']}: {key} differs from its entry in /collections"


@SUITE.check("core", "fc-op")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        yield from asked(web, one)


@SUITE.check("core", "fc-bbox-definition")
def _(web: Web) -> Iterator[str]:
    yield from definition_flaws(web, "bbox", {"type": "array", "minItems": 4, "maxItems": 6})


@SUITE.check("core", "fc-bbox-response")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        extent = one.get("extent", {}).get("spatial", {}).get("bbox")
        inside = [_middle(extent[0])] if extent else []
        everything = web.features(items_url(one), limit=1000)
        for box in (*inside, *BOXES):
            text = ",".join(map(str, box))
            yield from asked(web, one, bbox=text)
            found = {f["id"] for f in web.features(items_url(one), bbox=text)}
            expected = {f["id"] for f in everything if _meets(f["geometry"], box)}
            if found != expected:
                yield f"{one['id']} in {text}: {len(found)} features, {len(expected)} lie there"


def _middle(box: list[float]) -> tuple[float, float, float, float]:
    minx, miny, maxx, maxy = box if len(box) == 4 else (*box[:2], *box[3:5])
    dx, dy = (maxx - minx) / 4, (maxy - miny) / 4
    return minx + dx, miny + dy, maxx - dx, maxy - dy


def _meets(geometry: Document | None, box: tuple[float, ...]) -> bool:
    if geometry is None:
        return True
    minx, miny, maxx, maxy = box
    parts = [shapely.box(minx, miny, maxx, maxy)]
    if minx > maxx:
        parts = [shapely.box(minx, miny, 180, maxy), shapely.box(-180, miny, maxx, maxy)]
    return any(bool(part.intersects(shape(geometry))) for part in parts)


@SUITE.check("core", "fc-limit-definition")
def _(web: Web) -> Iterator[str]:
    yield from definition_flaws(web, "limit", {"type": "integer"})
    for one in web.feature_collections:
        schema = (web.parameter(f"/collections/{one['id']}/items", "limit") or {}).get("schema", {})
        for key in ("minimum", "default"):
            if schema.get(key, 0) < 1:
                yield f"{one['id']}: limit has {key} {schema.get(key)}"


@SUITE.check("core", "fc-limit-response")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        schema = (web.parameter(f"/collections/{one['id']}/items", "limit") or {})["schema"]
        most = schema["maximum"]
        for limit in (schema["minimum"], 7, most, most + 1):
            found = len(web.json(items_url(one), GEOJSON, limit=limit)["features"])
            if found > min(limit, most):
                yield f"{one['id']}: {found} features for limit={limit}, maximum {most}"
        for limit in (7, 100):
            yield from asked(web, one, limit=limit)


@SUITE.check("core", "fc-time-definition")
def _(web: Web) -> Iterator[str]:
    yield from definition_flaws(web, "datetime", {"type": "string"})


@SUITE.check("core", "fc-time-response")
def _(web: Web) -> Iterator[str]:
    timed = [one for one in web.feature_collections if "temporal" in one.get("extent", {})]
    if not timed:
        raise NotApplicable("no collection has a temporal extent")
    for one in timed:
        start, end = (one["extent"]["temporal"]["interval"][0] + [None])[:2]
        total = len(web.features(items_url(one), limit=1000))
        whole = f"{start or '..'}/{end or '..'}"
        for text in (whole, f"{start or '..'}/..", f"../{end or '..'}", start or end):
            yield from asked(web, one, datetime=text)
        if len(web.features(items_url(one), datetime=whole)) != total:
            yield f"{one['id']}: its whole interval {whole} does not hold all its features"
        if start and len(web.features(items_url(one), datetime=f"../{_before(start)}")) == total:
            yield f"{one['id']}: features before its interval"


def _before(text: str) -> str:
    return (datetime.fromisoformat(text) - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")


@SUITE.check("core", "fc-numberMatched")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        first = web.json(items_url(one), GEOJSON, limit=9)
        ids = [feature["id"] for feature in web.features(items_url(one), limit=1000)]
        if len(set(ids)) != len(ids):
            yield f"{one['id']}: features are repeated on its pages"
        if first.get("numberMatched", len(ids)) != len(ids):
            yield f"{one['id']}: numberMatched {first['numberMatched']}, there are {len(ids)}"


@SUITE.check("core", "f-op")
def _(web: Web) -> Iterator[str]:
    for one, feature in _first(web):
        href = f"/collections/{one['id']}/items/{quoted(feature['id'])}"
        if web.operation(href) is None:
            yield f"{href} is not in the API definition"
        answer = web.get(href, GEOJSON)
        if answer.status_code != 200:
            yield f"{href} answers {answer.status_code}"
        elif answer.json()["geometry"] != feature["geometry"]:
            yield f"{href} differs from its entry in items"


@SUITE.check("core", "f-success")
def _(web: Web) -> Iterator[str]:
    for one, feature in _first(web):
        alone = web.json(f"/collections/{one['id']}/items/{quoted(feature['id'])}", GEOJSON)
        if (alone.get("type"), alone.get("id")) != ("Feature", feature["id"]):
            yield f"{one['id']}: {alone.get('type')} {alone.get('id')} for {feature['id']}"


@SUITE.check("core", "f-links")
def _(web: Web) -> Iterator[str]:
    for one, feature in _first(web):
        what = f"/collections/{one['id']}/items/{quoted(feature['id'])}"
        alone = web.json(what, GEOJSON)
        yield from alternates(alone, what)
        if link(alone, "collection") is None:
            yield f"{what} has no link collection"
        yield from typed(alone, "collection")


def _first(web: Web) -> Iterator[tuple[Document, Document]]:
    for one in web.feature_collections:
        for feature in web.json(items_url(one), GEOJSON, limit=1)["features"]:
            yield one, feature


@SUITE.check("core", "query-param-unknown")
def _(web: Web) -> Iterator[str]:
    paths = ["/", "/conformance", "/collections"]
    paths += [f"/collections/{one['id']}/items" for one in web.feature_collections]
    for path in paths:
        status = web.get(path, unknown_parameter_of_a_test="1").status_code
        if status != 400:
            yield f"{path} answers {status} to an unknown parameter"


@SUITE.check("core", "query-param-invalid")
def _(web: Web) -> Iterator[str]:
    wrong = [{"limit": "-1"}, {"limit": "many"}, {"bbox": "1,2,3"}, {"bbox": "a,b,c,d"}]
    wrong += [
        {"datetime": "yesterday"},
        {"datetime": "2020-13-01T00:00:00Z"},
        {"bbox": "NaN,0,1,1"},
    ]
    for one in web.feature_collections:
        for values in wrong:
            status = web.get(items_url(one), **values).status_code
            if status != 400:
                yield f"{one['id']} answers {status} to {values}"


@SUITE.check("geojson", "definition")
def _(web: Web) -> Iterator[str]:
    for one, feature in _first(web):
        for href in (items_url(one), f"/collections/{one['id']}/items/{quoted(feature['id'])}"):
            media = web.get(href, GEOJSON).headers["content-type"]
            if media.partition(";")[0] != GEOJSON:
                yield f"{href} is {media}"


@SUITE.check("geojson", "content")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        for feature in web.json(items_url(one), GEOJSON)["features"]:
            members = {"type", "id", "geometry", "properties"}
            if not members <= feature.keys() or feature["type"] != "Feature":
                yield f"{one['id']}: a feature has {sorted(feature)}"
            if feature["geometry"] is not None and not shape(feature["geometry"]).is_valid:
                yield f"{one['id']}: {feature['id']} has an invalid geometry"


@SUITE.check("html", "definition")
def _(web: Web) -> Iterator[str]:
    paths = ["/", "/conformance", "/collections"]
    for one, feature in _first(web):
        home = f"/collections/{one['id']}"
        paths += [home, f"{home}/items", f"{home}/items/{quoted(feature['id'])}"]
    for path in paths:
        answer = web.get(path, "text/html")
        media = answer.headers["content-type"].partition(";")[0]
        if (answer.status_code, media) != (200, "text/html"):
            yield f"{path} as HTML: {answer.status_code} {media}"


@SUITE.check("html", "content")
def _(web: Web) -> Iterator[str]:
    for one, feature in _first(web):
        page = web.get(f"/collections/{one['id']}/items/{quoted(feature['id'])}", "text/html").text
        if str(feature["id"]) not in page or "<html" not in page.lower():
            yield f"the page of {one['id']} {feature['id']} does not show it"


@SUITE.check("oas30", "oas-definition-1")
def _(web: Web) -> Iterator[str]:
    if not str(web.api.get("openapi", "")).startswith("3.0"):
        yield f"the API definition is OpenAPI {web.api.get('openapi')}"
    rels = [one.get("type", "") for one in links(web.landing, "service-desc")]
    if "application/vnd.oai.openapi+json;version=3.0" not in rels:
        yield f"service-desc has types {rels}"


@SUITE.check("oas30", "completeness")
def _(web: Web) -> Iterator[str]:
    paths = ["/", "/conformance", "/collections"]
    for one, feature in _first(web):
        home = f"/collections/{one['id']}"
        paths += [home, f"{home}/items", f"{home}/items/{quoted(feature['id'])}"]
    for path in paths:
        if web.operation(path) is None:
            yield f"{path} is not in the API definition"


@SUITE.check("oas30", "exceptions-codes")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        path = f"/collections/{one['id']}/items"
        answers = (web.operation(path) or {}).get("responses", {})
        for status in ("200", "400"):
            if not {status, f"{status[0]}XX", "default"} & answers.keys():
                yield f"{path} tells nothing of status {status}"


@SUITE.check("oas30", "security")
def _(web: Web) -> Iterator[str]:
    named = {key for rule in web.api.get("security", []) for key in rule}
    for key in named - web.api.get("components", {}).get("securitySchemes", {}).keys():
        yield f"security scheme {key} is not defined"
