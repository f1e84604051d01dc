"""Pages of web map clients, served from this machine and looked at in a headless browser."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.absent import absent

WEB = Path(__file__).parent / "web"
MODULES, BUILT = WEB / "node_modules", WEB / "built"
_STATIC = Path(__file__).parents[2] / "ogc_server" / "static"
_ASSETS = MODULES / "@arcgis" / "core" / "assets"


@dataclass(frozen=True)
class Looked:
    """What a page saw, what its console said, what it asked for, and its picture."""

    seen: dict[str, Any]
    said: list[str]
    requests: list[str]
    picture: Path

    def asked(self, server: str) -> list[str]:
        """Paths and queries that were asked of a server by GET."""
        hits = [one.partition(" ") for one in self.requests]
        return [
            url[len(server) :] for verb, _, url in hits if verb == "GET" and url.startswith(server)
        ]

    def hosts(self) -> set[str | None]:
        urls = [urlsplit(one.partition(" ")[2]) for one in self.requests]
        return {url.hostname for url in urls if url.scheme.startswith("http")}


def coloured(picture: Path, colour: tuple[int, int, int], near: int = 40) -> npt.NDArray[np.bool_]:
    """Which pixels of a picture have about a colour."""
    pixels = np.asarray(Image.open(picture).convert("RGB"), dtype=np.int16)
    return np.asarray(np.abs(pixels - np.array(colour, np.int16)).max(axis=2) <= near)


def install(npm: str) -> None:
    """Fetch the pinned packages once, whoever of several test processes comes first."""
    with (WEB / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (MODULES / ".package-lock.json").exists():
            return
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=WEB, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    if done.returncode:
        absent(f"npm could not fetch the web clients: {done.stderr[-300:]}")


def bundle(entry: str) -> None:
    """Put one page's script and what it imports into one folder, where that is not done yet."""
    source, target = WEB / f"{entry}.js", BUILT / f"{entry}.js"
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return
    tool = MODULES / ".bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--splitting", f"--outdir={BUILT}", "--log-level=error"]
    subprocess.run([str(tool), str(source), *options], cwd=WEB, check=True, timeout=300)


class _Pages(SimpleHTTPRequestHandler):
    """Files of the built pages, of the sources beside them, and of the map libraries."""

    def translate_path(self, path: str) -> str:
        name = urlsplit(path).path.lstrip("/")
        if name.startswith("assets/"):
            return str(_ASSETS / os.path.normpath(name.removeprefix("assets/")))
        if name.startswith("maplibre/"):
            return str(_STATIC / os.path.normpath(name))
        built = BUILT / os.path.normpath(name)
        return str(built if built.is_file() else WEB / os.path.normpath(name))

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def pages() -> Iterator[str]:
    """Serve the pages on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(WEB)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def look(node: str, chromium: str, page: str, picture: Path, **values: str) -> Looked:
    """Open a page with these parameters and wait for what it saw."""
    url = f"{page}?{urlencode(values)}" if values else page
    done = subprocess.run(
        [node, str(WEB / "drive.mjs"), chromium, url, str(picture)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stdout + done.stderr
    told = json.loads(results[-1].removeprefix("RESULT "))
    return Looked(told["seen"], told["said"], told["requests"], picture)
