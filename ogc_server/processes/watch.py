"""One run, watched: its progress goes to the store, its end is told to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from analytics.algorithm import StoppedError
from layers.store.jobs import JobRecords

# Progress is written no oftener: a write keeps other writers waiting.
_SECONDS_BETWEEN = 1.0
_TURN_S = 1.0


class Watch:
    """The progress of one run (see `analytics.algorithm.Progress`).

    Parameters
    ----------
    key : id of the job; of a synchronous run it is in no record.
    clock : current time, aware.
    seconds : that it may take from its start on.
    lease : until when a job is held that is renewed now.
    """

    def __init__(
        self,
        records: JobRecords,
        key: str,
        clock: Callable[[], datetime],
        seconds: float,
        lease: Callable[[datetime], datetime],
    ) -> None:
        self._records, self._key, self._clock = records, key, clock
        self._seconds, self._lease = seconds, lease
        self._stop, self._reason = threading.Event(), ""
        self._kept = False
        self._deadline: datetime | None = None
        self._written: datetime | None = None
        self._told = (0, "")

    def start(self, *, kept: bool = False) -> bool:
        """Begin; of a kept job, whether it is still wanted."""
        now = self._clock()
        self._kept, self._deadline = kept, now + timedelta(seconds=self._seconds)
        if not kept:
            return True
        return self._records.change(
            self._key,
            ("accepted",),
            status="running",
            message="running",
            started=now,
            updated=now,
            lease=self._lease(now),
        )

    def stop(self, reason: str) -> None:
        """Have the run stop at its next word."""
        self._reason = reason
        self._stop.set()

    def __call__(self, fraction: float, words: str = "") -> None:
        """See `Progress`."""
        now = self._clock()
        if self._stop.is_set():
            raise StoppedError(self._reason)
        if self._deadline is not None and now > self._deadline:
            raise StoppedError(f"stopped after {self._seconds:g} seconds, the most it may take")
        told = (max(0, min(99, int(fraction * 100))), words)
        due = self._written is None or (now - self._written).total_seconds() >= _SECONDS_BETWEEN
        if self._kept and due and told != self._told:
            self._write(now, told)

    def _write(self, now: datetime, told: tuple[int, str]) -> None:
        self._written, self._told = now, told
        changed = {"progress": told[0], "message": told[1] or "running", "updated": now}
        if not self._records.change(self._key, ("running",), **changed, lease=self._lease(now)):
            # Another process of the server dismissed it.
            raise StoppedError("dismissed")

    def pause(self, seconds: float) -> None:
        """See `Progress.pause`."""
        end = self._clock() + timedelta(seconds=seconds)
        while (left := (end - self._clock()).total_seconds()) > 0:
            self(1 - left / seconds, "waiting")
            self._stop.wait(min(left, _TURN_S))
        self(1.0, "waiting")
