"""Revisions for many at once: few questions, and nobody is told what was read before he asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest

from layers.errors import StoreError
from layers.store import Store
from ogc_server.revisions import Revisions


class _Counting:
    """A store whose revision grows with each question, and that waits where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def revision(self, layer: str) -> int:
        self.asked.append(layer)
        number = len(self.asked)
        assert self.open.wait(30)
        if layer == "broken":
            raise StoreError("broken")
        return number

    async def read_revisions(self, layers: Sequence[str]) -> dict[str, int]:
        return await Store.read_revisions(cast(Store, self), layers)


def _revisions(store: _Counting) -> Revisions:
    return Revisions(cast(Store, store))


def test_all_who_wait_are_answered_by_one_question() -> None:
    store = _Counting()

    async def ask() -> list[int]:
        revisions = _revisions(store)
        return await asyncio.gather(*(revisions.of("a") for _ in range(50)))

    assert asyncio.run(ask()) == [1] * 50 and store.asked == ["a"]


def test_who_comes_while_a_question_is_under_way_waits_for_the_next() -> None:
    store = _Counting()
    store.open.clear()

    async def ask() -> tuple[int, int, int]:
        revisions = _revisions(store)
        first = asyncio.ensure_future(revisions.of("a"))
        while not store.asked:
            await asyncio.sleep(0)
        late = asyncio.ensure_future(revisions.of("a"))
        gone = asyncio.ensure_future(revisions.of("a"))
        await asyncio.sleep(0)
        gone.cancel()
        store.open.set()
        return await first, await late, await revisions.of("a")

    assert asyncio.run(ask()) == (1, 2, 3)


def test_a_failure_is_told_to_all_and_ends_nothing() -> None:
    store = _Counting()

    async def ask() -> list[Any]:
        revisions = _revisions(store)
        names = ("broken", "a", "broken")
        failed = await asyncio.gather(*map(revisions.of, names), return_exceptions=True)
        assert all(isinstance(one, StoreError) for one in failed)
        return [await revisions.of("a"), await revisions.of("b")]

    assert asyncio.run(ask()) == [2, 3]
    with pytest.raises(StoreError):
        asyncio.run(_revisions(store).of("broken"))
    # Each event loop has its own line.
    revisions = _revisions(store)
    assert asyncio.run(revisions.of("a")) < asyncio.run(revisions.of("a"))
