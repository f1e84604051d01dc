"""What a request brings to prove who asks, in each of the ways that GIS clients can.

- ``Authorization: Bearer …`` (programs), ``Authorization: Basic …`` (QGIS, GDAL, browsers);
- ``?token=…`` (ArcGIS), and the same as the beginning of a path, ``/t/…/collections``.

A client that was given a token in its address follows links without it, so the links of its answers
begin with ``/t/…``. Both are taken out of the request here: no log and no document shows them.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.types import Scope

from ogc_server.gate import BASE_KEY

_PATH = re.compile(r"/t/([A-Za-z0-9._~@-]{1,4096})(/.*)?")
_TOKEN = re.compile(r"[A-Za-z0-9._~@-]{1,4096}")


@dataclass(frozen=True)
class Credentials:
    """A name with its secret, or a token alone.

    Attributes
    ----------
    name : account, None for a token.
    secret : app password or token.
    """

    name: str | None
    secret: str


class MalformedError(Exception):
    """Credentials that can't be read."""


def take(scope: Scope) -> Credentials | None:
    """Take the credentials out of a request; None where it brings none.

    The header's are taken before the address's. A client that adds its token to every request, as
    ArcGIS does, adds it to links that begin with it, too.

    Raises
    ------
    MalformedError
        for a header of another kind, a token with characters that none has, or two that differ.
    """
    given = {_from_path(scope), _from_query(scope)} - {None}
    if len(given) > 1:
        raise MalformedError("the tokens in path and query differ")
    token = given.pop() if given else None
    found = None if token is None else _in_address(scope, token)
    header = Headers(scope=scope).get("authorization")
    return _from_header(header) if header is not None else found


def _from_path(scope: Scope) -> str | None:
    match = _PATH.fullmatch(scope["path"])
    if match is None:
        return None
    scope["path"] = match[2] or "/"
    scope["raw_path"] = quote(scope["path"]).encode()
    return str(match[1])


def _from_query(scope: Scope) -> str | None:
    text = scope["query_string"].decode("latin-1")
    if "token=" not in text:
        return None
    pairs = parse_qsl(text, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token"]
    if not tokens:
        return None
    rest = [(name, value) for name, value in pairs if name != "token"]
    scope["query_string"] = urlencode(rest).encode("latin-1")
    if len(tokens) > 1 or not _TOKEN.fullmatch(tokens[0]):
        raise MalformedError("the token is given twice, or holds characters that no token has")
    token: str = tokens[0]
    return token


def _in_address(scope: Scope, token: str) -> Credentials:
    scope[BASE_KEY] = f"{scope[BASE_KEY]}/t/{token}"
    return of_token(token)


def of_token(token: str) -> Credentials:
    """Credentials of a token: a JWT has two dots, ``name:secret`` is written ``name~secret``."""
    name, tilde, secret = token.rpartition("~")
    return Credentials(name, secret) if tilde else Credentials(None, token)


def _from_header(header: str) -> Credentials:
    kind, _, rest = header.strip().partition(" ")
    if kind.lower() == "bearer" and _TOKEN.fullmatch(rest.strip()):
        return of_token(rest.strip())
    if kind.lower() == "basic":
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, ValueError) as failure:
            raise MalformedError("the Basic credentials can't be read") from failure
        name, colon, secret = text.partition(":")
        if colon:
            return Credentials(name, secret)
    raise MalformedError("expected Authorization: Bearer or Basic")
