"""``/watch``: what the rules find, newest first, on a list and a map, and new ones as they come.

The page is whole without scripts: the list is written by the server. `static/watch.js` adds the
map, the path of the mover that an alert is about, and what the server tells of new alerts.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from analytics.rule import RULES
from layers.movers import TRUCKS, VESSELS
from layers.query import SortKey
from ogc_server.answers import etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.catalogue import Catalogue
from ogc_server.features import collection_url
from ogc_server.findings import ALERT, item_url
from ogc_server.map_page import opening_view, safe_json
from ogc_server.moving.movers import kinds
from ogc_server.pages import render
from ogc_server.problem import bad_parameter
from ogc_server.reading import Reader
from ogc_server.times import write_instant
from ogc_server.words import words

NEWEST = 200
# A layer of the background with more rows is left out.
_BACKGROUND_ROWS = 500
# Movers that the subjects of a feed's alerts are.
_MOVERS = {"ais": VESSELS, "ais_all": VESSELS, "gps": TRUCKS, "weighing": TRUCKS}
_WORDS = ("live_on", "live_off")


def watch_page(request: Request) -> Response:
    """Return the page.

    ``rules=a,b`` shows the alerts of these rules only; ``live=false`` adds none later, for print.
    """
    asked = Asked(request, ("html",))
    asked.refuse_parameters("rules", "live")
    live = asked.values.get("live", "true")
    if live not in ("true", "false"):
        raise bad_parameter("live", f"found {live[:40]!r}, expected true or false")
    asked.catalogue.layer(ALERT)
    chosen = _chosen(asked.catalogue, asked.values.get("rules", ""))
    tag = etag(request, asked.catalogue.state())
    held = unchanged(request, tag)
    if held is not None:
        return held
    text = render(
        "watch.html",
        asked.catalogue,
        asked.base,
        asked.language,
        json_url=f"{asked.base}/collections/{ALERT}/items?f=json&sortby=-start_time",
        switch=asked.place().url(lang="en" if asked.language == "zh" else "zh"),
        alerts=_alerts(asked, chosen),
        rules=_rules(asked, chosen),
        settings=safe_json(_settings(asked, chosen) | {"live": live == "true"}),
    )
    return html_answer(text, asked.language, tag)


def _chosen(catalogue: Catalogue, text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(part for part in text.split(",") if part))
    unknown = [rule for rule in chosen if rule not in catalogue.city.rules]
    if unknown:
        raise bad_parameter("rules", f"no rule '{unknown[0][:60]}'")
    return chosen


def _alerts(asked: Asked, chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the newest alerts that the reader may see, as the list shows them."""
    query = asked.catalogue.everything(ALERT).but(
        sort=(SortKey("start_time", descending=True),), limit=NEWEST, skip_geometry=True
    )
    if chosen:
        query = query.but(where=_one_of(chosen))
    page = asked.catalogue.store.page(query)
    reader = Reader(asked.language, asked.catalogue.city.zone)
    rows = (dict(zip(page.names, row, strict=True)) for row in page.rows)
    return [_alert(asked, reader, row) for row in rows]


def _one_of(chosen: tuple[str, ...]) -> dict[str, Any]:
    return {"op": "in", "args": [{"property": "rule"}, list(chosen)]}


def _alert(asked: Asked, reader: Reader, row: dict[str, Any]) -> dict[str, Any]:
    rule = asked.catalogue.city.rules.get(row["rule"])
    return {
        "id": row["alert_id"],
        "url": item_url(asked.base, ALERT, row["alert_id"], asked.language),
        "time": reader.instant(write_instant(row["start_time"])),
        "severity": row["severity"] or "",
        "rule": rule.title.say(asked.language) if rule else row["rule"],
        "subject": row["subject"],
        "sentence": row[f"sentence_{asked.language}"] or "",
    }


def _rules(asked: Asked, chosen: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return each rule with the number of its alerts and the address that shows these alone."""
    catalogue = asked.catalogue
    told = []
    for rule in catalogue.city.rules.values():
        number = catalogue.count(catalogue.everything(ALERT).but(where=_one_of((rule.id,))))
        if number or rule.id in chosen:
            url = asked.place().url(rules=None if chosen == (rule.id,) else rule.id)
            told.append(
                {
                    "title": rule.title.say(asked.language),
                    "number": number,
                    "url": url,
                    "on": rule.id in chosen,
                }
            )
    return sorted(told, key=lambda one: (-int(one["number"]), str(one["title"])))


def _settings(asked: Asked, chosen: tuple[str, ...]) -> dict[str, Any]:
    catalogue, language = asked.catalogue, asked.language
    seen = {kind.collection for kind in kinds(catalogue)}
    said = words(language)
    return {
        "base": asked.base,
        "language": language,
        "zone": catalogue.city.declaration.zone,
        "view": opening_view(catalogue),
        "newest": NEWEST,
        "background": background(asked),
        "chosen": list(chosen),
        "words": {key: said[key] for key in _WORDS},
        "rules": {
            rule.id: {"title": rule.title.say(language), "movers": _movers(rule.kind, seen)}
            for rule in catalogue.city.rules.values()
        },
    }


def background(asked: Asked) -> list[dict[str, Any]]:
    """Return what lies under the alerts: the city's small background layers, lowest first."""
    catalogue = asked.catalogue
    seen = {spec.id: spec for spec in catalogue if spec.has_geometry}
    wanted = [seen[layer] for layer in catalogue.city.declaration.background if layer in seen]
    return [
        {
            "items": f"{collection_url(asked.base, spec.id)}/items?limit={_BACKGROUND_ROWS}&f=json",
            "colour": spec.style.colour,
            "opacity": spec.style.opacity,
        }
        for spec in wanted
        if 0 < catalogue.count(catalogue.everything(spec.id)) <= _BACKGROUND_ROWS
    ]


def _movers(kind: str, seen: set[str]) -> str | None:
    """Return the collection whose members the alerts of a kind of rule are about."""
    rule = RULES.get(kind)
    movers = _MOVERS.get(rule.feed) if rule else None
    return movers.collection if movers and movers.collection in seen else None
