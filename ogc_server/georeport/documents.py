"""Documents of GeoReport v2: one value, written as JSON or as XML.

JSON follows from XML by the Spark convention that the specification names: the outer list stands
without a name, and so do its items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import orjson
from starlette.responses import Response

MEDIA = {"json": "application/json", "xml": "text/xml"}
# Name of one item of a list.
_ITEMS = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
    "attributes": "attribute",
    "values": "value",
}
# What XML 1.0 can't hold (section 2.2).
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(name: str, value: Any, extension: str, status: int = 200) -> Response:
    """Answer with a document.

    Parameters
    ----------
    name : of the outer element in XML.
    value : dictionaries, lists, texts, numbers, truths and None.
    extension : ``json`` or ``xml``.
    """
    body = orjson.dumps(value) if extension == "json" else to_xml(name, value)
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language, Authorization"}
    media = f"{MEDIA[extension]}; charset=utf-8"
    return Response(body, status, headers=headers | {"Content-Type": media})


def errors(status: int, description: str, extension: str) -> Response:
    """Answer with one error, as the specification has them."""
    rows = [{"code": status, "description": description}]
    return document("errors", rows, extension, status)


def to_xml(name: str, value: Any) -> bytes:
    """Write a value as XML, UTF-8, with its declaration."""
    element = _element(name, value)
    return bytes(ElementTree.tostring(element, encoding="utf-8", xml_declaration=True))


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend([_element(key, inner) for key, inner in value.items()])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        element.extend([_element(_ITEMS[name], inner) for inner in value])
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = _NO_XML.sub("\ufffd", str(value))
    return element
