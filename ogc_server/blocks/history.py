"""What was: all versions of one row. How a layer stood at a moment, items tell by ``as_of``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from layers.errors import QueryError
from layers.spec import LayerSpec
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door
from ogc_server.catalogue import Catalogue
from ogc_server.features import GEOJSON
from ogc_server.history import history_document
from ogc_server.openapi import operation, ref
from ogc_server.parameters import parse_items
from ogc_server.problem import not_found


def _history(request: Request) -> Response:
    """``/collections/{layer}/items/{fid}/history``: all versions of one row."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("crs", "properties", "skipGeometry")
    spec = asked.layer()
    wanted = parse_items(asked.catalogue, spec, asked.values)
    tag = etag(request, spec.id, asked.catalogue.revision(spec.id))
    held = unchanged(request, tag)
    if held is not None:
        return held
    fid = request.path_params["fid"]
    try:
        document = history_document(asked.catalogue, wanted, fid, asked.place())
    except QueryError as failure:
        raise not_found(f"item '{fid}' of collection '{spec.id}'") from failure
    return data_answer(document, GEOJSON, tag, Content_Crs=f"<{wanted.crs}>")


def _definition(catalogue: Catalogue, language: str) -> Definition:
    return Definition(paths=dict(_path(spec, language) for spec in catalogue))


def _path(spec: LayerSpec, language: str) -> tuple[str, object]:
    said = operation(
        f"history.{spec.id}",
        f"{spec.title.say(language)}: all versions of one item",
        GEOJSON,
        "featureCollection",
        tag="data",
        parameters=[ref(n) for n in ("featureId", "crs", "properties", "skipGeometry")],
    )
    return f"/collections/{spec.id}/items/{{featureId}}/history", said


BLOCK = Block(
    name="history",
    doors=(Door("/collections/{layer}/items/{fid}/history", {"GET": _history}),),
    definition=_definition,
)
