"""Revisions for many who ask at once: one question to the store answers all who wait for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from layers.store import Store


@dataclass
class _Line:
    """Those who wait on one event loop, by layer, and the task that asks for them."""

    waiting: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Revisions:
    """Revisions of layers in a store that answers from another process.

    Nobody is told what was read before he asked: who comes while a question is under way waits for
    the next one. So the answer is as fresh as if each had asked for himself.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()

    async def of(self, layer: str) -> int:
        """Revision of a layer, committed no earlier than this is called."""
        loop = asyncio.get_running_loop()
        line = self._lines.setdefault(loop, _Line())
        if layer not in line.waiting:
            line.waiting[layer] = loop.create_future()
        waited = line.waiting[layer]
        if line.task is None:
            line.task = loop.create_task(self._ask(line))
        # One of several who wait may go away.
        return await asyncio.shield(waited)

    async def _ask(self, line: _Line) -> None:
        while line.waiting:
            asked, line.waiting = line.waiting, {}
            try:
                found = await self._store.read_revisions(tuple(asked))
            except Exception as failure:
                for waited in asked.values():
                    waited.set_exception(failure)
            else:
                for layer, waited in asked.items():
                    waited.set_result(found[layer])
        line.task = None
