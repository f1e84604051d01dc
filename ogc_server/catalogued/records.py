"""The catalogue as records: one for each collection that the reader sees (OGC 20-004r1).

A record is made from the description of the collection and from the layer's declaration, so that
both always say the same, to each reader about what he may see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from layers.errors import StoreError
from layers.query import SortKey
from layers.spec import LayerSpec
from layers.text import Text
from ogc_server import metadata
from ogc_server.block import Block, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import SPEC
from ogc_server.features import GEOJSON, HTML, JSON, collection_url, link
from ogc_server.reference import CRS84
from ogc_server.times import write_instant

CATALOGUE = "catalogue"
JSON_LD = "application/ld+json"
TITLE = Text(en="Catalogue of all layers", zh="全部图层目录")
_DESCRIPTION = Text(
    en="One record for each layer and raster: what it holds, who answers for it, how fresh it is.",
    zh="每个图层和栅格一条记录：内容、主管部门、更新情况。",
)
_CORE = SPEC + "ogcapi-records-1/1.0/conf/record-core"
_COLLECTION = SPEC + "ogcapi-records-1/1.0/conf/record-collection"
_SHARING = {
    "public": Text(en="Public: open to everybody", zh="公开：面向所有人"),
    "internal": Text(en="Internal: for the administration", zh="内部：供政府部门使用"),
    "restricted": Text(en="Restricted: for the department that owns it", zh="受限：供主管部门使用"),
}
_LANGUAGES = [
    {"code": "en", "name": "English", "dir": "ltr"},
    {"code": "zh", "name": "中文", "dir": "ltr"},
]
# Ways to the data itself, of the links that a collection has.
_DATA_RELS = ("items", "coverage", "tilesets-vector", "tilesets-map", "dggrs-list", "enclosure")


@dataclass(frozen=True)
class Record:
    """One record and what it is found by.

    Attributes
    ----------
    document : GeoJSON feature.
    text : all its words in both languages, case folded, for ``q``.
    box : of its data, lon/lat; None for data without places.
    span : start and end as RFC 3339, None for open ends; None for timeless data.
    """

    document: dict[str, Any]
    text: str
    box: tuple[float, float, float, float] | None
    span: tuple[str | None, str | None] | None


def owns(catalogue: Catalogue, collection: str) -> bool:
    """Whether a collection is the catalogue of records."""
    return collection == CATALOGUE


def described(catalogue: Catalogue, base: str, language: str) -> dict[str, Any]:
    """Description of the catalogue itself (requirements class record-collection)."""
    url = collection_url(base, CATALOGUE)
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    return {
        "id": CATALOGUE,
        "type": "Collection",
        "itemType": "record",
        "conformsTo": [_COLLECTION],
        "title": TITLE.say(language),
        "description": _DESCRIPTION.say(language),
        "keywords": ["catalogue", "metadata"],
        "language": _language(language),
        "languages": _LANGUAGES,
        "extent": {"spatial": {"bbox": [list(catalogue.city.bounds)], "crs": CRS84}},
        "crs": [CRS84],
        "defaultSortOrder": ["id"],
        "links": [
            *metadata.describes_itself(url),
            link("items", GEOJSON, "Records as GeoJSON", f"{url}/items?f=json"),
            link("items", HTML, "Records as HTML", f"{url}/items?f=html"),
            link(rel + "sortables", metadata.SCHEMA, "Sortables", f"{url}/sortables?f=json"),
            link(rel + "queryables", metadata.SCHEMA, "Queryables", f"{url}/queryables?f=json"),
            link("root", JSON, "Landing page", f"{base}/?f=json"),
        ],
    }


def _language(language: str) -> dict[str, str]:
    return next(row for row in _LANGUAGES if row["code"] == language)


def records(
    catalogue: Catalogue, blocks: tuple[Block, ...], base: str, language: str
) -> tuple[Record, ...]:
    """All records, by id; remembered for a state of the data."""
    state = tuple(sorted(catalogue.store.revisions().items()))
    key = ("records", state, base, language)
    return catalogue.remember(key, lambda: _records(catalogue, blocks, base, language))


def _records(
    catalogue: Catalogue, blocks: tuple[Block, ...], base: str, language: str
) -> tuple[Record, ...]:
    taken = _taken_in(catalogue)
    found = []
    for spec in catalogue:
        described = metadata.collection(catalogue, blocks, spec, base, language)
        found.append(_of_layer(catalogue, spec, described, language, taken.get(spec.id)))
    for described in metadata.others(catalogue, blocks, base, language):
        if described["id"] != CATALOGUE:
            found.append(_record(described, language, {}, ""))
    return tuple(sorted(found, key=lambda record: str(record.document["id"])))


def _of_layer(
    catalogue: Catalogue,
    spec: LayerSpec,
    described: dict[str, Any],
    language: str,
    taken: dict[str, int] | None,
) -> Record:
    department = catalogue.city.departments.get(spec.owner)
    owner = department.title if department else Text(en=spec.owner, zh=spec.owner)
    domains = {d.id: d.title for d in catalogue.city.declaration.domains}
    domain = domains.get(spec.domain, Text(en=spec.domain, zh=spec.domain))
    standard = spec.standard
    themes = [
        {
            "concepts": [{"id": spec.domain, "title": domain.say(language)}],
            "scheme": f"domains of {catalogue.city.id}",
        }
    ]
    if standard is not None:
        themes.append({"concepts": [{"id": c} for c in standard.codes], "scheme": standard.scheme})
    rows, updated = _figures(catalogue, spec)
    more: dict[str, Any] = {
        "updated": updated,
        "themes": themes,
        "contacts": [
            {
                "identifier": spec.owner,
                "organization": owner.say(language),
                "roles": ["custodian", "pointOfContact"],
            }
        ],
        "externalIds": [{"scheme": standard.scheme, "value": code} for code in standard.codes]
        if standard is not None
        else [],
        "rights": _SHARING[spec.sensitivity].say(language),
        "sharingClass": spec.sensitivity,
        "provenance": spec.provenance,
        "updateDuty": spec.update.say(language) if spec.update else None,
        "quality": {
            "rows": rows,
            "maximumAgeDays": spec.quality.max_age_days,
            **({"takenIn": taken} if taken else {}),
        },
    }
    texts = [spec.title, spec.description, owner, domain, *(p.title for p in spec.properties)]
    words = [text.say(one) for text in texts for one in ("en", "zh")]
    words += [spec.id, spec.kind, *(p.name for p in spec.properties)]
    if standard is not None:
        words += [standard.scheme, *standard.codes]
    return _record(described, language, more, "\n".join(words))


def _record(described: dict[str, Any], language: str, more: dict[str, Any], words: str) -> Record:
    extent = described.get("extent", {})
    box = extent.get("spatial", {}).get("bbox", [None])[0]
    interval = extent.get("temporal", {}).get("interval", [None])[0]
    links = _links(described)
    properties = {
        "type": "dataset",
        "title": described.get("title"),
        "description": described.get("description"),
        "language": _language(language),
        "languages": _LANGUAGES,
        "resourceLanguages": _LANGUAGES,
        "keywords": described.get("keywords", []),
        "formats": _formats(links),
        **more,
    }
    document = {
        "id": described["id"],
        "type": "Feature",
        "conformsTo": [_CORE],
        "geometry": _polygon(box) if box else None,
        "time": {"interval": [end or ".." for end in interval]} if interval else None,
        "properties": {key: value for key, value in properties.items() if value is not None},
        "links": links,
    }
    told = "\n".join(str(properties[key]) for key in ("title", "description", "keywords"))
    return Record(
        document,
        " ".join(f"{words}\n{told}".casefold().split()),
        tuple(box[:4]) if box and len(box) == 4 else None,
        (interval[0], interval[1]) if interval else None,
    )


def _polygon(box: list[float]) -> dict[str, Any]:
    minx, miny, maxx, maxy = box[:2] + box[-2:] if len(box) == 4 else [*box[:2], *box[3:5]]
    ring = [[minx, miny], [maxx, miny], [maxx, maxy], [minx, maxy], [minx, miny]]
    return {"type": "Polygon", "coordinates": [ring]}


def _links(described: dict[str, Any]) -> Links:
    """Links of the collection, its own address told as the collection's."""
    return [
        {**one, "rel": "collection" if one["rel"] == "self" else one["rel"]}
        for one in described["links"]
        if one["rel"] not in ("alternate", "root")
    ]


def _formats(links: Links) -> list[dict[str, str]]:
    names: dict[str, str] = {}
    for one in links:
        if one["rel"].rsplit("/", 1)[-1] in _DATA_RELS and one.get("type"):
            names.setdefault(one["type"], str(one.get("title", one["type"])))
    return [{"name": name, "mediaType": media} for media, name in names.items()]


def _figures(catalogue: Catalogue, spec: LayerSpec) -> tuple[int | None, str | None]:
    """Return the number of the reader's rows and the newest's time; None where it can't be read."""
    try:
        return catalogue.count(catalogue.everything(spec.id)), _updated(catalogue, spec)
    except StoreError:
        return None, None


def _updated(catalogue: Catalogue, spec: LayerSpec) -> str | None:
    """When the newest of the reader's rows was written."""
    key = ("updated", spec.id, catalogue.revision(spec.id))

    def newest() -> str | None:
        query = catalogue.everything(spec.id).but(
            sort=(SortKey("updated_at", descending=True),),
            properties=("updated_at",),
            skip_geometry=True,
            limit=1,
        )
        page = catalogue.store.page(query)
        return write_instant(page.rows[0][0]) if page.rows else None

    return catalogue.remember_fact(key, newest)


def _taken_in(catalogue: Catalogue) -> dict[str, dict[str, int]]:
    """Rows read, accepted and rejected by layer, from the records of what was taken in."""
    if not any(spec.id == "lineage" for spec in catalogue):
        return {}
    names = ("feed", "read_rows", "accepted_rows", "rejected_rows")
    query = catalogue.everything("lineage").but(properties=names, skip_geometry=True)
    page = catalogue.store.page(query)
    found: dict[str, dict[str, int]] = {}
    for row in page.rows:
        told = dict(zip(page.names, row, strict=True))
        sums = found.setdefault(told["feed"], {"read": 0, "accepted": 0, "rejected": 0})
        for name in sums:
            sums[name] += told[f"{name}_rows"] or 0
    return found
