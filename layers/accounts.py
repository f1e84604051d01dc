"""Accounts of a city, in one file beside its store that only its owner can read.

Secrets are made here, never chosen: 32 characters of base32, 160 bits. So the file keeps a plain
digest of each, which gives nothing away and costs nothing to compare; what a person would choose
would need a slow one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
from pathlib import Path

from pydantic import ValidationError

from layers.errors import OnemapError
from layers.roles import Account

FILE = "accounts.json"
_SECRET_BYTES = 20


def digest(secret: str) -> str:
    """Digest of a secret, as it is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Accounts:
    """The accounts in a folder; read again whenever the file has changed.

    Parameters
    ----------
    folder : what is kept beside the store lies here; the file is made at the first account.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._read: tuple[tuple[int, int, int] | None, dict[str, tuple[Account, list[str]]]]
        self._read = (None, {})
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there is any account: then nobody is let in without one."""
        return bool(self._rows())

    def all(self) -> list[Account]:
        """Accounts by name."""
        return [account for _, (account, _) in sorted(self._rows().items())]

    def find(self, name: str) -> Account | None:
        """Account of a name."""
        row = self._rows().get(name)
        return row[0] if row else None

    def verify(self, name: str, secret: str) -> Account | None:
        """Account whose app password it is, None where there is no such one.

        As long as it takes for an unknown name, it takes for a wrong secret.
        """
        account, digests = self._rows().get(name, (None, [""]))
        given = digest(secret)
        fits = [hmac.compare_digest(given, kept) for kept in digests or [""]]
        return account if any(fits) else None

    def put(self, account: Account) -> None:
        """Add an account, or change it; its app passwords stay."""
        rows = self._rows()
        kept = rows[account.name][1] if account.name in rows else []
        self._write({**rows, account.name: (account, kept)})

    def new_secret(self, name: str) -> str:
        """Make another app password; it is told once and kept as a digest only.

        Raises
        ------
        OnemapError
            where there is no such account.
        """
        rows = self._rows()
        if name not in rows:
            raise OnemapError(f"there is no account '{name}'")
        secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().lower()
        account, digests = rows[name]
        self._write({**rows, name: (account, [*digests, digest(secret)])})
        return secret

    def drop_secrets(self, name: str) -> int:
        """Make all app passwords of an account worthless; return how many there were."""
        rows = self._rows()
        if name not in rows:
            raise OnemapError(f"there is no account '{name}'")
        account, digests = rows[name]
        self._write({**rows, name: (account, [])})
        return len(digests)

    def _rows(self) -> dict[str, tuple[Account, list[str]]]:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return {}
        state = (found.st_mtime_ns, found.st_size, found.st_ino)
        with self._lock:
            if self._read[0] != state:
                self._read = (state, self._parse())
            return self._read[1]

    def _parse(self) -> dict[str, tuple[Account, list[str]]]:
        try:
            rows = json.loads(self._file.read_text("utf-8"))["accounts"]
            read = [(Account.model_validate(row["account"]), row["digests"]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as failure:
            # A file that can't be read must not open the door to everybody.
            reason = type(failure).__name__
            raise OnemapError(f"{self._file} can't be read as accounts ({reason})") from failure
        return {account.name: (account, list(map(str, digests))) for account, digests in read}

    def _write(self, rows: dict[str, tuple[Account, list[str]]]) -> None:
        content = [
            {"account": account.model_dump(mode="json"), "digests": digests}
            for _, (account, digests) in sorted(rows.items())
        ]
        write_private(self._file, json.dumps({"accounts": content}, indent=1, ensure_ascii=False))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
