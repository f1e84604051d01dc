"""Pages for people. Every value from data is escaped by the templates.

All assets are this server's own.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import jinja2

from layers.access import PUBLIC
from layers.errors import StoreError
from layers.h3grid import format_cell, parse_cell
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.rasters.spec import RasterSpec
from layers.spec import LayerSpec
from ogc_server.asked import Asked
from ogc_server.catalogue import Catalogue
from ogc_server.catalogued.records import CATALOGUE
from ogc_server.cells.zones import around
from ogc_server.conformance import classes, standards
from ogc_server.coverages.rasters import raster
from ogc_server.features import (
    HTML,
    Place,
    collection_url,
    feature_dicts,
    items_links,
    link,
    matched,
)
from ogc_server.findings import Findings
from ogc_server.negotiation import WHOLE_FORMATS
from ogc_server.parameters import ItemsRequest
from ogc_server.reading import Reader, is_evidence
from ogc_server.ways import say, sections, ways
from ogc_server.words import KINDS, words

_TEMPLATES = Path(__file__).parent / "templates"
_COLUMNS = 12
# Scenes of a raster whose times a page lists.
_SCENES = 50
# Units that are drawn under a page's rows; of more the lines would hide the rows.
_UNITS_DRAWN = 100


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, catalogue: Catalogue, base: str, language: str, **values: Any) -> str:
    """Fill a template with the words of a language and what every page shows."""
    synthetic = catalogue.city.declaration.synthetic
    return (
        _environment()
        .get_template(template)
        .render(
            # Not a dict, of which a template would take methods such as ``update`` for words.
            t=SimpleNamespace(**words(language)),
            language=language,
            reader=Reader(language, catalogue.city.zone),
            base=base,
            city=catalogue.city.title.say(language),
            nameless=catalogue.audience == PUBLIC,
            synthetic=synthetic.say(language) if synthetic else None,
            **values,
        )
    )


def page(asked: Asked, template: str, **values: Any) -> str:
    """Fill a template for a reader, with ways to the other language and to JSON."""
    return render(
        template,
        asked.catalogue,
        asked.base,
        asked.language,
        switch=asked.place().url(lang="en" if asked.language == "zh" else "zh"),
        json_url=asked.place().url(f="json"),
        **values,
    )


def landing(asked: Asked, document: dict[str, Any]) -> str:
    """Return the start page: what this is, and how to connect."""
    specs = list(asked.catalogue)
    example = next((spec.id for spec in specs if spec.has_geometry), "layer")
    cards = [
        {
            "title": card.title.say(asked.language),
            "words": card.words.say(asked.language),
            "url": f"{asked.base}{card.path}",
        }
        for block in asked.blocks
        for card in block.cards
    ]
    return page(
        asked,
        "home.html",
        number=len(specs),
        example=example,
        cards=cards,
        standards="; ".join(standards(classes(asked.blocks))),
    )


def conformance(asked: Asked, document: dict[str, Any]) -> str:
    """Return the list of conformance classes."""
    return page(asked, "classes.html", classes=document["conformsTo"])


def functions(asked: Asked, document: dict[str, Any]) -> str:
    """Return the functions that filters may call as a table."""
    return page(asked, "functions.html", rows=document["functions"])


def openapi(asked: Asked, document: dict[str, Any]) -> str:
    """Return the operations of the API definition as a table."""
    rows = [
        (path, method.upper(), operation["summary"])
        for path, entry in document["paths"].items()
        for method, operation in entry.items()
    ]
    return page(asked, "definition.html", rows=rows, version=document["info"]["version"])


def collections(asked: Asked, document: dict[str, Any]) -> str:
    """Return the layers of the page, grouped by domain."""
    catalogue, language = asked.catalogue, asked.language
    here = {row["id"] for row in document["collections"]}
    groups = [
        (title, [_summary(catalogue, spec, language) for spec in specs])
        for title, specs in by_domain(catalogue.only(here), language)
    ]
    others = [row for row in document["collections"] if row["id"] not in catalogue.city.layers]
    ways = {row["rel"]: row["href"] for row in document["links"]}
    return page(asked, "layers.html", groups=groups, others=others, links=ways)


def by_domain(catalogue: Catalogue, language: str) -> list[tuple[str, list[LayerSpec]]]:
    """Layers by domain, in the order of the city's declaration.

    Those of no declared domain last.
    """
    titles = {d.id: d.title.say(language) for d in catalogue.city.declaration.domains}
    groups: dict[str, list[LayerSpec]] = {key: [] for key in titles}
    for spec in catalogue:
        groups.setdefault(spec.domain, []).append(spec)
    other = words(language)["operations"]
    return [(titles.get(key, other), specs) for key, specs in groups.items() if specs]


def _summary(catalogue: Catalogue, spec: LayerSpec, language: str) -> dict[str, Any]:
    return {
        "id": spec.id,
        "title": spec.title.say(language),
        "description": spec.description.say(language),
        "kind": KINDS[spec.kind].say(language),
        "rows": _number(catalogue, spec),
    }


def _number(catalogue: Catalogue, spec: LayerSpec) -> str:
    try:
        return f"{catalogue.count(catalogue.everything(spec.id)):,}"
    except StoreError:
        return "–"


def collection(asked: Asked, spec: LayerSpec, document: dict[str, Any]) -> str:
    """One layer: what it is and where its rows are."""
    return page(
        asked,
        "layer.html",
        spec=spec,
        facts=_summary(asked.catalogue, spec, asked.language),
        document=document,
        image=_image(document),
        ways=_ways_of_layer(asked, spec, document),
    )


def _image(document: dict[str, Any]) -> str | None:
    """Address of a collection's first image of a map."""
    return next((row["href"] for row in document["links"] if row["rel"].endswith("/map")), None)


def _ways_of_layer(asked: Asked, spec: LayerSpec, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Links of a layer, without those that its page's buttons are for, and its record."""
    links = [row for row in document["links"] if row["rel"] != "items"]
    home = collection_url(asked.base, CATALOGUE)
    title = words(asked.language)["record"]
    links.append(link("describedby", HTML, title, f"{home}/items/{spec.id}"))
    return ways(links, asked.language, spec.title.say(asked.language))


def other_collection(asked: Asked, document: dict[str, Any]) -> str:
    """One collection that is no layer: what it is and where it leads."""
    key = document.get("id", "")
    spec = asked.catalogue.city.rasters.get(key)
    shown = raster(asked.catalogue, key)
    scenes = shown.scenes[-_SCENES:] if shown else ()
    return page(
        asked,
        "other.html",
        document=document,
        ways=ways(document["links"], asked.language),
        sections=[],
        image=_image(document),
        legend=[] if spec is None else _legend(spec, asked.language),
        times=[scene.moment.text for scene in scenes if scene.moment is not None],
    )


def linked(asked: Asked, document: dict[str, Any]) -> str:
    """Any document with title, description and links: what it is and where it leads."""
    parts = sections(document, asked.language)
    # What has a part of the page for itself stands there.
    links = [row for row in document["links"] if not parts or row["rel"] != "item"]
    said = {name: say(document.get(name, ""), asked.language) for name in ("title", "description")}
    return page(
        asked,
        "other.html",
        document={**document, **said},
        ways=ways(links, asked.language),
        sections=parts,
        image=None,
        legend=[],
        times=[],
    )


def _legend(spec: RasterSpec, language: str) -> list[dict[str, str]]:
    """Colours of a raster's first band and what they stand for; none for a composite."""
    band = spec.bands[0]
    if spec.composite is not None:
        return []
    unit = "" if band.unit in (None, "1") else f" {band.unit}"
    return [
        *({"colour": row.colour, "words": row.title.say(language)} for row in band.classes),
        *({"colour": stop.colour, "words": f"{stop.value:g}{unit}"} for stop in band.ramp),
    ]


def fields(asked: Asked, spec: LayerSpec | RasterSpec, document: dict[str, Any]) -> str:
    """Properties of a layer, or bands of a raster, as a table."""
    title = spec.title.say(asked.language)
    return page(asked, "fields.html", spec=spec, title=title, document=document)


def all_fields(asked: Asked, document: dict[str, Any]) -> str:
    """Properties of all layers as a table."""
    return page(asked, "fields.html", spec=None, title=document["title"], document=document)


def items(asked: Asked, wanted: ItemsRequest) -> str:
    """Return a page of rows as a table with a small map."""
    catalogue, spec = asked.catalogue, wanted.spec
    found = None if wanted.hits else catalogue.store.page(wanted.query)
    features = feature_dicts(wanted, found) if found else []
    total = matched(catalogue, wanted, found)
    links = {row["rel"]: row["href"] for row in items_links(asked.place(), wanted, found)}
    names = [p.name for p in spec.properties if p.name != spec.id_field][:_COLUMNS]
    if wanted.query.properties is not None:
        names = [name for name in names if name in wanted.query.properties]
    return page(
        asked,
        "rows.html",
        spec=spec,
        title=spec.title.say(asked.language),
        shown=[spec.property(name) for name in names],
        features=features,
        under=_under(asked, spec),
        total=total,
        links=links,
        downloads=_downloads(asked),
    )


def _downloads(asked: Asked) -> list[tuple[str, str]]:
    """Titles and addresses of all rows that were asked for, not of one page of them alone."""
    whole = {"lang": None, "limit": None, "offset": None, "after": None}
    return [
        (say(title, asked.language), asked.place().url(f=name, **whole))
        for name, (_, title) in WHOLE_FORMATS.items()
    ]


def item(asked: Asked, spec: LayerSpec, document: dict[str, Any]) -> str:
    """One row: what it says at a glance, then all its properties."""
    properties = document["properties"]
    found = Findings(asked.catalogue, asked.base, Reader(asked.language, asked.catalogue.city.zone))
    about = (
        found.about(spec.id, properties)
        if all(p.name in properties for p in spec.properties)
        else None
    )
    told = {"evidence"} if about and "evidence" in about else set()
    return page(
        asked,
        "row.html",
        spec=spec,
        title=spec.title.say(asked.language),
        about=about,
        shown=[p for p in spec.properties if p.name in properties and p.name not in told],
        is_evidence=is_evidence,
        feature=document,
        zone=_zone(document),
        under=_under(asked, spec),
    )


def _zone(document: dict[str, Any]) -> str | None:
    """The cell around a row, of the size in which people look about."""
    cell = document["properties"].get("h3")
    if document["geometry"] is None or not cell:
        return None
    return format_cell(around(parse_cell(cell)))


def _under(asked: Asked, spec: LayerSpec) -> str | None:
    """Return the address of the administrative units that lie under a page's rows."""
    catalogue = asked.catalogue
    present = {one.id for one in catalogue if one.id != spec.id}
    for layer in filter(present.__contains__, ADMINISTRATIVE_LAYERS):
        if 0 < catalogue.count(catalogue.everything(layer)) <= _UNITS_DRAWN:
            home = collection_url(asked.base, layer)
            return f"{home}/items?f=json&limit={_UNITS_DRAWN}&properties="
    return None


def missing(catalogue: Catalogue, base: str, language: str, path: str, description: str) -> str:
    """Return the page that stands where there is nothing."""
    place = Place(base, quote(path), {})
    return render(
        "missing.html",
        catalogue,
        base,
        language,
        description=description,
        switch=place.url(f="html", lang="en" if language == "zh" else "zh"),
        json_url=place.url(f="json"),
    )
