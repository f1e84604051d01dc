"""Lines from an MQTT broker: each message of a topic holds one line or several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.sources.line import Line
from layers.errors import OnemapError

Clock = Callable[[], int]

PORT, TLS_PORT = 1883, 8883
_QUEUE_LINES = 20_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1, 60
# At least once: the decoder takes what comes twice for the duplicate that it is.
_QOS = 1


@dataclass(frozen=True)
class Broker:
    """Where a topic is to be had.

    Attributes
    ----------
    host, port : of the broker.
    topic : may have the wildcards ``+`` and ``#``.
    tls : whether the connection is encrypted, by the system's certificates.
    user, password : None for none.
    """

    host: str
    port: int
    topic: str
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Address that the lines carry."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}/{self.topic}"


async def mqtt_lines(
    broker: Broker, *, now_ms: Clock, once: bool = False, keepalive_s: int = 60
) -> AsyncIterator[Line]:
    """Read lines of a topic, connecting again whenever the connection is lost.

    Parameters
    ----------
    broker : and its topic.
    now_ms : clock that stamps each line, ms since 1970 UTC.
    once : end with the first connection; raise OSError where there is none.
    keepalive_s : a broker that is silent for longer is taken for lost.

    Raises
    ------
    OnemapError
        where the broker refuses the account or the topic.
    """
    loop, inbox = asyncio.get_running_loop(), _Inbox(broker.name, now_ms)
    client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=not once)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls:
        client.tls_set()
    client.reconnect_delay_set(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    def tell(act: Callable[..., None], *values: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(act, *values)

    def connected(_: object, __: object, ___: object, reason: object, ____: object) -> None:
        if getattr(reason, "is_failure", False):
            tell(inbox.fail, f"{broker.name}: the broker answers {reason}")
        else:
            client.subscribe(broker.topic, _QOS)

    def subscribed(_: object, __: object, ___: object, reasons: Any, ____: object) -> None:
        if any(getattr(reason, "is_failure", False) for reason in reasons):
            tell(inbox.fail, f"{broker.name}: the broker refuses the topic")

    def received(_: object, __: object, message: paho.MQTTMessage) -> None:
        # Waits where the reader is behind: the broker then keeps what comes after.
        with suppress(RuntimeError, CancelledError):
            asyncio.run_coroutine_threadsafe(inbox.take(message.payload), loop).result()

    def lost(*_: object) -> None:
        if once:
            tell(inbox.end)

    client.on_connect, client.on_subscribe = connected, subscribed
    client.on_message, client.on_disconnect = received, lost
    if once:
        await asyncio.to_thread(client.connect, broker.host, broker.port, keepalive_s)
    else:
        client.connect_async(broker.host, broker.port, keepalive_s)
    client.loop_start()
    try:
        while (line := await inbox.queue.get()) is not None:
            yield line
        if inbox.failure:
            raise OnemapError(inbox.failure)
    finally:
        inbox.close()
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


class _Inbox:
    """What came and is not read yet; all of it happens on the event loop."""

    def __init__(self, name: str, now_ms: Clock) -> None:
        self.name, self.now_ms, self.failure = name, now_ms, ""
        self.queue: asyncio.Queue[Line | None] = asyncio.Queue(_QUEUE_LINES)
        self._waiting: set[asyncio.Task[None]] = set()
        self._number = self._offset = 0
        self._closed = False

    async def take(self, payload: bytes) -> None:
        received = self.now_ms()
        for part in payload.splitlines():
            self._number += 1
            self._offset += len(part) + 1
            if self._closed:
                return
            await self.queue.put(Line(self.name, self._number, part, received, self._offset))

    def fail(self, why: str) -> None:
        self.failure = why
        self.end()

    def end(self) -> None:
        task = asyncio.ensure_future(self.queue.put(None))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def close(self) -> None:
        """Let go whoever waits to put something in."""
        self._closed = True
        while not self.queue.empty():
            self.queue.get_nowait()
