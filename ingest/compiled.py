"""Loops over bytes and numbers, compiled to machine code at their first call and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])
# Compiled loops check no bounds: each must stay inside the arrays it is given.
compiled = cast(Callable[[Loop], Loop], numba.njit(cache=True, nogil=True, error_model="numpy"))
