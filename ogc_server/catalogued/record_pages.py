"""Pages of the catalogue for people: what there is, and one record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from layers.text import Text
from ogc_server.asked import Asked
from ogc_server.block import Links
from ogc_server.catalogued.record_search import Found
from ogc_server.catalogued.records import CATALOGUE, TITLE
from ogc_server.pages import page
from ogc_server.ways import ways

_WORDS = {
    "search": Text(en="Search", zh="搜索"),
    "found": Text(en="Found", zh="找到"),
    "themes": Text(en="Themes", zh="主题"),
    "fresh": Text(en="Newest row", zh="最新数据"),
    "duty": Text(en="Update duty", zh="更新要求"),
    "sharing": Text(en="Sharing", zh="共享属性"),
    "source": Text(en="Declared from", zh="声明依据"),
    "ways": Text(en="Ways to the data", zh="数据获取方式"),
    "taken": Text(en="Lines read, accepted, refused", zh="读取、接收、拒收行数"),
    "none": Text(en="Nothing was found.", zh="没有找到。"),
}


def _page(asked: Asked, template: str, **values: Any) -> str:
    return page(
        asked,
        template,
        w=SimpleNamespace(**{key: text.say(asked.language) for key, text in _WORDS.items()}),
        title=TITLE.say(asked.language),
        home=f"{asked.base}/collections/{CATALOGUE}",
        **values,
    )


def records_page(asked: Asked, found: Found, links: Links) -> str:
    """Return what a search found, with a field to search again."""
    rows = [record.document for record in found.records]
    ways = {row["rel"]: row["href"] for row in links}
    question = asked.values.get("q", "")
    return _page(asked, "records.html", rows=rows, total=found.total, links=ways, q=question)


def record_page(asked: Asked, document: dict[str, Any]) -> str:
    """Return one record."""
    return _page(
        asked,
        "record.html",
        record=document,
        told=document["properties"],
        ways=ways(document["links"], asked.language, document["properties"]["title"]),
    )
