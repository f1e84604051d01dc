"""Features as clients send them: GeoJSON and JSON Merge Patch, checked before any is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import orjson
import shapely
from starlette.requests import Request

from ingest.gate import Gate, Rows
from layers.city import City
from layers.spec import LayerSpec
from ogc_server.bodies import bounded_body, media_type
from ogc_server.places import CELL, JURISDICTION
from ogc_server.problem import RequestError
from ogc_server.reference import CRS84, parse_crs, proj_name, swaps_axes

GEOJSON_TYPES = ("application/geo+json", "application/json")
PATCH_TYPES = ("application/merge-patch+json", *GEOJSON_TYPES)
LARGEST = 16 * 1024 * 1024
MOST_FEATURES = 10_000
# In metres or degrees; further out a projection counts turns round the globe.
_FURTHEST = 1e9
Json = dict[str, Any]


async def read_body(request: Request, media: tuple[str, ...]) -> bytes:
    """Return a request's body.

    Raises
    ------
    RequestError
        400 without a media type, 415 for another one than ``media``, 413 for a body that is too
        large.
    """
    given = media_type(request)
    expected = " or ".join(media)
    if not given:
        raise RequestError(400, "MissingContentType", f"expected Content-Type: {expected}")
    if given not in media:
        words = f"found Content-Type: {given}, expected {expected}"
        raise RequestError(415, "UnsupportedMediaType", words)
    words = f"more than {LARGEST:,} bytes in one request"
    return await bounded_body(request, LARGEST, RequestError(413, "BodyTooLarge", words))


def parse_object(body: bytes) -> Json:
    """Read a JSON object; RequestError 400 for anything else."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError as failure:
        raise RequestError(400, "InvalidBody", f"the body is no JSON: {failure}") from failure
    if not isinstance(read, dict):
        raise RequestError(400, "InvalidBody", "the body is no JSON object")
    return read


def features_of(document: Json) -> list[Json]:
    """Features of a Feature or a FeatureCollection; RequestError 400 for anything else."""
    kind = document.get("type")
    rows = document.get("features") if kind == "FeatureCollection" else [document]
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, "InvalidBody", "features: expected a list with some")
    if len(rows) > MOST_FEATURES:
        words = f"{len(rows):,} features, at most {MOST_FEATURES:,} are taken at once"
        raise RequestError(413, "BodyTooLarge", words)
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.get("type") != "Feature":
            raise _wrong(number, len(rows), "type", f"expected Feature, found {kind!r}")
        if not isinstance(row.get("properties") or {}, dict):
            raise _wrong(number, len(rows), "properties", "expected an object")
        if not isinstance(row.get("geometry"), dict | None):
            raise _wrong(number, len(rows), "geometry", "expected an object or null")
    return rows


def _wrong(number: int, of: int, field: str, reason: str) -> RequestError:
    """Refuse a feature (422), saying which one of several."""
    where = f"feature {number + 1}, " if of > 1 else ""
    return RequestError(422, "InvalidFeature", f"{where}{field}: {reason}", field)


def content_crs(request: Request, city: City) -> str:
    """URI of the system that a body's coordinates are in, from the header ``Content-Crs``."""
    given = request.headers.get("content-crs")
    if given is None:
        return CRS84
    return parse_crs(given.strip().removeprefix("<").removesuffix(">"), "Content-Crs", city)


@dataclass(frozen=True)
class Checked:
    """Features that meet the layer's declaration.

    Attributes
    ----------
    frame : rows as the store takes them, EPSG:4326.
    fids : id of each row.
    """

    frame: Any
    fids: list[str]


def checked(city: City, spec: LayerSpec, features: list[Json], crs: str) -> Checked:
    """Check features by the same gate that feeds pass.

    Parameters
    ----------
    features : with the id among their properties.
    crs : URI of the system of their coordinates.

    Raises
    ------
    RequestError
        422 naming the property, what was found and what was expected.
    """
    known = {p.name for p in spec.properties}
    for number, feature in enumerate(features):
        for name in feature.get("properties") or {}:
            if name not in known:
                words = f"is not declared; there are {', '.join(sorted(known))}"
                raise _wrong(number, len(features), name, words)
    columns = {
        name: [(feature.get("properties") or {}).get(name) for feature in features]
        for name in known
    }
    shapes = _shapes(spec, features, crs)
    rows = Rows(range(1, len(features) + 1), columns, shapes, lambda row: "")
    gate = Gate(city, spec, feed="edit", file="", crs=proj_name(crs), zone=None)
    passed = gate.check(rows)
    if passed.rejects:
        first = cast(Any, passed.rejects[0])
        raise _wrong(first.line - 1, len(features), first.field, first.detail)
    fids = [str(value) for value in passed.frame[spec.id_field]]
    return Checked(passed.frame, fids)


def _shapes(spec: LayerSpec, features: list[Json], crs: str) -> Any:
    shapes = np.full(len(features), None, object)
    for number, feature in enumerate(features):
        geometry = feature.get("geometry")
        if geometry is None:
            continue
        if not spec.has_geometry:
            raise _wrong(number, len(features), "geometry", f"'{spec.id}' has no places")
        try:
            shapes[number] = shapely.from_geojson(orjson.dumps(geometry))
        except (shapely.GEOSException, TypeError, ValueError) as failure:
            raise _wrong(number, len(features), "geometry", f"can't be read: {failure}") from None
        if np.abs(shapely.get_coordinates(shapes[number])).max(initial=0) > _FURTHEST:
            raise _wrong(number, len(features), "geometry", "lies beyond every reference system")
    if swaps_axes(crs):
        shapes = shapely.transform(shapes, lambda pairs: pairs[:, ::-1])
    return shapely.force_2d(shapes) if spec.has_geometry else None


def without_told(feature: Json) -> Json:
    """Return a feature without what the server tells beside its own properties.

    A client that read a feature sends all of it back.
    """
    told = (CELL, JURISDICTION)
    properties = {k: v for k, v in (feature.get("properties") or {}).items() if k not in told}
    return {**feature, "properties": properties}


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
