"""Revisions of a GeoPackage's layers, remembered until its file changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock

_REVISIONS = "SELECT layer, revision FROM onemap_revision"
_CHANGES = "SELECT table_name, last_change FROM gpkg_contents"


class Watch:
    """Tells whether anybody has written, at the cost of a look into shared memory.

    ``PRAGMA data_version`` of a connection changes with each commit of any other connection, in
    this process or another; this one never writes. Programs that know nothing of our revisions may
    write too: a commit that explains itself neither by a revision nor by a time of change raises
    the ``epoch``.

    Parameters
    ----------
    connect : opens a connection to the file.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect, self._lock = connect, Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen: int | None = None
        self._revisions: dict[str, int] = {}
        self._changes: dict[str, str] = {}
        self.epoch = 0

    def revision(self, layer: str) -> int:
        """Revision of a layer as committed now; 0 where it has no table."""
        with self._lock:
            self._look()
            return self._revisions.get(layer, 0)

    def look(self) -> int:
        """Return the epoch as of now."""
        with self._lock:
            self._look()
            return self.epoch

    def _look(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen:
            return
        revisions = dict(self._connection.execute(_REVISIONS).fetchall())
        changes = dict(self._connection.execute(_CHANGES).fetchall())
        if self._seen is not None and (revisions, changes) == (self._revisions, self._changes):
            self.epoch += 1
        self._seen, self._revisions, self._changes = version, revisions, changes

    def close(self) -> None:
        """Release the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
