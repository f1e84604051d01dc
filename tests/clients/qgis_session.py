"""The requests that QGIS from 3.44 on makes of a server, in their order, headers and spelling.

Written down from its OAPIF provider: how it decides what a server can do, and what it then asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SPEC = "http://www.opengis.net/spec/"
CQL2 = {
    f"{SPEC}cql2/1.0/conf/basic-cql2",
    f"{SPEC}cql2/1.0/conf/cql2-text",
    f"{SPEC}ogcapi-features-3/1.0/conf/filter",
    f"{SPEC}ogcapi-features-3/1.0/conf/features-filter",
}
SCHEMA_RELS = ("http://www.opengis.net/def/rel/ogc/1.0/schema", "[ogc-rel:schema]")
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


@dataclass
class Layer:
    """A layer as QGIS holds it once it is opened."""

    items: str
    page: int
    queryables: dict[str, Any]
    schema: dict[str, Any]
    systems: list[str]
    crs: str
    pushes_cql2: bool
    creates: bool
    patches: bool
    replaces: bool
    deletes: bool
    first: list[dict[str, Any]] = field(default_factory=list)


class QgisSession:
    """One connection of QGIS to a server."""

    def __init__(self, url: str, auth: tuple[str, str] | None = None) -> None:
        agent = {"User-Agent": "Mozilla/5.0 QGIS/34400/Linux"}
        self._url, self._client = url, httpx.Client(auth=auth, headers=agent, timeout=60)

    def _json(self, url: str, accept: str) -> dict[str, Any]:
        answer = self._client.get(url, headers={"Accept": accept})
        answer.raise_for_status()
        read: dict[str, Any] = answer.json()
        return read

    def open(self, name: str) -> Layer:
        """Open a layer: landing page, API, collection, conformance, queryables, items, schema."""
        links = {
            one["rel"]: one for one in self._json(f"{self._url}/", "application/json")["links"]
        }
        api = self._json(
            links["service-desc"]["href"], f"{OPENAPI}, application/openapi+json;q=0.9"
        )
        limit = api["components"]["parameters"]["limit"]["schema"]
        about = self._json(f"{self._url}/collections/{name}", "application/json")
        classes = set(self._json(links["conformance"]["href"], "application/json")["conformsTo"])
        mine = {one["rel"]: one["href"] for one in about["links"] if one["type"] != "text/html"}
        items = f"{self._url}/collections/{name}/items"
        schema = next(mine[rel] for rel in SCHEMA_RELS if rel in mine)
        first = self._json(f"{items}?limit=10", "application/geo+json, application/json")
        own, one = (self._allowed(items), self._allowed(f"{items}/{first['features'][0]['id']}"))
        return Layer(
            items,
            min(limit["maximum"], max(1000, limit["default"])),
            self._json(mine[QUERYABLES], "application/schema+json")["properties"],
            self._json(schema, "application/schema+json")["properties"],
            about["crs"],
            about.get("storageCrs", about["crs"][0]),
            classes >= CQL2,
            creates="POST" in own,
            patches="PATCH" in one,
            replaces="PUT" in one,
            deletes="DELETE" in one,
            first=first["features"],
        )

    def _allowed(self, url: str) -> set[str]:
        answer = self._client.options(url)
        return {name.strip() for name in answer.headers.get("allow", "").split(",")}

    def read(self, layer: Layer, **asked: str) -> list[dict[str, Any]]:
        """All features of a question, page by page as its ``next`` links lead."""
        url: str | None = f"{layer.items}?{urlencode({'limit': layer.page, **asked})}"
        found: list[dict[str, Any]] = []
        while url is not None:
            page = self._json(url, "application/geo+json, application/json")
            found += page["features"]
            url = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)
        return found

    def filtered(self, layer: Layer, expression: str, **asked: str) -> list[dict[str, Any]]:
        """Features that a filter keeps, which the server is asked to evaluate."""
        return self.read(layer, filter=expression, **{"filter-lang": "cql2-text"}, **asked)

    def create(self, layer: Layer, feature: dict[str, Any], crs: str | None = None) -> str:
        """Add a feature; its id is read from the answer's Location."""
        headers = {"Content-Type": "application/geo+json"} | ({"Content-Crs": crs} if crs else {})
        answer = self._client.post(layer.items, json=feature, headers=headers)
        answer.raise_for_status()
        created: str = answer.headers["location"].rpartition("/items/")[2]
        self._json(f"{layer.items}/{created}", "application/geo+json, application/json")
        return created

    def change(self, layer: Layer, fid: str, part: dict[str, Any], crs: str | None = None) -> None:
        """Change geometry or attributes, whichever stand in ``part``."""
        kind = "application/merge-patch+json"
        headers = {"Content-Type": kind} | ({"Content-Crs": crs} if crs else {})
        self._client.patch(f"{layer.items}/{fid}", json=part, headers=headers).raise_for_status()

    def replace(self, layer: Layer, fid: str, feature: dict[str, Any]) -> None:
        """Put a whole feature in place of another, as for servers without PATCH."""
        headers = {"Content-Type": "application/geo+json"}
        whole = {**feature, "id": fid}
        self._client.put(f"{layer.items}/{fid}", json=whole, headers=headers).raise_for_status()

    def delete(self, layer: Layer, fid: str) -> None:
        """Delete a feature."""
        self._client.delete(f"{layer.items}/{fid}").raise_for_status()
