"""Work that one process at a time may do."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from layers.errors import OnemapError


def hold_alone(file: Path, refusal: OnemapError) -> TextIO:
    """Open a file that nobody else holds, until it is closed or the process ends.

    Raises
    ------
    OnemapError
        the refusal, where another process, or another part of this one, holds it.
    """
    opened = file.open("w")
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        opened.close()
        raise refusal from failure
    return opened
