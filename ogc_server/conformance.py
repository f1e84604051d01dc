"""The conformance classes that the server claims; each one is proven by a test named after it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ogc_server.block import Block

SPEC = "http://www.opengis.net/spec/"


def uris_of(*names: str) -> tuple[str, ...]:
    """URIs of OGC conformance classes, given without their common beginning."""
    return tuple(SPEC + name for name in names)


_NAMES = {
    "cql2": "CQL2",
    "edr": "EDR",
    "dggs": "DGGS",
    "movingfeatures": "Moving Features",
    "tms": "TMS",
}
_OF_OGC_API = re.compile(r"(?:ogcapi-)?([a-z0-9]+?)(?:-(\d+))?/")


def standards(claimed: Iterable[str]) -> list[str]:
    """Names of the standards that classes belong to, with their parts: ``Features 1, 2``."""
    parts: dict[str, set[str]] = {}
    for uri in claimed:
        match = _OF_OGC_API.match(uri.removeprefix(SPEC))
        if match is not None:
            name = _NAMES.get(match[1], match[1].capitalize())
            parts.setdefault(name, set()).update([match[2]] if match[2] else [])
    return [
        f"{name} {', '.join(sorted(numbers))}".strip() for name, numbers in sorted(parts.items())
    ]


def classes(blocks: Iterable[Block]) -> tuple[str, ...]:
    """All classes that the server's blocks claim."""
    return tuple(sorted({uri for block in blocks for uri in block.classes}))
