"""A server under test as a stranger sees it: its documents, and what its API definition says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

GEOJSON = "application/geo+json"
Document = dict[str, Any]


class Web:
    """Requests to one server; GET answers without headers of their own are kept."""

    def __init__(self, landing: str, headers: dict[str, str] | None = None) -> None:
        self.root = landing.rstrip("/")
        self._client = httpx.Client(timeout=60, headers=headers, follow_redirects=True)
        self._held: dict[str, httpx.Response] = {}

    def close(self) -> None:
        self._client.close()

    def url(self, path: str) -> str:
        """Absolute address of a path below the landing page, or of a link as it is."""
        if re.match(r"https?://", path):
            return path
        return self.root + path if path.startswith("/") else urljoin(f"{self.root}/", path)

    def get(self, path: str, accept: str | None = None, **values: Any) -> httpx.Response:
        """Answer to a GET; an underscore in a parameter's name stands for a hyphen."""
        named = {name.replace("_", "-"): str(value) for name, value in values.items()}
        request = self._client.build_request("GET", self.url(path))
        # Parameters of the address itself stay; httpx would replace them.
        url = request.url.copy_merge_params(named)
        key = f"{accept} {url}"
        if key not in self._held:
            headers = {"Accept": accept} if accept else {"Accept": "*/*"}
            self._held[key] = self._client.get(url, headers=headers)
        return self._held[key]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Answer to any request, never kept."""
        return self._client.request(method, self.url(path), **more)

    def json(self, path: str, accept: str = "application/json", **values: Any) -> Document:
        """Document at a path, which must be there."""
        answer = self.get(path, accept, **values)
        assert answer.status_code == 200, f"{answer.url} answers {answer.status_code}"
        read: Document = answer.json()
        return read

    @cached_property
    def landing(self) -> Document:
        return self.json("/")

    @cached_property
    def conformance(self) -> set[str]:
        return set(self.json("/conformance")["conformsTo"])

    @cached_property
    def api(self) -> Document:
        """The OpenAPI document behind ``service-desc``."""
        href = next(one["href"] for one in self.landing["links"] if one["rel"] == "service-desc")
        return self.json(href, "application/vnd.oai.openapi+json;version=3.0")

    @cached_property
    def collections(self) -> list[Document]:
        rows: list[Document] = self.json("/collections")["collections"]
        return rows

    @cached_property
    def feature_collections(self) -> list[Document]:
        """Collections of features, which have items."""
        return [
            one
            for one in self.collections
            if one.get("itemType", "feature").lower() == "feature" and link(one, "items")
        ]

    def operation(self, path: str, method: str = "get") -> Document | None:
        """The operation of the API definition that a path belongs to; fixed paths win."""
        base = urlsplit(self.api.get("servers", [{"url": ""}])[0]["url"]).path.rstrip("/")
        found = [
            (template.count("{"), item)
            for template, item in self.api["paths"].items()
            if method in item and re.fullmatch(_pattern(base + template), base + path)
        ]
        if not found:
            return None
        item = min(found, key=lambda one: one[0])[1]
        operation: Document = item[method]
        shared = item.get("parameters", [])
        return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}

    def parameter(self, path: str, name: str) -> Document | None:
        """Definition of a GET parameter, references followed."""
        operation = self.operation(path)
        for one in (operation or {}).get("parameters", []):
            read = self.followed(one)
            if read.get("name") == name:
                return read
        return None

    def followed(self, part: Document) -> Document:
        """A part of the API definition behind its reference."""
        while "$ref" in part:
            steps = part["$ref"].removeprefix("#/").split("/")
            place: Any = self.api
            for step in steps:
                place = place[step.replace("~1", "/").replace("~0", "~")]
            part = place
        return part

    def pages(self, href: str, **values: Any) -> Iterator[Document]:
        """Pages of items from the first to the last by their ``next`` links."""
        page = self.json(href, GEOJSON, **values)
        for _ in range(10_000):
            yield page
            following = link(page, "next")
            if following is None:
                return
            page = self.json(following["href"], GEOJSON)
        raise AssertionError(f"the pages of {href} do not end")

    def features(self, href: str, **values: Any) -> list[Document]:
        """All features of a collection, or of a question to it."""
        return [one for page in self.pages(href, **values) for one in page["features"]]


def _pattern(template: str) -> str:
    parts = re.split(r"\{[^}]*\}", template)
    return "[^/]+".join(re.escape(part) for part in parts)


def links(document: Document, rel: str) -> list[Document]:
    """Links of a document with a relation."""
    return [one for one in document.get("links", []) if one.get("rel") == rel]


def link(document: Document, rel: str, media: str | None = None) -> Document | None:
    """First link with a relation, and with a media type where one is given."""
    for one in links(document, rel):
        if media is None or str(one.get("type", "")).partition(";")[0] == media:
            return one
    return None


def items_url(collection: Document) -> str:
    """Address of a collection's features as GeoJSON."""
    found = link(collection, "items", GEOJSON)
    assert found is not None, f"collection {collection['id']} has no items as GeoJSON"
    return str(found["href"])
