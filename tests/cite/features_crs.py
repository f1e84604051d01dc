"""Abstract test suite of OGC API – Features – Part 2: reference systems (OGC 18-058r1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry import shape

from tests.cite.features_core import CRS84, definition_flaws, quoted
from tests.cite.suite import NotApplicable, Suite
from tests.cite.web import GEOJSON, Document, Web, items_url

SUITE = Suite(
    "features-2",
    "OGC API – Features – Part 2: Coordinate Reference Systems by Reference",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0",
)


@lru_cache(maxsize=32)
def system(uri: str) -> pyproj.CRS:
    """The reference system behind a URI, with its axes as its register defines them."""
    return pyproj.CRS.from_user_input(uri)


@lru_cache(maxsize=32)
def from_lonlat(uri: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(system(CRS84[0]), system(uri))


def systems(web: Web, collection: Document) -> list[str]:
    """URIs that a collection lists; ``#/crs`` stands for the list of all collections."""
    listed: list[str] = []
    for uri in collection.get("crs", []):
        listed += web.json("/collections")["crs"] if uri == "#/crs" else [uri]
    return listed


def spatial(web: Web) -> list[Document]:
    found = [one for one in web.feature_collections if "spatial" in one.get("extent", {})]
    if not found:
        raise NotApplicable("no collection of features has places")
    return found


@SUITE.check("crs", "crs-uri")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        for uri in systems(web, one):
            try:
                system(uri)
            except pyproj.exceptions.CRSError:
                yield f"{one['id']}: {uri} names no reference system"


@SUITE.check("crs", "fc-md-crs-list")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        if not set(systems(web, one)) & set(CRS84):
            yield f"{one['id']} does not list CRS84"


@SUITE.check("crs", "fc-md-storageCrs-valid-value")
def _(web: Web) -> Iterator[str]:
    for one in web.feature_collections:
        if "storageCrs" in one and one["storageCrs"] not in systems(web, one):
            yield f"{one['id']}: storageCrs {one['storageCrs']} is not among its crs"


@SUITE.check("crs", "fc-crs-definition")
def _(web: Web) -> Iterator[str]:
    yield from definition_flaws(web, "crs", {"type": "string", "format": "uri"})


@SUITE.check("crs", "fc-bbox-crs-definition")
def _(web: Web) -> Iterator[str]:
    yield from definition_flaws(web, "bbox-crs", {"type": "string", "format": "uri"})


def _hrefs(web: Web, one: Document) -> Iterator[str]:
    yield items_url(one)
    for feature in web.json(items_url(one), GEOJSON, limit=1)["features"]:
        yield web.url(f"/collections/{one['id']}/items/{quoted(feature['id'])}")


@SUITE.check("crs", "crs-parameter")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        for uri in systems(web, one):
            for href in _hrefs(web, one):
                answer = web.get(href, GEOJSON, crs=uri)
                if answer.status_code != 200:
                    yield f"{href} in {uri} answers {answer.status_code}"
                elif answer.headers.get("content-crs") != f"<{uri}>":
                    yield f"{href} in {uri}: Content-Crs {answer.headers.get('content-crs')}"


@SUITE.check("crs", "crs-parameter-transform")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        plain = web.json(items_url(one), GEOJSON, limit=10)["features"]
        for uri in systems(web, one):
            moved = web.json(items_url(one), GEOJSON, limit=10, crs=uri)["features"]
            if [f["id"] for f in moved] != [f["id"] for f in plain]:
                yield f"{one['id']} in {uri} has other features"
                continue
            for before, after in zip(plain, moved, strict=True):
                away = _distance(before["geometry"], after["geometry"], uri)
                if away > (1e-6 if system(uri).is_geographic else 0.1):
                    yield f"{one['id']} {before['id']} in {uri} is {away:g} off"


def _distance(lonlat: Document | None, moved: Document | None, uri: str) -> float:
    if lonlat is None or moved is None:
        return 0.0 if lonlat is moved else np.inf
    expected = shapely.transform(shape(lonlat), lambda xy: _moved(xy, uri))
    return float(shapely.hausdorff_distance(expected, shape(moved)))


def _moved(xy: npt.NDArray[np.float64], uri: str) -> npt.NDArray[np.float64]:
    return np.column_stack(from_lonlat(uri).transform(xy[:, 0], xy[:, 1]))


@SUITE.check("crs", "crs-parameter-default")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        for href in _hrefs(web, one):
            told = web.get(href, GEOJSON).headers.get("content-crs", "").strip("<>")
            if told not in (*CRS84, ""):
                yield f"{href} is in {told} without crs"


@SUITE.check("crs", "crs-parameter-invalid")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        for href in _hrefs(web, one):
            for wrong in ("http://www.opengis.net/def/crs/0/unknown/crs", "unknown"):
                status = web.get(href, GEOJSON, crs=wrong).status_code
                if status != 400:
                    yield f"{href} answers {status} to crs={wrong}"


@SUITE.check("crs", "bbox-crs-parameter")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        for box in (
            one["extent"]["spatial"]["bbox"][0],
            _grown(one["extent"]["spatial"]["bbox"][0]),
        ):
            expected = _ids(web, one, bbox=_text(box))
            for uri in systems(web, one):
                moved = from_lonlat(uri).transform_bounds(*box, densify_pts=21)
                found = _ids(web, one, bbox=_text(moved), bbox_crs=uri)
                if not expected <= found:
                    yield f"{one['id']}: {len(expected - found)} features are lost by bbox in {uri}"


def _grown(box: list[float]) -> list[float]:
    dx, dy = (box[2] - box[0]) / 100 + 1e-4, (box[3] - box[1]) / 100 + 1e-4
    return [box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy]


def _text(box: Any) -> str:
    return ",".join(f"{number:.9f}" for number in box)


def _ids(web: Web, one: Document, **values: str) -> set[str]:
    return {feature["id"] for feature in web.features(items_url(one), limit=1000, **values)}


@SUITE.check("crs", "bbox-crs-parameter-default")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        text = _text(one["extent"]["spatial"]["bbox"][0])
        if _ids(web, one, bbox=text) != _ids(web, one, bbox=text, bbox_crs=CRS84[0]):
            yield f"{one['id']}: bbox without bbox-crs is not read as CRS84"


@SUITE.check("crs", "bbox-crs-parameter-invalid")
def _(web: Web) -> Iterator[str]:
    for one in spatial(web):
        text = _text(one["extent"]["spatial"]["bbox"][0])
        status = web.get(items_url(one), bbox=text, bbox_crs="http://www.opengis.net/def/crs/0/x/y")
        if status.status_code != 400:
            yield f"{one['id']} answers {status.status_code} to an unknown bbox-crs"
