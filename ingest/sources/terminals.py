"""The TCP server that JT/T 808 terminals speak to.

What terminals say waits in a queue and is kept in batches, beside the event loop; then it is
answered. Where the queue is full nothing more is read, so that terminals wait and nothing is lost.
A batch that can't be kept ends the server, unanswered: terminals send it again to the next.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import cast

import structlog

from ingest.sources.terminal_session import Entrance, Heard, Limits, Session

MOST_ROWS, LONGEST_WAIT_S = 20_000, 1.0
_READ_BYTES = 4096
_SWEEP_S = 1.0
_GOODBYE_S = 5.0
_BACKLOG = 1024
_log = structlog.get_logger()
Clock = Callable[[], int]
Keep = Callable[[Heard], None]


class TerminalServer:
    """Serves terminals until it is told to stop.

    Parameters
    ----------
    entrance : who may come in.
    keep : keeps a batch for good, in a thread of its own and one after the other; what it raises
        ends the server.
    now_ms : clock that stamps what comes, ms since 1970 UTC.
    steady_s : clock of time-outs, seconds; the event loop's by default.
    rows, wait_s : a batch begins so long after the one before, or earlier with so many rows.

    Attributes
    ----------
    received, waiting_rows : locations that were read so far, and what waits to be kept.
    """

    def __init__(
        self,
        entrance: Entrance,
        keep: Keep,
        *,
        now_ms: Clock,
        limits: Limits | None = None,
        steady_s: Callable[[], float] | None = None,
        rows: int = MOST_ROWS,
        wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self.entrance, self.limits = entrance, limits or Limits()
        self.now_ms, self._keep, self._rows, self._wait_s = now_ms, keep, rows, wait_s
        self.steady_s = steady_s or (lambda: asyncio.get_running_loop().time())
        self.connections: set[_Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self.received = self.waiting_rows = 0
        self._filled, self._full = asyncio.Event(), asyncio.Event()
        self._deserted = asyncio.Event()
        self._stopping = False
        self._numbers = count(1)

    async def run(
        self,
        host: str,
        port: int,
        stop: asyncio.Event,
        started: Callable[[int], None] = lambda port: None,
    ) -> None:
        """Serve until ``stop`` is set, then keep and answer what still waits.

        Parameters
        ----------
        started : called with the port once terminals can connect.

        Raises
        ------
        OSError
            where the address can't be listened on.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), host, port, backlog=_BACKLOG)
        committer = asyncio.create_task(self._commit())
        others = {asyncio.create_task(self._sweep()), asyncio.create_task(stop.wait())}
        try:
            started(int(server.sockets[0].getsockname()[1]))
            ended, _ = await asyncio.wait({committer, *others}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
            server.close()
            await self._finish(committer)
        finally:
            server.close()
            for task in (committer, *others):
                task.cancel()
            for connection in list(self.connections):
                connection.transport.abort()
            await asyncio.gather(committer, *others, return_exceptions=True)

    async def _finish(self, committer: asyncio.Task[None]) -> None:
        self._stopping = True
        for connection in list(self.connections):
            connection.hold("stop")
        self._filled.set()
        self._full.set()
        await committer
        for connection in list(self.connections):
            connection.transport.close()
        if self.connections:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self._deserted.wait()
        if self._waiting:
            # Frames that the end of their connections cut in two.
            await asyncio.to_thread(self._keep, self._take()[1])

    def sweep(self) -> None:
        """Ask for missing parts, and end connections that are dead or never log in."""
        now_s = self.steady_s()
        for connection in list(self.connections):
            connection.take(connection.session.sweep(now_s))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep()

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._waiting or not self._stopping:
            await self._filled.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._full.wait()
            due = loop.time() + self._wait_s
            taken, batch = self._take()
            if self.waiting_rows < self.limits.waiting_rows and not self._stopping:
                for connection in list(self.connections):
                    connection.release("queue")
            await asyncio.to_thread(self._keep, batch)
            for waiting in taken:
                waiting.connection.write(waiting.heard.later)

    def _take(self) -> tuple[list[_Waiting], Heard]:
        """Take what makes one batch from the queue."""
        taken, batch, rows = [], Heard(), 0
        while self._waiting and rows < self._rows:
            waiting = self._waiting.popleft()
            taken.append(waiting)
            batch.add(waiting.heard)
            rows += waiting.rows
        self.waiting_rows -= rows
        if not self._stopping:
            if not self._waiting:
                self._filled.clear()
            if self.waiting_rows < self._rows:
                self._full.clear()
        return taken, batch

    def queue(self, connection: _Connection, heard: Heard) -> None:
        """Let something wait to be kept; where too much does, its sender is no more read."""
        waiting = _Waiting(connection, heard)
        self._waiting.append(waiting)
        self.waiting_rows += waiting.rows
        self.received += len(heard.reports)
        self._filled.set()
        if self.waiting_rows >= self._rows:
            self._full.set()
        if self.waiting_rows >= self.limits.waiting_rows:
            connection.hold("queue")

    def open(self, connection: _Connection, address: str) -> Session | None:
        """Begin a session, None where there are too many."""
        limits = self.limits
        many = len(self.connections) >= limits.connections
        if self._stopping or many or self._addresses[address] >= limits.per_address:
            _log.warning("terminal turned away", address=address, open=len(self.connections))
            return None
        self.connections.add(connection)
        self._addresses[address] += 1
        sender = f"tcp://{connection.peer}#{next(self._numbers)}"
        return Session(sender, self.entrance, limits, self.steady_s())

    def close(self, connection: _Connection, address: str) -> None:
        """Forget a connection."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
            if not self.connections:
                self._deserted.set()


@dataclass
class _Waiting:
    """Something that waits to be kept; it weighs at least one row."""

    connection: _Connection
    heard: Heard
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = max(1, len(self.heard.reports) + len(self.heard.rejects))


class _Connection(asyncio.BufferedProtocol):
    """A socket and its session; read in small pieces, so that a full queue stops it soon."""

    transport: asyncio.Transport
    session: Session

    def __init__(self, server: TerminalServer) -> None:
        self._server = server
        self._buffer = bytearray(_READ_BYTES)
        self._held: set[str] = set()
        self._address = self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self._address, self.peer = str(peer[0]), f"{peer[0]}:{peer[1]}"
        session = self._server.open(self, self._address)
        if session is None:
            self.transport.abort()
        else:
            self.session = session

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        server, data = self._server, bytes(self._buffer[:nbytes])
        if self in server.connections:
            self.take(self.session.receive(data, server.steady_s(), server.now_ms()))

    def take(self, heard: Heard) -> None:
        """Send what can be sent at once, and let the rest wait to be kept."""
        self.write(heard.answers)
        if heard.reports or heard.plates or heard.rejects or heard.accepted or heard.later:
            self._server.queue(self, heard)
        if heard.hang_up:
            _log.warning("terminal hung up on", sender=self.session.sender, why=heard.hang_up)
            self.transport.abort()

    def write(self, frames: list[bytes]) -> None:
        """Send frames, unless the connection is gone."""
        if frames and not self.transport.is_closing():
            self.transport.write(b"".join(frames))

    def hold(self, why: str) -> None:
        """Stop reading for a reason."""
        if not self._held and not self.transport.is_closing():
            self.transport.pause_reading()
        self._held.add(why)

    def release(self, why: str) -> None:
        """Read again, unless there is another reason not to."""
        if why in self._held:
            self._held.discard(why)
            if not self._held and not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.hold("answers")

    def resume_writing(self) -> None:
        self.release("answers")

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._server.connections:
            self._server.close(self, self._address)
            left = self.session.close()
            if left.rejects:
                self._server.queue(self, left)
