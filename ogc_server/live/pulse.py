"""One look at the store for all who wait for changes in it.

The writer may be another process, so the newest number of the log of changes is read again and
again, by one task for each store however many clients wait. With no client there is no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from weakref import WeakKeyDictionary

import structlog

from layers.errors import StoreError
from layers.store import Store

EVERY_S = 0.5
_LOG = structlog.get_logger(__name__)


class Pulse:
    """Tells those who wait on one event loop that there are new changes.

    Used as a context (``async with pulse``) by each who waits.

    Parameters
    ----------
    store : whose log of changes is looked at.
    pause : awaited between two looks.
    """

    def __init__(
        self, store: Store, pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(EVERY_S)
    ) -> None:
        self._store, self._pause = store, pause
        self._newest = 0
        self._changed = asyncio.Event()
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def beats(self) -> bool:
        """Whether anybody waits."""
        return self._waiting > 0

    def look_at(self, store: Store) -> None:
        """Look at the same database through another store, if nobody waits by the one so far."""
        if not self.beats:
            self._store = store

    async def __aenter__(self) -> Pulse:
        """Begin to wait; the first one starts the task."""
        self._waiting += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave; the last one stops the task."""
        self._waiting -= 1
        if self._waiting == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look_on(self) -> None:
        while True:
            try:
                await self.look()
            except StoreError as failure:
                # A store that is away for a moment is looked at again.
                _LOG.warning("changes can't be read", reason=str(failure))
            await self._pause()

    async def look(self) -> None:
        """Read the newest number and wake those who wait if it has grown."""
        _, newest = await asyncio.to_thread(self._store.change_ends)
        if newest > self._newest:
            self._newest = newest
            self._changed.set()
            self._changed = asyncio.Event()

    async def beyond(self, number: int, seconds: float) -> bool:
        """Wait for a change beyond a number; False if none came in that time."""
        changed = self._changed
        if self._newest > number:
            return True
        try:
            await asyncio.wait_for(changed.wait(), seconds)
        except TimeoutError:
            return False
        return self._newest > number


_PULSES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Pulse]] = WeakKeyDictionary()


def pulse_of(store: Store) -> Pulse:
    """Return the pulse of a store's database on the running event loop."""
    pulses = _PULSES.setdefault(asyncio.get_running_loop(), {})
    known = pulses.setdefault(store.url, Pulse(store))
    known.look_at(store)
    return known
