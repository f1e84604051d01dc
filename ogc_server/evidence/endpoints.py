"""``/cases/{case}/evidence``: the evidence of a case for its reader, not sealed."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from cases.evidence import folder
from cases.evidence.html import html
from cases.evidence.package import CASE, NoCaseError, Package, package
from ogc_server.answers import data_answer, html_answer
from ogc_server.asked import Asked
from ogc_server.evidence.seen import CatalogueSeen
from ogc_server.openapi import software_version
from ogc_server.problem import not_found

ZIP = "application/zip"
_NAME = "evidence.zip"


def page(request: Request) -> Response:
    """Return the report, in both languages at once, for screen and printer."""
    asked = Asked(request, ("html",))
    asked.refuse_parameters()
    return html_answer(html(_package(asked).document).decode(), asked.language)


def zip_file(request: Request) -> Response:
    """Return all files of the package; its manifest has no seal, which only `seal` gives."""
    asked = Asked(request, ("html",))
    asked.refuse_parameters()
    made = _package(asked)
    files = folder.files_of(made)
    manifest = folder.manifest_of(made.case_id, files).as_bytes()
    packed = folder.zipped({**files, folder.MANIFEST: manifest})
    return data_answer(packed, ZIP, Content_Disposition=f'attachment; filename="{_NAME}"')


def _package(asked: Asked) -> Package:
    case = asked.request.path_params["case"]
    asked.catalogue.layer(CASE)
    seen, now = CatalogueSeen(asked.catalogue), datetime.now(UTC)
    try:
        return package(seen, case, now, software=software_version())
    except NoCaseError:
        raise not_found(f"case '{case}'") from None
