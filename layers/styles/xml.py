"""XML that is only written: every text is escaped, and what XML can't hold is left out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

# Characters outside of XML 1.0's production [2] Char.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Element = ElementTree.Element


def element(
    name: str, text: str | None = None, /, *children: Element, **attributes: str
) -> Element:
    """One element; attribute names may end with ``_`` where Python keeps the word to itself."""
    made = Element(name, {key.rstrip("_"): _clean(value) for key, value in attributes.items()})
    made.text = None if text is None else _clean(text)
    made.extend(children)
    return made


def written(root: Element, doctype: str = "") -> bytes:
    """Bytes of a document in UTF-8."""
    ElementTree.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n' + (f"{doctype}\n" if doctype else "")
    body: bytes = ElementTree.tostring(root, encoding="utf-8")
    return head.encode() + body + b"\n"


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("", text)
