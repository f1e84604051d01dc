"""CQL2 text, read by the `cql2` package into CQL2-JSON."""

from __future__ import annotations

import re
from typing import Any

import cql2

from layers.errors import QueryError

MAX_CHARACTERS = 65_536
MAX_DEPTH = 48
_PLACE = re.compile(r"--> (\d+):(\d+)")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")


def parse_cql2_text(text: str) -> dict[str, Any]:
    """CQL2-JSON of a CQL2 text.

    Parameters
    ----------
    text : filter such as ``gross_kg > 49000 AND vehicle_kind = 'combination'``.

    Raises
    ------
    QueryError
        naming the position of what can't be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"the filter is longer than {MAX_CHARACTERS} characters")
    if not text.strip():
        raise QueryError("the filter is empty")
    _check_depth(text)
    try:
        node = cql2.parse_text(text).to_json()
    except Exception as failure:  # The package raises bare Exceptions too, as for POINT EMPTY.
        raise QueryError(_said(text, str(failure))) from failure
    if not isinstance(node, dict):
        raise QueryError(f"the filter {text!r} is a value, not a condition")
    return node


def _check_depth(text: str) -> None:
    """Bound the parser, which recurses, before it starts."""
    depth = 0
    for character in _QUOTED.sub("", text):
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise QueryError(f"the filter nests deeper than {MAX_DEPTH} parentheses")
    if len(re.findall(r"\bnot\b", text, re.IGNORECASE)) > MAX_CHARACTERS // 64:
        raise QueryError("the filter has too many NOT")


def _said(text: str, message: str) -> str:
    place = _PLACE.search(message)
    expected = message.rsplit("= ", 1)[-1].strip()
    if place is None:
        return f"the filter can't be read: {message}"
    line, column = int(place[1]), int(place[2])
    lines = text.splitlines() or [""]
    found = lines[line - 1][column - 1 : column + 19] if line <= len(lines) else ""
    return f"the filter can't be read at line {line}, column {column} ({found!r}): {expected}"
