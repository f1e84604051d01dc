"""Abstract test suite of OGC API – Environmental Data Retrieval (OGC 19-086r6, Annex A)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cite.suite import NotApplicable, Suite
from tests.cite.web import Document, Web

SUITE = Suite(
    "edr-1",
    "OGC API – Environmental Data Retrieval 1.1",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1",
)
_BODIES = {
    "CoverageJSON": {"Coverage", "CoverageCollection"},
    "GeoJSON": {"Feature", "FeatureCollection"},
}


def observed(web: Web) -> list[Document]:
    """Collections that data queries are offered for."""
    found = [one for one in web.collections if one.get("data_queries")]
    if not found:
        raise NotApplicable("no collection has data queries")
    return found


def coordinates(one: Document, kind: str) -> dict[str, str]:
    """Parameters of a data query inside of a collection's extent."""
    west, south, east, north = one["extent"]["spatial"]["bbox"][0][:4]
    x, y, dx, dy = (west + east) / 2, (south + north) / 2, (east - west) / 8, (north - south) / 8
    ring = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    area = ", ".join(f"{x + a * dx:.6f} {y + b * dy:.6f}" for a, b in ring)
    line = f"{x - dx:.6f} {y - dy:.6f}, {x + dx:.6f} {y + dy:.6f}"
    point = {"coords": f"POINT({x:.6f} {y:.6f})"}
    path = {"coords": f"LINESTRING({line})"}
    wide = {"corridor-width": "1", "width-units": "km"}
    return {
        "position": point,
        "radius": {**point, "within": "2", "within-units": "km"},
        "area": {"coords": f"POLYGON(({area}))"},
        "cube": {"bbox": f"{x - dx:.6f},{y - dy:.6f},{x + dx:.6f},{y + dy:.6f}"},
        "trajectory": path,
        "corridor": {**path, **wide, "corridor-height": "1", "height-units": "m"},
    }.get(kind, {})


def queries(web: Web) -> Iterator[tuple[Document, str, str]]:
    """Each data query of each collection that takes coordinates, with its address."""
    for one in observed(web):
        if "spatial" not in one.get("extent", {}):
            continue
        for kind, about in one["data_queries"].items():
            if coordinates(one, kind):
                yield one, kind, about["link"]["href"]


@SUITE.check("collections", "rc-md")
def _(web: Web) -> Iterator[str]:
    for one in observed(web):
        for key in ("id", "links", "extent", "data_queries", "parameter_names"):
            if key not in one:
                yield f"{one['id']} has no {key}"
        for kind, about in one["data_queries"].items():
            variables = about.get("link", {}).get("variables", {})
            if variables.get("query_type") != kind or about["link"].get("rel") != "data":
                yield f"{one['id']}: {kind} is described as {variables.get('query_type')}"


@SUITE.check("collections", "rc-parameter-names")
def _(web: Web) -> Iterator[str]:
    for one in observed(web):
        for name, about in one.get("parameter_names", {}).items():
            if about.get("type") != "Parameter" or "observedProperty" not in about:
                yield f"{one['id']}: parameter {name} is {sorted(about)}"


@SUITE.check("queries", "data-query")
def _(web: Web) -> Iterator[str]:
    for one, kind, href in queries(web):
        for form in one.get("output_formats", _BODIES):
            answer = web.get(href, "*/*", f=form, **_named(coordinates(one, kind)))
            if answer.status_code not in (200, 204):
                yield f"{one['id']} {kind} as {form}: {answer.status_code} {answer.text[:120]}"
            elif answer.status_code == 200 and form in _BODIES:
                found = answer.json().get("type")
                if found not in _BODIES[form]:
                    yield f"{one['id']} {kind} as {form} is a {found}"


@SUITE.check("queries", "coords-definition")
def _(web: Web) -> Iterator[str]:
    for one, kind, href in queries(web):
        if kind == "cube":
            continue
        for wrong in ({}, {"coords": ""}, {"coords": "POINT(nowhere)"}, {"coords": "POINT(1)"}):
            more = {k: v for k, v in coordinates(one, kind).items() if k != "coords"}
            status = web.get(href, "*/*", **_named({**more, **wrong})).status_code
            if status != 400:
                yield f"{one['id']} {kind} answers {status} to {wrong or 'no coords'}"


@SUITE.check("queries", "datetime-invalid")
def _(web: Web) -> Iterator[str]:
    for one, kind, href in queries(web):
        values = {**coordinates(one, kind), "datetime": "yesterday"}
        status = web.get(href, "*/*", **_named(values)).status_code
        if status != 400:
            yield f"{one['id']} {kind} answers {status} to datetime=yesterday"


@SUITE.check("queries", "parameter-name")
def _(web: Web) -> Iterator[str]:
    for one, kind, href in queries(web):
        values = {**coordinates(one, kind), "parameter-name": "no_such_parameter"}
        status = web.get(href, "*/*", **_named(values)).status_code
        if status not in (200, 204, 400, 404):
            yield f"{one['id']} {kind} answers {status} to an unknown parameter-name"


@SUITE.check("covjson", "content")
def _(web: Web) -> Iterator[str]:
    for one, kind, href in queries(web):
        values = _named(coordinates(one, kind))
        answer = web.get(href, "*/*", f="CoverageJSON", **values)
        if answer.status_code != 200:
            continue
        media = answer.headers["content-type"].partition(";")[0]
        if media not in ("application/vnd.cov+json", "application/prs.coverage+json"):
            yield f"{one['id']} {kind} is {media}"
        document = answer.json()
        for coverage in document.get("coverages", [document]):
            if coverage.get("type") != "Coverage" or not {"domain", "ranges"} <= coverage.keys():
                yield f"{one['id']} {kind}: a coverage has {sorted(coverage)}"


@SUITE.check("queries", "locations")
def _(web: Web) -> Iterator[str]:
    for one in observed(web):
        about = one["data_queries"].get("locations")
        if about is None:
            continue
        document = web.json(about["link"]["href"], "application/geo+json")
        if document.get("type") != "FeatureCollection":
            yield f"{one['id']}: locations are a {document.get('type')}"
        for feature in document.get("features", [])[:1]:
            href = f"{about['link']['href'].partition('?')[0]}/{feature['id']}"
            status = web.get(href, "*/*").status_code
            if status not in (200, 204):
                yield f"{href} answers {status}"


def _named(values: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in values.items()}
