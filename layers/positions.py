"""Positions of movers: columns in Parquet, partitioned by feed, UTC day and H3 resolution-3 cell.

A position is not a row of a layer; millions a day arrive, and kernels want sorted columns. Columns
and ids are declared in `layers.position_columns`, files are kept by `layers.position_store`.
"""

from layers.position_columns import (
    FIXES,
    IDENTITIES,
    TRUCK_FIXES,
    Quality,
    each_once,
    fix_ids,
    identity_ids,
    order_of,
)
from layers.position_store import PositionStore

__all__ = [
    "FIXES", "IDENTITIES", "TRUCK_FIXES", "PositionStore", "Quality", "each_once", "fix_ids",
    "identity_ids", "order_of",
]  # fmt: skip
