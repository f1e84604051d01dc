"""Writers take turns: more that wait for the store's one writer would starve the readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")
_WRITERS = 2
# One for each event loop: who waits for a limiter is woken by its own loop only.
_LIMITER: RunVar[CapacityLimiter] = RunVar("onemap.writers")


async def in_turn(work: Callable[..., T], *arguments: Any) -> T:
    """Write in a worker thread, of which few are kept for writers."""
    try:
        limiter = _LIMITER.get()
    except LookupError:
        limiter = CapacityLimiter(_WRITERS)
        _LIMITER.set(limiter)
    return await to_thread.run_sync(work, *arguments, limiter=limiter)
