"""Tokens that continue behind a row: the sort key of the last row of a page, as opaque text."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from typing import Any

import orjson

from ogc_server.problem import bad_parameter

_LONGEST = 4000


def write_token(key: tuple[Any, ...]) -> str:
    """Write a sort key as URL-safe text."""
    plain = [_plain(value) for value in key]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def read_token(text: str) -> tuple[Any, ...]:
    """Read a sort key back.

    Raises
    ------
    RequestError
        400 for a text that is no token of ours.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        plain = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(plain, list) or not plain:
            raise ValueError("not a list")
        return tuple(_value(part) for part in plain)
    except (binascii.Error, ValueError, TypeError) as failure:
        raise bad_parameter("after", "is not a token of a next link") from failure


def _value(part: Any) -> Any:
    if isinstance(part, dict):
        if set(part) == {"time"}:
            return datetime.fromisoformat(part["time"])
        if set(part) == {"date"}:
            return date.fromisoformat(part["date"])
        raise ValueError("unknown part")
    if isinstance(part, list):
        raise ValueError("nested part")
    return part
