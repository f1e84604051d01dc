"""Every position with the vessel it belongs to: what the rules see, as a table for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from analytics import registry
from analytics.feeds import FIX, take
from analytics.history import DAY_MS, vessel_batches
from analytics.names import Names
from analytics.preparation.devices import ASIDE, BUOY
from analytics.preparation.parameters import PreparationParameters
from analytics.preparation.statics import Statics
from analytics.rule import Columns
from analytics.tracks import name_of
from layers.city import City
from layers.errors import OnemapError
from layers.positions import PositionStore
from onemap.home import Home

SCHEMA = pa.schema(
    [
        ("mmsi", pa.string()),
        ("time", pa.timestamp("ms", "UTC")),
        ("lon", pa.float64()),  # degrees, EPSG:4326
        ("lat", pa.float64()),
        ("sog_mps", pa.float32()),  # null where not available, as cog_deg
        ("cog_deg", pa.float32()),
        ("nav", pa.uint8()),
        ("segment_id", pa.string()),  # <mmsi>-<time of its first position>; null for noise
        ("net_buoy", pa.bool_()),
        ("aside", pa.string()),  # why it is none of a vessel; null where it is
        ("quality", pa.uint16()),  # bits of `layers.positions.Quality`
        ("pid", pa.string()),
    ]
)
# One version of what a vessel says of itself, from its first message to the next version's.
IDENTITY_SCHEMA = pa.schema(
    [
        ("mmsi", pa.string()),
        ("valid_from", pa.timestamp("ms", "UTC")),
        ("valid_to", pa.timestamp("ms", "UTC")),  # null for the last one
        ("name", pa.string()),
        ("name_keys", pa.list_(pa.string())),  # normalised, see `analytics.names`
        ("callsign", pa.string()),
        ("imo", pa.int64()),
        ("ship_type", pa.int16()),
        ("length_m", pa.float64()),
        ("destination", pa.string()),
        ("net_buoy", pa.bool_()),  # by its name
        ("pid", pa.string()),
    ]
)
FORMATS = ("parquet", "csv")


def prepared(
    city: City, home: Home, start_ms: int | None = None, end_ms: int | None = None
) -> Iterator[Columns]:
    """AIS rows as rules see them, a UTC day each, from the first day on so that segments are right.

    Parameters
    ----------
    start_ms, end_ms : half-open span of UTC ms that is given out; None is open.
    """
    stage = registry.preparation(city)
    state = stage.start()
    for batch in vessel_batches(PositionStore(home.positions), city.crs, None, end_ms, DAY_MS):
        if len(batch["t"]):
            stage.flush(state, int(batch["t"].min()))
        columns = stage.update(state, batch)
        yield columns if start_ms is None else take(columns, columns["t"] >= start_ms)


def table_of(columns: Columns, mmsi: frozenset[str] | None = None) -> pa.Table:
    """Positions of prepared rows as `SCHEMA`, sorted by (mmsi, time, pid).

    Parameters
    ----------
    mmsi : only these; None for all.
    """
    chosen = columns["kind"] == FIX
    if mmsi is not None:
        chosen &= np.isin(columns["mover"].astype(str), sorted(mmsi))
    own = take(columns, chosen)
    keys = [f"{m}/{s}" for m, s in zip(own["mover"], own["segment"].tolist(), strict=True)]
    names = {key: None if key.endswith("/-1") else name_of(key) for key in set(keys)}
    columns_ = [
        pa.array(own["mover"], pa.string()),
        pa.array(own["t"], pa.timestamp("ms", "UTC")),
        pa.array(own["lon"]),
        pa.array(own["lat"]),
        *(pa.array(own[n], pa.float32(), from_pandas=True) for n in ("sog_mps", "cog_deg")),
        pa.array(own["nav"], pa.uint8()),
        pa.array([names[key] for key in keys], pa.string()),
        pa.array(own["aside"] == BUOY),
        pa.array([ASIDE[code] or None for code in own["aside"].tolist()], pa.string()),
        pa.array(own["quality"], pa.uint16()),
        pa.array(own["pid"], pa.string()),
    ]
    return pa.table(columns_, schema=SCHEMA)


def export(
    city: City,
    home: Home,
    out: Path,
    *,
    format_: str = "parquet",
    start_ms: int | None = None,
    end_ms: int | None = None,
    mmsi: frozenset[str] | None = None,
) -> int:
    """Write positions to a file, a UTC day at a time for bounded memory; return their number.

    Raises
    ------
    OnemapError
        for another format, or a file that can't be written.
    """
    if format_ not in FORMATS:
        raise OnemapError(f"no format '{format_}'; there are {', '.join(FORMATS)}")
    written = 0
    try:
        make = pq.ParquetWriter if format_ == "parquet" else pv.CSVWriter
        with make(str(out), SCHEMA) as writer:
            for columns in prepared(city, home, start_ms, end_ms):
                table = table_of(columns, mmsi)
                writer.write_table(table)
                written += table.num_rows
    except OSError as failure:
        raise OnemapError(f"{out}: can't be written: {failure}") from failure
    return written


def identities(city: City, home: Home, out: Path) -> int:
    """Write every version of every vessel's static data as Parquet; return their number.

    Raises
    ------
    OnemapError
        for a file that can't be written.
    """
    names = Names(PreparationParameters.model_validate(city.preparation.ais).names)
    versions: dict[str, list[Statics]] = {}
    for columns in prepared(city, home):
        told: list[tuple[str, Statics | None]] = list(
            zip(columns["mover"], columns["said"], strict=True)
        )
        for mover, said in dict.fromkeys(told):
            known = versions.setdefault(str(mover), [])
            if said is not None and (not known or known[-1] != said):
                known.append(said)
    rows = []
    for mover in sorted(versions):
        ends = [*(later.t for later in versions[mover][1:]), None]
        for said, end in zip(versions[mover], ends, strict=True):
            rows.append(
                {
                    "mmsi": mover,
                    "valid_from": said.t,
                    "valid_to": end,
                    "name": said.name,
                    "name_keys": list(names.keys(said.name)) if said.name else [],
                    "callsign": said.callsign,
                    "imo": said.imo,
                    "ship_type": said.ship_type,
                    "length_m": said.length_m,
                    "destination": said.destination,
                    "net_buoy": bool(said.name) and names.is_buoy(said.name),
                    "pid": said.pid,
                }
            )
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=IDENTITY_SCHEMA), out)
    except OSError as failure:
        raise OnemapError(f"{out}: can't be written: {failure}") from failure
    return len(rows)
