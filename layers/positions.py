"""Positions of movers: columns in Parquet, partitioned by feed, UTC day and H3 resolution-3 cell.

A position is not a row of a layer; millions a day arrive, and kernels want sorted columns. Files are named after
the batch that wrote them, so that writing a batch again replaces it, and appear whole or not at all.
"""

from __future__ import annotations

import pyarrow as pa

FIXES = pa.schema(
    [
        ("mover", pa.string()),  # MMSI (9 digits) or plate
        ("t", pa.int64()),  # ms since 1970, UTC
        ("lon", pa.float64()),  # degrees, EPSG:4326, never null
        ("lat", pa.float64()),
        ("sog_mps", pa.float32()),  # speed over ground; NaN where not available
        ("cog_deg", pa.float32()),  # course over ground, 0–360; NaN
        ("heading_deg", pa.float32()),  # NaN
        ("nav", pa.uint8()),  # AIS navigational status, 15 where not available
        ("acc", pa.uint8()),  # truck: ignition 1 on, 0 off, 255 not available
        ("receiver", pa.string()),
        ("quality", pa.uint16()),  # bits, see `Quality`
        ("h3", pa.int64()),  # cell at resolution 8
        ("pid", pa.string()),  # id of the fix: 16 hexadecimal digits, made from its content
    ]
)

IDENTITIES = pa.schema(
    [
        ("mover", pa.string()),
        ("t", pa.int64()),
        ("name", pa.string()),  # as sent, padding removed
        ("callsign", pa.string()),
        ("imo", pa.int64()),  # 0 where not available
        ("ship_type", pa.int16()),  # 0 where not available
        ("length_m", pa.float32()),
        ("width_m", pa.float32()),
        ("destination", pa.string()),
        ("receiver", pa.string()),
        ("pid", pa.string()),
    ]
)
