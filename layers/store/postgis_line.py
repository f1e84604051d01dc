"""Revisions asked for on an event loop: one prepared statement on a connection of its own.

A thread that asks costs more than PostgreSQL needs to answer. So the question is sent through libpq
without blocking, and the loop is told when the answer has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

_NAME = b"onemap_revisions"
_QUESTION = b"SELECT layer, revision FROM onemap_revision WHERE layer = ANY($1::text[])"
_BINARY = 1


class RevisionLine:
    """Asks for revisions from event loops; on each with a connection of its own.

    Parameters
    ----------
    connect : opens a connection that commits by itself.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, psycopg.Connection[Any]] = (
            WeakKeyDictionary()
        )

    def close(self) -> None:
        """Release all connections."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    async def ask(self, layers: Sequence[str]) -> dict[str, int]:
        """Revisions of layers as they are committed now, 0 for one that has no table.

        One question at a time; whoever asks while another is under way has to wait himself.

        Raises
        ------
        psycopg.OperationalError
            where the server doesn't answer; a connection that was cut meanwhile is opened anew.
        """
        loop = asyncio.get_running_loop()
        kept = self._open.get(loop)
        if kept is not None:
            try:
                return await self._answer(kept.pgconn, layers)
            except psycopg.OperationalError:
                self._open.pop(loop).close()
        self._sweep()
        fresh = await asyncio.to_thread(self._prepared)
        self._open[loop] = fresh
        return await self._answer(fresh.pgconn, layers)

    def _sweep(self) -> None:
        """Close the connections of loops that are over."""
        for loop in [one for one in self._open if one.is_closed()]:
            self._open.pop(loop).close()

    def _prepared(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        made = connection.pgconn.prepare(_NAME, _QUESTION)
        if made.status != ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(made.get_error_message())
        connection.pgconn.nonblocking = 1
        return connection

    async def _answer(self, line: PGconn, layers: Sequence[str]) -> dict[str, int]:
        line.send_query_prepared(_NAME, [_array(layers)], result_format=_BINARY)
        await _sent(line)
        await _come(line)
        found = dict.fromkeys(layers, 0)
        # The end of an answer is told by one more that is None.
        while (rows := line.get_result()) is not None:
            if rows.status != ExecStatus.TUPLES_OK:
                raise psycopg.OperationalError(rows.get_error_message())
            for row in range(rows.ntuples):
                layer, number = rows.get_value(row, 0), rows.get_value(row, 1)
                assert layer is not None and number is not None
                found[layer.decode()] = int.from_bytes(number, "big")
        return found


def _array(layers: Sequence[str]) -> bytes:
    """Write ids of layers, which hold no quotes, as text of a PostgreSQL array."""
    return ("{" + ",".join(f'"{layer}"' for layer in layers) + "}").encode()


async def _sent(line: PGconn) -> None:
    while line.flush():
        await _until(line, asyncio.get_running_loop().add_writer, "remove_writer")


async def _come(line: PGconn) -> None:
    while True:
        await _until(line, asyncio.get_running_loop().add_reader, "remove_reader")
        line.consume_input()
        if not line.is_busy():
            return


async def _until(line: PGconn, watch: Callable[..., Any], forget: str) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    watch(line.socket, _told, ready)
    try:
        await ready
    finally:
        getattr(loop, forget)(line.socket)


def _told(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
