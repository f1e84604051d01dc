"""Addresses of live sources as people write them."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from ingest.sources.line import Line
from ingest.sources.mqtt import PORT, TLS_PORT, Broker, mqtt_lines
from ingest.sources.network import UdpListener, tcp_lines, udp_lines, udp_listen
from layers.errors import OnemapError


async def source_at(address: str, once: bool, listeners: list[UdpListener]) -> AsyncIterator[Line]:
    """Open the source at an address.

    Parameters
    ----------
    address : ``tcp://host:port`` to read from, ``udp://host:port`` to listen on, or
        ``mqtt://host:port/topic`` (``mqtts://`` encrypted).
    once : end with the first connection.
    listeners : what listens is added to them.

    Raises
    ------
    OnemapError
        for an address of another kind.
    """
    if address.startswith(("mqtt://", "mqtts://")):
        return mqtt_lines(_broker(address), now_ms=_now_ms, once=once)
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as failure:
        raise OnemapError(f"'{address}': {failure}") from failure
    if not host or not port or parts.scheme not in ("tcp", "udp"):
        raise OnemapError(
            "expected tcp://host:port, udp://host:port or mqtt://host:port/topic, "
            f"found '{address}'"
        )
    if parts.scheme == "udp":
        listener, _ = await udp_listen(host, port, now_ms=_now_ms)
        listeners.append(listener)
        return udp_lines(listener)
    return tcp_lines(host, port, now_ms=_now_ms, attempts=1 if once else None)


def _broker(address: str) -> Broker:
    # The wildcard of topics would begin a fragment.
    parts = urlsplit(address, allow_fragments=False)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as failure:
        raise OnemapError(f"'{address}': {failure}") from failure
    topic, tls = parts.path.removeprefix("/"), parts.scheme == "mqtts"
    if not host or not topic or "@" in parts.netloc:
        raise OnemapError(f"expected mqtt://host:port/topic, found 'mqtt://{host or ''}/{topic}'")
    user, password = (os.environ.get(f"ONEMAP_MQTT_{name}") for name in ("USER", "PASSWORD"))
    return Broker(host, port or (TLS_PORT if tls else PORT), topic, tls, user, password)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
