"""The building blocks of the server, one file each."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from ogc_server.block import Block


@lru_cache(maxsize=1)
def discover() -> tuple[Block, ...]:
    """All blocks, in the order of their files' names; each file of this folder has a ``BLOCK``."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").BLOCK for name in names)
