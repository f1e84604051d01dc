"""Onemap, the front door: the ``onemap`` command and `open_city` for notebooks."""

from onemap.notebook import OneMap, open_city

__version__ = "0.1.0"
__all__ = ["OneMap", "__version__", "open_city"]
