"""Versions of a row as entity tags: what a client holds against what stands (RFC 9110, 8.8 and 13).

A tag has two parts: the version of the row, made of all it holds, and the form it was asked for in.
If-Match asks for the version alone: a row that was read in another CRS is the same row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import orjson

from layers.query import Query
from layers.spec import LayerSpec
from layers.store import Page
from ogc_server.catalogue import Catalogue
from ogc_server.places import JURISDICTION
from ogc_server.problem import RequestError

_TAG = re.compile(r'(?:W/)?"([0-9a-f]{24})(?:-[0-9a-f]{8})?"')


def version_of(page: Page) -> str:
    """Version of the one row of a page with all its properties and its geometry, 24 hex digits."""
    content = orjson.dumps(
        [page.fids, page.geometries, [list(row) for row in page.rows]], default=str
    )
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def whole_row(catalogue: Catalogue, spec: LayerSpec, fid: str) -> Query:
    """Return the question for all that a version is made of, as the reader may see it.

    Parameters
    ----------
    spec : the layer as it is stored.
    """
    names = (*(p.name for p in spec.properties), JURISDICTION)
    return catalogue.everything(spec.id).but(fids=(fid,), limit=1, properties=names)


def tag_of(version: str, form: str) -> str:
    """Strong entity tag of a row in one form, such as a CRS or a selection of properties."""
    variant = hashlib.blake2b(form.encode(), digest_size=4).hexdigest()
    return f'"{version}-{variant}"'


def form_of(base: str, values: Mapping[str, str]) -> str:
    """Name the form that a row is asked for in: its links' base URL and the query parameters."""
    return repr((base, sorted(values.items())))


def check_preconditions(headers: Mapping[str, str], version: str | None) -> None:
    """Compare If-Match and If-None-Match with what stands.

    Proxies that compress mark tags as weak; the version is made of the content, so it is
    compared all the same.

    Parameters
    ----------
    version : of the row as it stands, None where there is none.

    Raises
    ------
    RequestError
        412 where a condition fails.
    """
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted is not None and not _holds(wanted, version):
        raise RequestError(412, "PreconditionFailed", "the row has changed since it was read")
    if unwanted is not None and _holds(unwanted, version):
        raise RequestError(412, "PreconditionFailed", "there is such a row already")


def _holds(header: str, version: str | None) -> bool:
    if version is None:
        return False
    if header.strip() == "*":
        return True
    return version in [match[1] for match in _TAG.finditer(header)]
