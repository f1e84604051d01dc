"""How often somebody may do something: a sliding hour for each name, in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_MOST_NAMES = 20_000


class HourlyRate:
    """Counts of the last hour by name; of very many names the ones not seen longest are dropped."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, name: str, most: int, now: datetime) -> bool:
        """Count one more, unless there were ``most`` within the hour before ``now`` (aware)."""
        with self._lock:
            times = self._times.setdefault(name, deque())
            self._times.move_to_end(name)
            while times and times[0] <= now - _HOUR:
                times.popleft()
            if len(times) >= most:
                return False
            times.append(now)
            if len(self._times) > _MOST_NAMES:
                self._times.popitem(last=False)
            return True
