"""How inner functions of compiled loops are compiled: without counting references to arrays.

Numba counts references to each array that a function is given, with an atomic operation in and one
out. An inner function that is given a dozen arrays and runs for some tens of nanoseconds then takes
tens of times longer; one that allocates nothing, and returns no array, needs none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "_nrt": False}
_F = TypeVar("_F", bound=Callable[..., Any])


def inner(function: _F) -> _F:
    """Compile a function that makes no array and returns none; another can't be, and says so."""
    return cast(_F, njit(**_OPTIONS)(function))
