"""Python's garbage collector, told what rules are like: many objects, none of them in a circle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# New objects after which it comes; Python's own are 700, 10 and 10.
_THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """Spare the collector what is loaded by now, and call it seldom, for the rest of the process.

    The states of rules are hundreds of thousands of objects, and going through them takes as long
    as taking in a batch; by Python's own thresholds that is a fifth of a live feed's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def few_collections() -> Iterator[None]:
    """Spare the collector what was there before, all modules, and call it seldom, for a while.

    To look for circles takes a quarter of a pass.
    """
    if gc.get_freeze_count():
        # Somebody else saw to it, and for longer.
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
