"""``onemap serve``: the one map on the network."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import Annotated

import typer
import uvicorn

from layers.errors import OnemapError
from ogc_server import create_app
from onemap.commands.options import CityOption, StoreOption, opened
from onemap.setup import create_layers
from onemap.terminal import out


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 5000,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Serve the one map: OGC APIs for GIS clients, pages for people.

    There are no accounts in this version, so it listens on this machine only and refuses any other
    address.
    """
    if not is_loopback(host):
        raise OnemapError(
            f"refusing to listen on {host}: "
            "without accounts the map is for this machine only (127.0.0.1)"
        )
    with opened(city, store) as at, _listening(host, port) as listener:
        create_layers(at.city, at.store)
        url = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
        out.print(f"[bold]{at.city.title.en} {at.city.title.zh}[/bold]")
        if at.city.declaration.synthetic:
            out.print(f"{at.city.declaration.synthetic.en} · {at.city.declaration.synthetic.zh}")
        out.print(f"  the one map    {url}/map")
        out.print(f"  all about it   {url}/")
        out.print(f"  QGIS           Layer › Add WFS / OGC API – Features layer, URL {url}")
        out.print(f"  GDAL           ogrinfo OAPIF:{url}")
        out.print("stop with Ctrl-C")
        with suppress(KeyboardInterrupt):
            config = uvicorn.Config(create_app(at.city, at.store), log_level="warning")
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as failure:
        reason = f"can't listen on {host}:{port}: {failure.strerror}; choose another with --port"
        raise OnemapError(reason) from failure


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
