"""A light load generator: kept connections on one selector, requests written beforehand.

It shares its processor with the servers that it measures, so it does next to nothing: it sends
bytes that are ready, and reads until the length that the answer's head gives.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from itertools import cycle

CONNECTIONS = 4
_WHOLE = 1 << 22
_CHUNKS_END = b"0\r\n\r\n"


def request(port: int, path: str, **headers: str) -> bytes:
    """One GET as bytes; underscores in names of headers are hyphens."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: */*"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


class _Line:
    """One kept connection and the answer that is coming in on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(_WHOLE))
        self._got, self._wanted = 0, 0

    def ask(self, text: bytes) -> None:
        self._got, self._wanted = 0, 0
        self.socket.sendall(text)

    def receive(self, status: bytes) -> bool:
        """Take in what has come; whether the answer is whole. RuntimeError for another status."""
        got = self.socket.recv_into(self._buffer[self._got :])
        if not got:
            raise RuntimeError("the server closed the connection")
        self._got += got
        if not self._wanted:
            self._wanted = self._length(status)
        if self._wanted < 0:
            return bytes(self._buffer[self._got - len(_CHUNKS_END) : self._got]) == _CHUNKS_END
        return 0 < self._wanted <= self._got

    def _length(self, status: bytes) -> int:
        """Bytes of head and body; 0 while the head is not whole, -1 if the body comes in chunks."""
        start = bytes(self._buffer[: min(self._got, 16384)])
        end = start.find(b"\r\n\r\n")
        if end < 0:
            return 0
        head = start[:end].lower()
        if not head.startswith(b"http/1.1 " + status):
            raise RuntimeError(bytes(self._buffer[: self._got]).decode(errors="replace"))
        if b"transfer-encoding: chunked" in head:
            return -1
        name = b"content-length: "
        at = head.find(name)
        length = 0 if at < 0 else int(head[at + len(name) :].split(b"\r\n", 1)[0])
        return end + 4 + length

    def body(self) -> bytes:
        """Body of the answer that came last."""
        return bytes(self._buffer[: self._got]).split(b"\r\n\r\n", 1)[1]

    def head(self) -> bytes:
        """Head of the answer that came last."""
        return bytes(self._buffer[: self._got]).split(b"\r\n\r\n", 1)[0]


def once(port: int, text: bytes) -> tuple[bytes, bytes]:
    """Head and body of one answer; RuntimeError where it isn't 200."""
    line = _Line(port)
    line.ask(text)
    while not line.receive(b"200"):
        pass
    line.socket.close()
    return line.head(), line.body()


def rate(port: int, texts: Iterable[bytes], seconds: float, status: int = 200) -> float:
    """Answers a second over four kept connections, each asking again as soon as it is answered.

    Parameters
    ----------
    texts : requests; asked in turn, again from the start where they come to an end.
    status : that every answer must have.
    """
    return _run(port, cycle(texts), seconds, str(status).encode())


def rate_of_all(port: int, texts: list[bytes]) -> float:
    """Answers a second when each request is asked once."""
    return _run(port, iter(texts), float("inf"), b"200")


def _run(port: int, texts: Iterator[bytes], seconds: float, status: bytes) -> float:
    lines = [_Line(port) for _ in range(CONNECTIONS)]
    answered, waiting = 0, 0
    with selectors.DefaultSelector() as selector:
        start = time.perf_counter()
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.ask(next(texts))
            waiting += 1
        while waiting:
            for key, _ in selector.select():
                line = key.data
                if not line.receive(status):
                    continue
                answered += 1
                following = next(texts, None) if time.perf_counter() < start + seconds else None
                if following is None:
                    waiting -= 1
                    selector.unregister(line.socket)
                else:
                    line.ask(following)
        took = time.perf_counter() - start
    for line in lines:
        line.socket.close()
    return answered / took
