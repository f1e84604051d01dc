"""Sending what is in the outbox, at least once each, whatever dies meanwhile."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cases.channels.channel import Channel, DeliveryError
from cases.notices import Retry
from layers.store.notice import Notice
from layers.store.notices import NoticeRecords

Clock = Callable[[], datetime]
_AT_ONCE = 50
_IDLE_S = 1.0
# What is being sent when all ends may take so long; it is sent again later otherwise.
_LONGEST_END_S = 5.0
# Attempts are spread by a fifth, so that what failed together does not come again together.
_SPREAD = 0.2
_LOG = structlog.get_logger()


@dataclass(frozen=True)
class Delivered:
    """What one round did: notices that went out, that wait for another attempt, and given up."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(
            self.sent + other.sent, self.postponed + other.postponed, self.failed + other.failed
        )


class Outbox:
    """Sends notices by their channels.

    Parameters
    ----------
    records : the notices of the store.
    channels : by id; notices of other channels are left waiting.
    retry : when an attempt in vain is repeated.
    clock : aware UTC.
    hold : for how long notices that are being sent are kept from others; longer than the slowest
        channel takes for all that is taken at once.
    """

    def __init__(
        self,
        records: NoticeRecords,
        channels: Mapping[str, Channel],
        retry: Retry,
        clock: Clock,
        hold: timedelta = timedelta(minutes=10),
    ) -> None:
        self._records, self._channels, self._retry = records, channels, retry
        self._clock, self._hold = clock, hold

    def deliver(self) -> Delivered:
        """Send all that is due now."""
        total = Delivered()
        while taken := self._records.take(self._channels, self._clock(), self._hold, _AT_ONCE):
            for notice in taken:
                total += self._send(notice)
        return total

    def run(self, stop: threading.Event) -> None:
        """Send what comes due until told to stop."""
        while not stop.is_set():
            try:
                self.deliver()
            except Exception:
                # The store may be away for a while; what waits is not lost by waiting longer.
                _LOG.exception("notices could not be read")
            stop.wait(_IDLE_S)

    def close(self) -> None:
        """Let go of the channels' connections."""
        for channel in self._channels.values():
            channel.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send what comes due beside the block's own work, in a thread."""
        stop = threading.Event()
        thread = threading.Thread(target=self.run, args=(stop,), name="outbox", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_LONGEST_END_S)
            self.close()

    def _send(self, notice: Notice) -> Delivered:
        try:
            self._channels[notice.channel].send(notice)
        except DeliveryError as failure:
            last = notice.attempts + 1 >= self._retry.attempts
            due = None if failure.for_good or last else self._clock() + self._pause(notice)
            self._records.failed(notice.key, str(failure), due)
            # Neither recipient nor words: both may be personal.
            _LOG.warning("notice not sent", key=notice.key, channel=notice.channel)
            return Delivered(failed=1) if due is None else Delivered(postponed=1)
        self._records.sent(notice.key, self._clock())
        return Delivered(sent=1)

    def _pause(self, notice: Notice) -> timedelta:
        """Pause before the next attempt: doubled each time, spread by the notice's key."""
        doubled = self._retry.first_s * 2.0 ** min(notice.attempts, 60)
        part = zlib.crc32(f"{notice.key}{notice.attempts}".encode()) / 2**32
        spread = 1 + _SPREAD * (2 * part - 1)
        return timedelta(seconds=min(doubled, self._retry.longest_s) * spread)
