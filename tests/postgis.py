"""A private PostGIS server for the tests, where the server's programs are installed.

``ONEMAP_TEST_POSTGIS=postgresql://user@host/database`` names one that runs already; its user
must be allowed to make databases.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.absent import absent

_SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "log_min_messages": "fatal",
}


class NoServer(Exception):
    """PostGIS can't be started here; the message says why."""


def _program(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise NoServer(f"PostgreSQL's {name} is not installed")
    return found


def _account() -> str | None:
    """PostgreSQL refuses to run as root; then its own account does."""
    return "postgres" if os.getuid() == 0 else None


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(
        command, user=_account(), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoServer(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")


@contextmanager
def running_server() -> Iterator[str]:
    """Start a cluster in a temporary folder; give the URL of its administrative database.

    Raises
    ------
    NoServer
        where PostgreSQL or PostGIS is not installed, or doesn't start.
    """
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        raise NoServer("the PostGIS extension is not installed (postgresql-15-postgis-3)")
    folder = Path(tempfile.mkdtemp(prefix="onemap-postgis-"))
    try:
        if _account():
            shutil.chown(folder, _account())
        data, log = folder / "data", folder / "log"
        _run(
            folder, initdb, "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {**_SETTINGS, "port": str(port), "unix_socket_directories": str(folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        _run(folder, pg_ctl, "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run(folder, pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str, template: str | None = None) -> Iterator[str]:
    """Make a database with PostGIS on a server, give its URL, and drop it again.

    Parameters
    ----------
    template : database that nobody is connected to, whose copy it becomes.
    """
    name = f"onemap_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        origin = template or "template0"
        connection.execute(f'CREATE DATABASE "{name}" ENCODING \'UTF8\' TEMPLATE "{origin}"')
    url = server.rsplit("/", 1)[0] + f"/{name}"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[str]:
    """URL of a running PostGIS server; the tests that need it are skipped where there is none."""
    given = os.environ.get("ONEMAP_TEST_POSTGIS")
    if given:
        yield given
        return
    try:
        server = running_server()
        url = server.__enter__()
    except NoServer as reason:
        absent(f"no PostGIS: {reason}")
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgis_database(postgis_server: str) -> Iterator[str]:
    """URL of a database of this test process alone, with PostGIS."""
    with fresh_database(postgis_server) as url:
        yield url
