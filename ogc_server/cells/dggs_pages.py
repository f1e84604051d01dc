"""Pages of zones for people: what is here, which zones hold data, what a zone is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson

from layers.h3grid import format_cell
from layers.text import Text
from ogc_server.asked import Asked
from ogc_server.cells import zones
from ogc_server.cells.dggs_data import Held
from ogc_server.cells.zone_lists import Listed, links
from ogc_server.features import feature_dicts
from ogc_server.pages import linked, page

_WORDS = {
    "zone": Text(en="Zone", zh="格网"),
    "level": Text(en="Level", zh="级别"),
    "area": Text(en="Area of this very zone", zh="本格网的实际面积"),
    "centre": Text(en="Centre (lon, lat)", zh="中心（经度, 纬度）"),
    "kind": Text(en="Shape", zh="形状"),
    "hexagon": Text(en="hexagon", zh="六边形"),
    "pentagon": Text(en="pentagon", zh="五边形"),
    "here": Text(en="What is here?", zh="这里有什么？"),
    "larger": Text(en="Look wider", zh="扩大范围"),
    "smaller": Text(en="Look closer", zh="缩小范围"),
    "beside": Text(en="Beside it", zh="相邻格网"),
    "nothing": Text(en="Nothing that you may see lies here.", zh="此处没有您可查看的内容。"),
    "shown": Text(en="first {} of {}", zh="共 {1} 条，显示前 {0} 条"),
    "zones": Text(en="Zones that hold data", zh="有数据的格网"),
    "all": Text(en="All rows of the zone", zh="该格网内的全部数据"),
}
_SHOWN = 3
_MOST_ON_A_PAGE = 100


def _page(asked: Asked, template: str, **values: Any) -> str:
    return page(
        asked,
        template,
        w=SimpleNamespace(**{key: text.say(asked.language) for key, text in _WORDS.items()}),
        **values,
    )


def description(asked: Asked, document: dict[str, Any], title: str) -> str:
    """Return a page of a title, a description and links."""
    shown = {"title": title, "description": document.get("description", "")}
    return linked(asked, {**shown, "links": document["links"]})


def zone_list(asked: Asked, home: str, listed: Listed) -> str:
    """Return the zones as a table."""
    rows = [
        {
            "id": format_cell(cell),
            "level": zones.level_of(cell),
            "area": zones.area_m2(cell),
        }
        for cell in listed.cells.tolist()
    ]
    ways = {row["rel"]: row["href"] for row in links(asked.place(), listed)}
    return _page(asked, "zones.html", home=home, rows=rows, total=listed.total, links=ways)


def zone(asked: Asked, home: str, document: dict[str, Any]) -> str:
    """Return what a zone is, and its kin."""
    cell = zones.parse_zone(document["id"])
    return _page(asked, "zone.html", home=home, cell=_facts(cell))


def _facts(cell: int) -> dict[str, Any]:
    level = zones.level_of(cell)
    lon, lat = zones.centroid(cell)
    return {
        "id": format_cell(cell),
        "level": level,
        "shape": zones.shape(cell),
        "area": zones.area_m2(cell),
        "centre": f"{lon:.6f}, {lat:.6f}",
        "above": format_cell(zones.ancestors(cell)[0]) if level else None,
        "below": []
        if level == zones.FINEST
        else [format_cell(one) for one in zones.sub_zones(cell, 1)],
        "beside": [format_cell(one) for one in zones.neighbours(cell)],
    }


def content(asked: Asked, home: str, cell: int, found: list[Held]) -> str:
    """What is here: a small map, and the rows of each layer."""
    colours = orjson.dumps({one.spec.id: one.spec.style.colour for one in found}).decode()
    place = asked.place()
    return _page(
        asked,
        "here.html",
        home=home,
        cell=_facts(cell),
        layers=[_layer(asked, one) for one in found],
        colours=colours,
        items=place.url(f="geojson"),
    )


def _layer(asked: Asked, one: Held) -> dict[str, Any]:
    spec = one.spec
    names = [p for p in spec.properties if p.name != spec.id_field and p.type != "json"][:_SHOWN]
    return {
        "id": spec.id,
        "title": spec.title.say(asked.language),
        "number": one.number,
        "spec": spec,
        "shown": names,
        "features": feature_dicts(one.request, one.page)[:_MOST_ON_A_PAGE],
    }
