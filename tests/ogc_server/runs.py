"""Runs that a test drives by hand: an executor that waits for its word, a clock that is set."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.algorithm import JSON, Algorithm, Inputs, Output, Outputs, Progress, given
from analytics.reader import Reader
from layers.access import LOCAL, Audience
from layers.text import Text
from ogc_server.processes.pool import Order


class ByHand(Executor):
    """Runs what it was handed when it is told to, in the test's own thread."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fn))
        return future

    def step(self) -> None:
        future, work = self.waiting.pop(0)
        try:
            future.set_result(work())
        except BaseException as failure:
            future.set_exception(failure)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class NumberInputs(Inputs):
    """A number."""

    number: int = given("Number", "数值", 1)


def algorithm(run: Callable[[Reader, Any, Progress], Outputs]) -> Algorithm:
    """An algorithm of a test, known to nobody else."""
    words = Text(en="Test", zh="测试")
    outputs = {"number": Output(words, {"type": "integer"})}
    return Algorithm("test", "1.2.3", words, words, NumberInputs, outputs, run)


def order(
    run: Callable[[Reader, Any, Progress], Outputs],
    actor: str = "ada",
    audience: Audience = LOCAL,
) -> Order:
    wishes = {"response": "document", "modes": {"number": "value"}}
    one = algorithm(run)
    return Order(one, one.read({}), {"number": JSON}, wishes, actor, audience)
