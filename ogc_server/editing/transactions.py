"""Writing features: create, replace, update, delete (OGC 20-002), as whole units with history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.query import Query
from layers.spec import LayerSpec
from layers.store.base import Page, Transaction
from ogc_server.answers import data_answer
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.editing.edit import Edit, Json
from ogc_server.editing.feature_body import (
    GEOJSON_TYPES,
    PATCH_TYPES,
    Checked,
    checked,
    content_crs,
    features_of,
    merge_patch,
    parse_object,
    read_body,
    without_told,
)
from ogc_server.editing.turns import in_turn
from ogc_server.editing.versions import check_preconditions, version_of
from ogc_server.features import JSON
from ogc_server.places import JURISDICTION
from ogc_server.problem import RequestError
from ogc_server.reference import CRS84

ACCEPTED = {
    "POST": {"Accept-Post": ", ".join(GEOJSON_TYPES)},
    "PATCH": {"Accept-Patch": ", ".join(PATCH_TYPES)},
}


def editable(catalogue: Catalogue, spec: LayerSpec) -> bool:
    """Whether who asks may change rows of a layer.

    What the platform writes nobody else does, and outlines of units, by which everybody's walls are
    found, only those who manage them.
    """
    if spec.id in catalogue.city.platform_layers:
        return False
    walls = spec.id in ADMINISTRATIVE_LAYERS
    return catalogue.audience.edits(spec) and (not walls or catalogue.audience.may("manage"))


def allowed_on_items(request: Request) -> tuple[str, ...]:
    """Methods of a collection's items for who asks; RequestError 404 for a hidden layer."""
    return ("GET", "POST") if _editable(request) else ("GET",)


def allowed_on_item(request: Request) -> tuple[str, ...]:
    """Methods of one item for who asks; RequestError 404 for a hidden layer."""
    return ("GET", "PUT", "PATCH", "DELETE") if _editable(request) else ("GET",)


def _editable(request: Request) -> bool:
    catalogue: Catalogue = request.scope[CATALOGUE_KEY]
    return editable(catalogue, catalogue.layer(request.path_params["layer"]))


async def create(request: Request) -> Response:
    """``POST …/items``: add a feature, or all features of a collection, or none of them."""
    body = await read_body(request, GEOJSON_TYPES)
    return await in_turn(_create, request, body)


async def replace_item(request: Request) -> Response:
    """``PUT …/items/{fid}``: put a feature in the place of another."""
    body = await read_body(request, GEOJSON_TYPES)
    return await in_turn(_replace, request, body)


async def patch_item(request: Request) -> Response:
    """``PATCH …/items/{fid}``: change parts of a feature by JSON Merge Patch (RFC 7396)."""
    body = await read_body(request, PATCH_TYPES)
    return await in_turn(_patch, request, body)


async def delete_item(request: Request) -> Response:
    """``DELETE …/items/{fid}``: move a feature to the layer's history."""
    return await in_turn(_delete, request)


def _delete(request: Request) -> Response:
    edit = Edit.of(request)
    with edit.asked.catalogue.store.transaction() as unit:
        check_preconditions(request.headers, version_of(edit.standing(unit)))
        edit.note(unit, "delete", [edit.fid])
        unit.delete(edit.spec, [edit.fid], at=edit.now)
    return Response(status_code=204)


def _create(request: Request, body: bytes) -> Response:
    edit = Edit.of(request)
    document = parse_object(body)
    features = [without_told(feature) for feature in features_of(document)]
    crs = content_crs(request, edit.asked.catalogue.city)
    with edit.asked.catalogue.store.transaction() as unit:
        rows = checked(edit.asked.catalogue.city, edit.spec, edit.with_ids(unit, features), crs)
        taken = unit.page(Query(edit.spec.id, fids=tuple(rows.fids), properties=(), limit=1))
        if taken.fids:
            words = f"the id '{taken.fids[0]}' can't be used: there is such a row already"
            raise RequestError(409, "Conflict", words)
        if not edit.spec.has_geometry:
            rows.frame[JURISDICTION] = edit.home_unit()
        edit.put(unit, "create", rows)
        tag = edit.tag(unit, rows.fids[0])
    if document["type"] == "Feature":
        headers = {"Location": edit.url(rows.fids[0]), "ETag": tag}
        return Response(status_code=201, headers=headers)
    answer = data_answer({"created": [edit.url(fid) for fid in rows.fids]}, JSON)
    answer.status_code = 201
    return answer


def _replace(request: Request, body: bytes) -> Response:
    features = features_of(parse_object(body))
    if len(features) != 1:
        raise RequestError(400, "InvalidBody", "expected one Feature")
    edit = Edit.of(request)
    crs = content_crs(request, edit.asked.catalogue.city)
    with edit.asked.catalogue.store.transaction() as unit:
        standing = edit.standing(unit)
        return _change(edit, unit, "replace", standing, features[0], crs)


def _patch(request: Request, body: bytes) -> Response:
    given = parse_object(body)
    edit = Edit.of(request)
    # A patch without a place keeps the one that stands, which is in lon/lat.
    crs = content_crs(request, edit.asked.catalogue.city) if "geometry" in given else CRS84
    with edit.asked.catalogue.store.transaction() as unit:
        standing = edit.standing(unit)
        (feature,) = features_of(merge_patch(_as_feature(standing), given))
        return _change(edit, unit, "update", standing, feature, crs)


def _change(
    edit: Edit, unit: Transaction, what: str, standing: Page, feature: Json, crs: str
) -> Response:
    check_preconditions(edit.asked.request.headers, version_of(standing))
    feature = edit.named(standing, without_told(feature))
    rows = checked(edit.asked.catalogue.city, edit.spec, [feature], crs)
    if not edit.spec.has_geometry or _same_place(standing, feature, crs):
        rows = _where_it_stood(edit, unit, rows)
    edit.put(unit, what, rows)
    return Response(status_code=204, headers={"ETag": edit.tag(unit, edit.fid)})


def _same_place(standing: Page, feature: Json, crs: str) -> bool:
    (text,) = standing.geometries
    return crs == CRS84 and text is not None and orjson.loads(text) == feature.get("geometry")


def _where_it_stood(edit: Edit, unit: Transaction, rows: Checked) -> Checked:
    """Keep place and unit: what is read has fewer decimals than what is stored."""
    stood = unit.frame(edit.whole())
    frame = rows.frame.copy()
    frame[JURISDICTION] = stood[JURISDICTION].to_numpy(object)
    if edit.spec.has_geometry:
        frame = frame.set_geometry(np.asarray(stood.geometry.array, object), crs="EPSG:4326")
    return replace(rows, frame=frame)


def _as_feature(standing: Page) -> Json:
    """Return the row that stands as plain GeoJSON in lon/lat."""
    (geometry,) = standing.geometries
    values: Any = dict(zip(standing.names, standing.rows[0], strict=True))
    place = None if geometry is None else orjson.loads(geometry)
    properties = orjson.loads(orjson.dumps(values, option=orjson.OPT_UTC_Z))
    return {"type": "Feature", "id": standing.fids[0], "geometry": place, "properties": properties}
