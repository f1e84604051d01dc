"""Codes by which terminals prove who they are, made from their numbers with one secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from layers.accounts import write_private

_SECRET_BYTES = 32
# Terminals keep short texts only; 64 bits can't be guessed over the network.
_CODE_DIGITS = 16


class Codes:
    """The code of a terminal is an HMAC (RFC 2104, SHA-256) of its number: none has to be kept.

    Parameters
    ----------
    secret : who knows it can make every terminal's code; another one ends all codes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, terminal: str) -> str:
        """Return the code of a terminal."""
        digest = hmac.new(self._secret, terminal.encode(), hashlib.sha256)
        return digest.hexdigest()[:_CODE_DIGITS]

    def fit(self, terminal: str, code: str) -> bool:
        """Whether a code is the terminal's, in the same time whatever it is."""
        return hmac.compare_digest(self.of(terminal).encode(), code.encode())


def secret_of(given: str | None, file: Path) -> bytes:
    """Return the secret that was given, else the one that is kept; made where there is none.

    Parameters
    ----------
    given : as from the environment; None or "" for none.
    file : read and written by its owner only.
    """
    if given:
        return given.encode()
    if not file.exists():
        write_private(file, secrets.token_hex(_SECRET_BYTES))
    return file.read_text("ascii").strip().encode()
