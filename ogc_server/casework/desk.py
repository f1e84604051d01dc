"""``/desk``: the page of the office, on which cases and joint tasks are worked from end to end.

It is the same for everybody; who signs in does so inside of it, and what it shows then comes from
the doors of cases and joint tasks. Its modules stand on those of the page for phones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ogc_server.answers import etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.casework.documents import both
from ogc_server.casework.micro import settings
from ogc_server.map_page import safe_json
from ogc_server.pages import render

_HOME = Path(__file__).parents[1] / "static" / "desk"


def page(request: Request) -> Response:
    """Return the page."""
    asked = Asked(request, ("html",))
    asked.refuse_parameters()
    tag = etag(request, asked.catalogue.state())
    held = unchanged(request, tag)
    return held or html_answer(_page(asked), asked.language, tag)


def _page(asked: Asked) -> str:
    return render(
        "desk.html",
        asked.catalogue,
        asked.base,
        asked.language,
        settings=safe_json(settings(asked) | {"units": _units(asked)}),
        modules=[f"/static/desk/{path.name}" for path in sorted(_HOME.glob("*.js"))],
    )


def _units(asked: Asked) -> list[dict[str, Any]]:
    """Units with their place in the tree, for what lies below one."""
    return [
        {
            "code": unit.code,
            "title": both(unit.title),
            "level": unit.level,
            "parent": unit.parent,
        }
        for unit in asked.catalogue.city.jurisdictions.values()
    ]
