"""How inner functions of compiled loops are compiled: without counting references to arrays.

Numba counts references to each array that a function is given, with an atomic operation in and one
out. An inner function that is given a dozen arrays and runs for some tens of nanoseconds then takes
tens of times longer; one that allocates nothing, and returns no array, needs none of that.

Still each array is handed over as eight numbers at every call. What is called some tens of times
for a row is therefore written out where it is called (`inlined`).
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


def inlined(function: _F) -> _F:
    """Compile such a function into those that call it, which are to be `inner` themselves."""
    return cast(_F, njit(inline="always", **_OPTIONS)(function))
