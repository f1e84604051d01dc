"""The conformance classes that the server claims; each one is proven by a test named after it."""

from __future__ import annotations

from collections.abc import Iterable

from ogc_server.block import Block

SPEC = "http://www.opengis.net/spec/"


def uris_of(*names: str) -> tuple[str, ...]:
    """URIs of OGC conformance classes, given without their common beginning."""
    return tuple(SPEC + name for name in names)


def classes(blocks: Iterable[Block]) -> tuple[str, ...]:
    """All classes that the server's blocks claim."""
    return tuple(dict.fromkeys(uri for block in blocks for uri in block.classes))
