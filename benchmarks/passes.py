"""What one pass over a feed takes: time apart for reading, and memory of its process alone."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from analytics.rule import Columns


def timed(batches: Iterator[Columns], spent: list[float]) -> Iterator[Columns]:
    """Batches as they come; how long each was waited for, s, is added to a list."""
    while True:
        start = time.perf_counter()
        columns = next(batches, None)
        spent.append(time.perf_counter() - start)
        if columns is None:
            return
        yield columns
        del columns


def peak_mb() -> int:
    """Largest memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells of a process that another started includes its parent's.
        said = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return round(int(said["VmHWM"].split()[0]) * 1024 / 1e6)
    scale = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6)
