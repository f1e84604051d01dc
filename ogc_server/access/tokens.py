"""Bearer tokens (JWT, RFC 7519): signed by this installation, or by an OpenID Connect issuer."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from layers.accounts import write_private
from layers.errors import OnemapError

KEY_FILE = "token.key"
_ISSUER = "onemap"
_KEY_BYTES = 32
_LOCAL_ALGORITHMS = ["HS256"]
# Of an issuer only signatures by its private key count: what is public must never sign.
_ISSUER_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"]
_AGAIN_S = 60.0
_LEEWAY_S = 30

Fetch = Callable[[str], Any]


class TokenError(Exception):
    """A token that proves nothing."""


class LocalTokens:
    """Tokens of this installation's own accounts.

    Parameters
    ----------
    folder : holds the key; made with the first token.
    key : the key itself, as from the environment, in place of the file's.
    """

    def __init__(self, folder: Path, key: str | None = None) -> None:
        self._file, self._given = folder / KEY_FILE, key

    def issue(self, name: str, now: float, hours: float) -> str:
        """Sign a token for an account.

        Parameters
        ----------
        now : seconds since 1970.
        """
        claims = {
            "iss": _ISSUER,
            "sub": name,
            "iat": int(now),
            "exp": int(now + hours * 3600),
            "jti": secrets.token_hex(8),
        }
        token: str = jwt.encode({"alg": "HS256"}, claims, self._key(make=True))
        return token

    def name(self, token: str, now: float) -> str:
        """Name of the account that a token was signed for; TokenError where it proves nothing."""
        key = self._key(make=False)
        if key is None:
            raise TokenError("no token was ever issued here")
        claims = _subject(token, key, _LOCAL_ALGORITHMS, {"iss": _ISSUER}, now)
        return str(claims["sub"])

    def _key(self, *, make: bool) -> Any:
        text = self._given
        if text is None and self._file.exists():
            text = self._file.read_text("ascii").strip()
        if text is None and make:
            text = secrets.token_hex(_KEY_BYTES)
            write_private(self._file, text)
        if text is None:
            return None
        if len(text) < _KEY_BYTES:
            raise OnemapError(f"the key of tokens is shorter than {_KEY_BYTES} characters")
        return OctKey.import_key(text)


def _get(url: str) -> Any:
    return httpx.get(url, timeout=5, follow_redirects=False).raise_for_status().json()


class Issuer:
    """An OpenID Connect issuer, whose keys are read when a token first needs them.

    Parameters
    ----------
    url : issuer identifier, as in the tokens' ``iss``.
    audience : what must stand in the tokens' ``aud``.
    claim : claim that holds the account's name; ``sub`` is the one that an issuer never gives
        to another.
    fetch : reads a JSON document.
    """

    def __init__(self, url: str, audience: str, claim: str = "sub", fetch: Fetch = _get) -> None:
        if not audience:
            raise OnemapError("an issuer's tokens need an audience: whom they are meant for")
        self.url, self._audience, self._claim = url.rstrip("/"), audience, claim
        self._fetch, self._lock = fetch, threading.Lock()
        self._keys: KeySet | None = None
        self._asked = -_AGAIN_S

    def name(self, token: str, now: float) -> str:
        """Name in a token; TokenError where it proves nothing, or the issuer can't be asked."""
        wanted = {"iss": self.url, "aud": self._audience}
        for again in (False, True):
            try:
                claims = _subject(token, self._keyset(again), _ISSUER_ALGORITHMS, wanted, now)
            except TokenError:
                # The issuer may have changed its keys since.
                if again or not self._may_ask():
                    raise
                continue
            name = claims.get(self._claim)
            if not isinstance(name, str):
                raise TokenError(f"the token has no claim '{self._claim}'")
            return name
        raise TokenError("the token is not signed by the issuer")

    def _may_ask(self) -> bool:
        return time.monotonic() - self._asked >= _AGAIN_S

    def _keyset(self, again: bool) -> KeySet:
        with self._lock:
            if self._keys is None or again:
                self._asked = time.monotonic()
                try:
                    found = self._fetch(f"{self.url}/.well-known/openid-configuration")
                    self._keys = KeySet.import_key_set(self._fetch(found["jwks_uri"]))
                except (httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as failure:
                    raise TokenError("the issuer's keys can't be read") from failure
            return self._keys


def _subject(
    token: str, key: Any, algorithms: list[str], wanted: dict[str, str], now: float
) -> dict[str, Any]:
    """Claims of a token that is signed, meant for us, and in its time."""
    try:
        claims = jwt.decode(token, key, algorithms=algorithms).claims
        rules: dict[str, Any] = {
            name: {"essential": True, "value": value} for name, value in wanted.items()
        }
        rules |= {"exp": {"essential": True}, "sub": {"essential": True}}
        jwt.JWTClaimsRegistry(now=int(now), leeway=_LEEWAY_S, **rules).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as failure:
        raise TokenError(type(failure).__name__) from failure
    if not isinstance(claims["sub"], str):
        raise TokenError("its subject is no text")
    return claims
