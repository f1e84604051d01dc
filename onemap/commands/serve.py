"""``onemap serve``: the one map on the network."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from layers.errors import OnemapError
from ogc_server import create_app
from ogc_server.access.entrance import Entrance
from ogc_server.access.tokens import Issuer
from ogc_server.app import LONGEST_QUESTION_S
from onemap.commands.notices import outbox_of
from onemap.commands.options import CityOption, Opened, StoreOption, opened
from onemap.entrance import entrance_of
from onemap.setup import create_layers
from onemap.terminal import err, out


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 5000,
    base_url: Annotated[
        str | None, typer.Option(help="URL that links start with, as the world sees the server.")
    ] = None,
    hosts: Annotated[
        list[str] | None, typer.Option("--name", help="Further host name that is answered.")
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Site whose pages may use the map, https://gis.example."),
    ] = None,
    anonymous: Annotated[
        bool, typer.Option(help="Show public layers to those who don't sign in.")
    ] = True,
    issuer: Annotated[
        str | None, typer.Option("--oidc-issuer", help="OpenID Connect issuer of bearer tokens.")
    ] = None,
    issuer_audience: Annotated[
        str, typer.Option("--oidc-audience", help="What stands in the aud of its tokens.")
    ] = "",
    issuer_claim: Annotated[
        str, typer.Option("--oidc-claim", help="Claim that holds the account's name.")
    ] = "sub",
    certificate: Annotated[
        Path | None, typer.Option("--tls-cert", help="Certificate chain (PEM); serves https.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key (PEM).")] = None,
    longest_question_s: Annotated[
        float,
        typer.Option(
            "--longest-question", min=0.1, help="Seconds after which a question is stopped (503)."
        ),
    ] = LONGEST_QUESTION_S,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Serve the one map: OGC APIs for GIS clients, pages for people.

    Without accounts it listens on this machine only and refuses any other address; see
    [bold]onemap accounts[/bold].
    """
    oidc = Issuer(issuer, issuer_audience, issuer_claim) if issuer else None
    with opened(city, store) as at:
        entrance = entrance_of(at.city, at.home, issuer=oidc, anonymous=anonymous)
        _check_reach(host, entrance)
        scheme = "https" if certificate else "http"
        app = create_app(
            at.city,
            at.store,
            base_url=base_url,
            entrance=entrance,
            folder=at.home.folder,
            hosts=(host, *(hosts or ())),
            origins=origins or (),
            longest_question_s=longest_question_s,
        )
        settings = uvicorn.Config(
            app, log_level="warning", ssl_certfile=certificate, ssl_keyfile=key
        )
        _serve(at, host, port, scheme, settings)


def _check_reach(host: str, entrance: Entrance) -> None:
    """Nobody but this machine is served as long as everybody would see everything."""
    if not is_loopback(host) and not entrance.guarded:
        raise OnemapError(
            f"refusing to listen on {host}: without accounts the map is for this machine only "
            "(127.0.0.1); add some with onemap accounts add"
        )


def _serve(at: Opened, host: str, port: int, scheme: str, settings: uvicorn.Config) -> None:
    with _listening(host, port) as listener:
        create_layers(at.city, at.store)
        if scheme == "http" and not is_loopback(host):
            err.print("[yellow]app passwords travel in clear over http[/yellow]: use --tls-cert")
        url = f"{scheme}://{'[' + host + ']' if ':' in host else host}:{port}"
        out.print(f"[bold]{at.city.title.en} {at.city.title.zh}[/bold]")
        if at.city.declaration.synthetic:
            out.print(f"{at.city.declaration.synthetic.en} · {at.city.declaration.synthetic.zh}")
        out.print(f"  the one map    {url}/map")
        out.print(f"  all about it   {url}/")
        out.print(f"  QGIS           Layer › Add WFS / OGC API – Features layer, URL {url}")
        out.print(f"  GDAL           ogrinfo OAPIF:{url}")
        out.print("stop with Ctrl-C")
        with suppress(KeyboardInterrupt), outbox_of(at).running():
            uvicorn.Server(settings).run(sockets=[listener])


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
