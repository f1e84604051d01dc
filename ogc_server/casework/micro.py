"""``/micro``: the page for phones, its service worker and its manifest.

The page is the same for everybody: who signs in does so inside of it, and what it shows then comes
from the doors of cases. So a phone can keep it and open it without a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cases.process import process_of
from cases.states import TITLES
from layers.text import Text
from ogc_server.answers import data_answer, etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.casework.documents import both
from ogc_server.map_page import opening_view, safe_json
from ogc_server.pages import render
from ogc_server.watch import background

_HOME = Path(__file__).parents[1] / "static" / "micro"
_TITLE = Text(en="Work orders", zh="工单")
_INK, _PAPER = "#0b5cad", "#ffffff"


def page(request: Request) -> Response:
    """Return the page."""
    asked = Asked(request, ("html",))
    asked.refuse_parameters()
    tag = etag(request, asked.catalogue.state())
    held = unchanged(request, tag)
    return held or html_answer(_page(asked), asked.language, tag)


def worker(request: Request) -> Response:
    """``/micro/worker.js``: the service worker, with what it has to keep."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    shell = ["/micro", "/micro/manifest.webmanifest", "/static/icon.svg", *_files()]
    told = {"EDITION": _edition(_page(asked)), "SHELL": shell}
    head = [f"const {name} = {orjson.dumps(value).decode()};" for name, value in told.items()]
    text = "\n".join([*head, (_HOME / "worker.js").read_text("utf-8")])
    prefix = asked.place().base.partition("//")[2].partition("/")[2]
    scope = f"/{prefix}/micro" if prefix else "/micro"
    return data_answer(
        text.encode(), "text/javascript; charset=utf-8", Service_Worker_Allowed=scope
    )


def manifest(request: Request) -> Response:
    """``/micro/manifest.webmanifest``: how the page is put among a phone's applications."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    city, language = asked.catalogue.city, asked.language
    document = {
        "id": f"{asked.base}/micro",
        "name": f"{city.title.say(language)} · {_TITLE.say(language)}",
        "short_name": _TITLE.say(language),
        "lang": "zh-CN" if language == "zh" else "en",
        "start_url": f"{asked.base}/micro",
        "scope": f"{asked.base}/micro",
        "display": "standalone",
        "theme_color": _INK,
        "background_color": _PAPER,
        "icons": [
            {"src": f"{asked.base}/static/icon.svg", "type": "image/svg+xml", "sizes": "any"}
        ],
    }
    return data_answer(document, "application/manifest+json")


def _page(asked: Asked) -> str:
    return render(
        "micro.html",
        asked.catalogue,
        asked.base,
        asked.language,
        settings=safe_json(settings(asked)),
        modules=[path for path in _files() if path.endswith(".js")],
    )


def _files() -> list[str]:
    names = sorted(path.name for path in _HOME.iterdir() if path.name != "worker.js")
    return [f"/static/micro/{name}" for name in names]


def _edition(text: str) -> str:
    """Differs whenever the page or one of its files does."""
    return hashlib.sha256((_digest() + text).encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _digest() -> str:
    contents = b"".join(path.read_bytes() for path in sorted(_HOME.iterdir()))
    return hashlib.sha256(contents).hexdigest()


def settings(asked: Asked) -> dict[str, Any]:
    """What pages of cases know of the city before anybody signs in."""
    city = asked.catalogue.city
    return {
        "base": asked.base,
        "zone": city.declaration.zone,
        "city": both(city.title),
        "view": opening_view(asked.catalogue),
        "background": background(asked),
        "kinds": [
            {"code": kind.code, "title": both(kind.title), "group": both(kind.group or kind.title)}
            for kind in city.event_types.values()
        ],
        "states": {state: both(title) for state, title in TITLES.items()},
        "actions": [
            {
                "id": action.id,
                "title": both(action.title),
                "needs": action.needs,
                "steps": dict(action.steps),
                "right": action.right,
                "apart_from": action.apart_from,
            }
            for action in process_of(city).actions
        ],
        "departments": _named((one.id, one.title) for one in city.departments.values()),
        "units": [
            {"code": unit.code, "title": both(unit.title)} for unit in city.jurisdictions.values()
        ],
    }


def _named(rows: Iterable[tuple[str, Text]]) -> list[dict[str, Any]]:
    return [{"id": key, "title": both(title)} for key, title in rows]
