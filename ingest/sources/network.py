"""Lines from the network: a TCP client that reconnects, and a UDP listener."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

from ingest.sources.line import MAX_LINE_BYTES, Line, LineCutter

Clock = Callable[[], int]

_QUEUE_LINES = 200_000
_RECEIVE_BYTES = 8 * 1024 * 1024
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0


async def tcp_lines(
    host: str,
    port: int,
    *,
    now_ms: Clock,
    attempts: int | None = None,
    pause_s: float = _FIRST_PAUSE_S,
) -> AsyncIterator[Line]:
    """Read lines of a TCP server, connecting again whenever it hangs up.

    Parameters
    ----------
    host, port : address of the server.
    now_ms : clock that stamps each line, ms since 1970 UTC.
    attempts : connections to try in all, without end by default.
    pause_s : pause before the second attempt; doubled each time in vain, at most a minute.

    Raises
    ------
    OSError
        when the last attempt fails to connect.
    """
    cutter, pause, made = LineCutter(f"tcp://{host}:{port}"), pause_s, 0
    while True:
        made += 1
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            if made == attempts:
                raise
        else:
            pause = pause_s
            try:
                async for line in _connection(reader, cutter, now_ms):
                    yield line
            finally:
                writer.close()
            if made == attempts:
                return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


async def _connection(
    reader: asyncio.StreamReader, cutter: LineCutter, now_ms: Clock
) -> AsyncIterator[Line]:
    try:
        while block := await reader.read(MAX_LINE_BYTES):
            for line in cutter.feed(block, now_ms()):
                yield line
    except ConnectionError:
        pass
    # A line that the hang-up cut in two is handed on: its checksum will tell.
    for line in cutter.close(now_ms()):
        yield line


class UdpListener(asyncio.DatagramProtocol):
    """Collects datagrams as lines; each datagram holds one line or several.

    Attributes
    ----------
    dropped : lines lost because the reader was too slow.
    """

    def __init__(self, now_ms: Clock) -> None:
        self.now_ms, self.dropped, self._number, self._offset = now_ms, 0, 0, 0
        self.queue: asyncio.Queue[Line] = asyncio.Queue(_QUEUE_LINES)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Queue the lines of one datagram."""
        received = self.now_ms()
        for part in data.splitlines():
            self._number += 1
            self._offset += len(part) + 1
            sender = f"udp://{address[0]}:{address[1]}"
            line = Line(sender, self._number, part, received, self._offset)
            try:
                self.queue.put_nowait(line)
            except asyncio.QueueFull:
                self.dropped += 1


async def udp_listen(host: str, port: int, *, now_ms: Clock) -> tuple[UdpListener, int]:
    """Listen for datagrams; return the listener and its port (useful where 0 was asked for)."""
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(
        lambda: UdpListener(now_ms), local_addr=(host, port)
    )
    # Bursts come faster than one process reads; the system may grant less than asked.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES
    )
    return listener, int(transport.get_extra_info("sockname")[1])


async def udp_lines(listener: UdpListener) -> AsyncIterator[Line]:
    """Read the lines of a listener without end."""
    while True:
        yield await listener.queue.get()
