"""Where a document leads, for people: its links with words of their language, pages first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ogc_server.features import HTML, JSON

# What links of every document say, in Chinese; names of formats and titles of layers stay.
_WORDS = {
    "About this style": "样式说明",
    "All versions": "全部历史版本",
    "Arrow stream": "Arrow 数据流",
    "As HTML": "网页",
    "Coverage as CoverageJSON": "栅格数据（CoverageJSON）",
    "Coverage as GeoTIFF": "栅格数据（GeoTIFF）",
    "CRS84 for the World": "全球 CRS84 切片方案",
    "GeoJSON text sequence": "GeoJSON 文本序列",
    "Google Maps Compatible for the World": "全球 Web 墨卡托切片方案",
    "Items": "数据",
    "Items as GeoJSON": "数据（GeoJSON）",
    "Last positions": "最新位置",
    "Map as JPEG": "地图图片（JPEG）",
    "Map as PNG": "地图图片（PNG）",
    "MapLibre and Mapbox style": "MapLibre 与 Mapbox 样式",
    "Moving features": "移动对象",
    "Observed values": "观测值",
    "QGIS style": "QGIS 样式",
    "Queryables": "可查询的属性",
    "Records": "目录记录",
    "Records as GeoJSON": "目录记录（GeoJSON）",
    "Schema": "数据结构",
    "Sortables": "可排序的属性",
    "Styles": "样式",
    "This document as DCAT": "本页内容（DCAT）",
    "This document": "本页内容（JSON）",
    "How the world is cut into tiles.": "世界如何划分为切片。",
    "Tile matrix sets": "切片方案",
    "Tracks for drawing": "绘图用轨迹",
    "Vector tile sets": "矢量切片集",
    "Vector tiles": "矢量切片",
    "Vector tiles.": "矢量切片。",
}
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
# Relations whose JSON documents have pages.
_WITH_PAGES = frozenset(
    ["data", "collection", "item"]
    + [_REL + name for name in ("dggrs", "dggrs-definition", "dggrs-list", "dggrs-zone-query")]
    + [_REL + name for name in ("queryables", "schema")]
    + [_REL + name for name in ("styles", "tilesets-vector", "tiling-scheme")]
)


def say(title: str, language: str) -> str:
    """Return a link's title in a language; what has no other words stays as it is."""
    if language != "zh":
        return title
    return _WORDS.get(title, title)


def ways(
    links: Iterable[Mapping[str, Any]], language: str, subject: str = ""
) -> list[dict[str, Any]]:
    """Links of a document as people follow them.

    Without the page itself and the way back to the start; a page stands for the JSON that it
    shows, and keeps the language.

    Parameters
    ----------
    links : as OGC API – Common writes them.
    subject : title of what they all are about, which need not be said again with each.

    Returns
    -------
    ``title``, ``href`` (None for a template of addresses, which stands in ``pattern``), ``type``.
    """
    links = [row for row in links if row["rel"] not in ("self", "root", "parent")]
    links = [row for row in links if (row["rel"], row.get("type")) != ("alternate", HTML)]
    # A question about values needs a place: its bare address is refused.
    links = [row for row in links if row["rel"] != "data" or row.get("type") in (JSON, HTML)]
    # A stream of events never ends: it is for programs.
    links = [row for row in links if row.get("type") != "text/event-stream"]
    shown = {row["rel"] for row in links if row.get("type") == HTML}
    found: dict[str, dict[str, Any]] = {}
    for row in links:
        if row["rel"] in shown and row.get("type") == JSON:
            continue
        title, media, href = row.get("title") or row["rel"], row.get("type", ""), row["href"]
        if title.startswith(f"{subject} ("):
            title = title.removeprefix(f"{subject} (").removesuffix(")")
        title = title.removeprefix(f"{subject}, ")
        if _has_page(row):
            href, media = _page(href, language), HTML
        title = title.removesuffix(" as HTML") if media == HTML else title
        templated = bool(row.get("templated"))
        one = {
            "title": say(title, language),
            "href": None if templated else href,
            "pattern": href if templated else None,
            "type": "" if media == HTML else media.partition(";")[0],
        }
        found.setdefault(href, one)
    return list(found.values())


def _has_page(row: Mapping[str, Any]) -> bool:
    if row.get("templated"):
        return False
    if row.get("type") == HTML:
        return True
    is_json = row.get("type") in (JSON, "application/schema+json")
    named = dict(parse_qsl(urlsplit(row["href"]).query)).get("f", "json") == "json"
    return is_json and named and row["rel"] in _WITH_PAGES


def _page(href: str, language: str) -> str:
    parts = urlsplit(href)
    kept = {name: value for name, value in parse_qsl(parts.query) if name not in ("f", "lang")}
    return urlunsplit(parts._replace(query=urlencode({**kept, "f": "html", "lang": language})))


def sections(document: Mapping[str, Any], language: str) -> list[dict[str, Any]]:
    """Parts of a document that have links of their own: its styles, its tile sets."""
    return [
        {
            "title": _name(part, language),
            "ways": ways(part.get("links", ()), language, part.get("title", "")),
            "page": _own_page(part, language),
        }
        for key in ("styles", "tilesets")
        for part in document.get(key, ())
    ]


def _name(part: Mapping[str, Any], language: str) -> str:
    """Tile sets of one collection all bear its title: their reference system tells them apart."""
    schemes = (row for row in part.get("links", ()) if row["rel"] == f"{_REL}tiling-scheme")
    title = next((str(row["title"]) for row in schemes), str(part.get("title", "")))
    return say(title, language)


def _own_page(part: Mapping[str, Any], language: str) -> str | None:
    alternates = (row for row in part.get("links", ()) if row["rel"] == "alternate")
    href = next((row["href"] for row in alternates if row.get("type") == HTML), None)
    return None if href is None else _page(href, language)
