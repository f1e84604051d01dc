"""Several sources as one feed: each reads and reconnects on its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from ingest.sources.line import Line

_QUEUE_LINES = 20_000


async def merged(sources: Mapping[str, AsyncIterator[Line]]) -> AsyncIterator[Line]:
    """Read several sources in the order in which their lines come.

    The lines are numbered through and carry the name of their source; the feed ends with the last
    of them, and fails with the first that fails.

    Parameters
    ----------
    sources : by name.
    """
    queue: asyncio.Queue[Line | None] = asyncio.Queue(_QUEUE_LINES)

    async def pump(name: str, lines: AsyncIterator[Line]) -> None:
        try:
            async for line in lines:
                await queue.put(line._replace(source=name))
        finally:
            await queue.put(None)

    tasks = [asyncio.create_task(pump(name, lines)) for name, lines in sources.items()]
    number = offset = 0
    open_ones = len(tasks)
    try:
        while open_ones:
            line = await queue.get()
            if line is None:
                open_ones -= 1
                for task in tasks:
                    if task.done():
                        task.result()
                continue
            number += 1
            offset += len(line.data) + 1
            yield line._replace(number=number, offset=offset)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
