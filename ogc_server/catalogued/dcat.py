"""Records as DCAT 3 (W3C) in JSON-LD, for the catalogues of open-data portals."""

from __future__ import annotations

from typing import Any

from ogc_server.catalogued.records import Record

_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "locn": "http://www.w3.org/ns/locn#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_ACCESS_RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
_RIGHTS = {"public": "PUBLIC", "internal": "NON_PUBLIC", "restricted": "RESTRICTED"}


def dataset(record: Record, url: str) -> dict[str, Any]:
    """Return one record as a ``dcat:Dataset``.

    Parameters
    ----------
    url : the record's address, which names the data set.
    """
    return {"@context": _CONTEXT, **_dataset(record, url)}


def catalog(title: str, records: list[Record], home: str) -> dict[str, Any]:
    """Return records as a ``dcat:Catalog``.

    Parameters
    ----------
    home : address that the records' ids hang below.
    """
    return {
        "@context": _CONTEXT,
        "@id": home,
        "@type": "dcat:Catalog",
        "dct:title": title,
        "dcat:dataset": [_dataset(one, f"{home}/{one.document['id']}") for one in records],
    }


def _dataset(record: Record, url: str) -> dict[str, Any]:
    document, told = record.document, record.document["properties"]
    language = told["language"]["code"]

    def text(value: str | None) -> dict[str, str] | None:
        return None if value is None else {"@value": value, "@language": language}

    found: dict[str, Any] = {
        "@id": url,
        "@type": "dcat:Dataset",
        "dct:identifier": document["id"],
        "dct:title": text(told.get("title")),
        "dct:description": text(told.get("description")),
        "dcat:keyword": [text(word) for word in told["keywords"]],
        "dct:modified": _typed(told.get("updated"), "dateTime"),
        "dct:publisher": [
            {"@type": "foaf:Agent", "foaf:name": text(contact["organization"])}
            for contact in told.get("contacts", [])
        ],
        "dct:accrualPeriodicity": text(told.get("updateDuty")),
        "dct:accessRights": _access(told.get("sharingClass")),
        "dct:provenance": text(told.get("provenance")),
        "dct:spatial": _place(record),
        "dct:temporal": _period(record),
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution",
                "dcat:accessURL": {"@id": one["href"]},
                "dcat:mediaType": one.get("type"),
                "dct:title": one.get("title"),
            }
            for one in document["links"]
            if one["rel"] in ("items", "enclosure")
        ],
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _typed(value: str | None, kind: str) -> dict[str, str] | None:
    return None if value is None else {"@value": value, "@type": f"xsd:{kind}"}


def _access(sharing: str | None) -> dict[str, str] | None:
    return {"@id": _ACCESS_RIGHTS + _RIGHTS[sharing]} if sharing in _RIGHTS else None


def _place(record: Record) -> dict[str, Any] | None:
    if record.box is None:
        return None
    minx, miny, maxx, maxy = record.box
    ring = f"{minx} {miny}, {maxx} {miny}, {maxx} {maxy}, {minx} {maxy}, {minx} {miny}"
    wkt = {
        "@value": f"POLYGON (({ring}))",
        "@type": "http://www.opengis.net/ont/geosparql#wktLiteral",
    }
    return {"@type": "dct:Location", "dcat:bbox": wkt}


def _period(record: Record) -> dict[str, Any] | None:
    if record.span is None:
        return None
    names = ("dcat:startDate", "dcat:endDate")
    ends = zip(names, record.span, strict=True)
    return {"@type": "dct:PeriodOfTime"} | {n: _typed(e, "dateTime") for n, e in ends if e}
