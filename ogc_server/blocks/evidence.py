"""The evidence of a case, for its reader: a page for print, and a zip for programs."""

from __future__ import annotations

from typing import Any

from cases.evidence.package import CASE
from ogc_server.block import Block, Definition, Door
from ogc_server.catalogue import Catalogue
from ogc_server.evidence.endpoints import ZIP, page, zip_file
from ogc_server.features import HTML
from ogc_server.openapi import operation, ref

_PARAMETER = {"name": "caseId", "in": "path", "required": True, "schema": {"type": "string"}}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    if all(spec.id != CASE for spec in catalogue):
        return Definition()
    rows = (("", "evidence", "Evidence of a case", HTML), (".zip", "evidenceZip", "Its files", ZIP))
    paths: dict[str, Any] = {
        f"/cases/{{caseId}}/evidence{end}": operation(
            key, summary, media, "anything", tag="data", parameters=[ref("caseId")]
        )
        for end, key, summary, media in rows
    }
    return Definition(paths=paths, parameters={"caseId": _PARAMETER})


BLOCK = Block(
    name="evidence",
    doors=(
        Door("/cases/{case}/evidence", {"GET": page}),
        Door("/cases/{case}/evidence.zip", {"GET": zip_file}),
    ),
    definition=_definition,
)
