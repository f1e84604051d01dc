"""JSON bodies of requests about cases, field by field."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from cases.refusals import IncompleteError
from layers.text import Text
from ogc_server.editing.feature_body import Json, parse_object, read_body

_MEDIA = ("application/json",)
_MOST_KEY = 200
Kind = type | tuple[type, ...]


async def read_json(request: Request) -> Json:
    """Read a JSON object; RequestError 400, 413 or 415 for anything else."""
    return parse_object(await read_body(request, _MEDIA))


def known_only(body: Json, *names: str) -> None:
    """Refuse members that mean nothing here; IncompleteError naming the first."""
    for name in body:
        if name not in names:
            found = name[:60]
            text = Text(en=f"'{found}' is unknown here", zh=f"不支持“{found}”")
            raise IncompleteError(found, text)


def member(body: Json, name: str, kind: Kind, words: Text) -> Any:
    """Value of a member, None where it is absent or null; IncompleteError for another kind."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise IncompleteError(
            name, Text(en=f"'{name}' should be {words.en}", zh=f"“{name}”应为{words.zh}")
        )
    return value


def text_of(body: Json, name: str) -> str | None:
    """Text of a member."""
    value: str | None = member(body, name, str, Text(en="a text", zh="文本"))
    return value


def place_of(body: Json, name: str = "where") -> tuple[float, float] | None:
    """Place of a member, [lon, lat] in EPSG:4326."""
    words = Text(en="[longitude, latitude] in degrees", zh="[经度, 纬度]")
    value = member(body, name, list, words)
    if value is None:
        return None
    plain = [one for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(value) != 2 or len(plain) != 2:
        raise IncompleteError(
            name, Text(en=f"'{name}' should be {words.en}", zh=f"“{name}”应为{words.zh}")
        )
    try:
        return float(plain[0]), float(plain[1])
    except OverflowError:
        return float("inf"), float("inf")


def photos_of(body: Json) -> list[str]:
    """Digests of photos."""
    value: list[str] = member(body, "photos", list, Text(en="a list", zh="列表")) or []
    return value


def idempotency_key(request: Request, *, needed: bool) -> str | None:
    """Key of the header ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header).

    Raises
    ------
    IncompleteError
        where it is missing though needed, empty or too long.
    """
    key = request.headers.get("idempotency-key")
    if key is None and not needed:
        return None
    key = (key or "").strip().strip('"')
    if not 0 < len(key) <= _MOST_KEY or not key.isascii() or not key.isprintable():
        raise IncompleteError(
            "Idempotency-Key",
            Text(
                en=f"expected a header Idempotency-Key of 1 to {_MOST_KEY} characters",
                zh=f"请求头 Idempotency-Key 应为1至{_MOST_KEY}个字符",
            ),
        )
    return key
