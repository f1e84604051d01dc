"""Columns of answers as pandas series of one fixed type for each property type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from layers.spec import PropertyType

_DTYPES: dict[PropertyType, str] = {
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "datetime": "datetime64[ms, UTC]",
}


def series_of(kind: PropertyType, values: Sequence[Any]) -> pd.Series[Any]:
    """Series of a property's values, shape (n,).

    Integers and booleans are nullable (``Int64``, ``boolean``), numbers are float64 with NaN,
    datetimes ``datetime64[ms, UTC]`` with NaT; strings, dates and nested values are objects with
    None.
    """
    return pd.Series(list(values), dtype=_DTYPES.get(kind, "object"))
