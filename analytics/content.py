"""Versions by content: what evidence cites besides an id, so that it can be found again."""

from __future__ import annotations

import hashlib

import orjson

_DIGEST = 12


def content_version(content: object) -> str:
    """Short hash of plain data: equal content gives the equal version on any machine."""
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(packed).hexdigest()[:_DIGEST]
