"""Onemap, the front door: the ``onemap`` command and `open_city` for notebooks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onemap.notebook import OneMap, open_city

__version__ = "0.1.0"
__all__ = ["OneMap", "__version__", "open_city"]


def __getattr__(name: str) -> Any:
    """Import what notebooks use when they use it: a command should not wait for all of it."""
    if name in ("OneMap", "open_city"):
        from onemap import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
