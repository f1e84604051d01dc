"""Memory of processes that run for long."""

from __future__ import annotations

import gc

# Python's own are 700, 10 and 10.
_THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """Tell the garbage collector that what is loaded by now stays, and to come less often.

    The states of rules are hundreds of thousands of objects, none of them in a circle, and going
    through them takes as long as taking in a batch; by Python's own thresholds that is a fifth of a
    live feed's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
