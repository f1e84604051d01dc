"""Tables of AIS messages that others decoded, as positions and identities.

Columns: ``ssvid`` (MMSI), ``timestamp`` (UTC), ``type`` (``AIS.1`` …), ``lon``, ``lat`` (degrees;
181/91 or null where not available), ``speed`` (kn), ``course``, ``heading`` (deg), ``shipname``,
``callsign``, ``destination``, ``imo``, ``shiptype``, ``length``, ``width`` (m), ``status``,
``receiver``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ingest.decoders import ais_positions as positions
from ingest.decoders.ais_batch import AisBatch
from ingest.decoders.ais_clock import EARLIEST_MS, LATEST_MS
from layers.feeds import Reject, Tally
from layers.positions import IDENTITIES, Quality, identity_ids

REQUIRED = ("ssvid", "timestamp", "type", "lon", "lat")
_OPTIONAL = (
    "speed", "course", "heading", "shipname", "callsign", "destination", "imo", "shiptype",
    "length", "width", "status", "receiver",
)  # fmt: skip
_STATIC_TYPES = {"AIS.5", "AIS.19", "AIS.24"}
_DEGREE = 600_000
_NO_TIME = np.iinfo(np.int64).min
Floats = npt.NDArray[np.float64]


class MessagesError(ValueError):
    """A table that lacks a column."""


def batch_of(table: pa.Table, file: str, first_row: int = 1) -> AisBatch:
    """Positions and identities of a table of messages.

    Parameters
    ----------
    table : columns as above; those not required may be missing.
    file, first_row : name and number of the first row, for the rejects.

    Raises
    ------
    MessagesError
        naming the columns that are missing.
    """
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise MessagesError(f"the table lacks {', '.join(missing)}")
    frame = table.to_pandas()
    for name in _OPTIONAL:
        if name not in frame:
            frame[name] = None
    t, mmsi = _times(frame["timestamp"]), _mmsi(frame["ssvid"])
    bad_time = (t < EARLIEST_MS) | (t >= LATEST_MS)
    static = frame["type"].isin(_STATIC_TYPES).to_numpy(bool)
    located = frame["lon"].notna().to_numpy(bool) & frame["lat"].notna().to_numpy(bool)
    raw = _raw(frame, mmsi)
    verdict = positions.verdicts(raw)
    verdict[~located & (verdict != positions.BAD_MMSI)] = positions.UNAVAILABLE
    reason = np.full(len(frame), "", object)
    reason[verdict == positions.OUT_OF_RANGE] = "position_out_of_range"
    reason[verdict == positions.BAD_MMSI] = "bad_mmsi"
    reason[bad_time] = "bad_time"
    fine = reason == ""
    good = np.flatnonzero(fine & (verdict == positions.POSITION))
    receiver = _texts(frame["receiver"])
    fixes = positions.fixes_of(
        raw[good],
        t[good],
        pa.array(receiver[good].tolist(), pa.string()),
        _quality(frame["type"])[good],
    )
    first = np.unique(fixes["pid"].to_numpy(zero_copy_only=False), return_index=True)[1]
    kept = fixes.take(pa.array(np.sort(first)))
    said = _identities(
        frame[fine & static], t[fine & static], mmsi[fine & static], receiver[fine & static]
    )
    accepted = Counter(
        position=kept.num_rows,
        duplicate=fixes.num_rows - kept.num_rows,
        static=int((fine & static & ~located).sum()),
        position_unavailable=int(
            (fine & (verdict == positions.UNAVAILABLE) & ~(static & ~located)).sum()
        ),
    )
    rejects = [
        _reject(frame, row, str(reason[row]), file, first_row)
        for row in np.flatnonzero(~fine).tolist()
    ]
    tally = Tally(+accepted, Counter(r.reason for r in rejects))
    newest = int(t[fine].max()) if fine.any() else None
    lines = np.sort(first) + first_row
    return AisBatch(kept, said, lines, tally, rejects, [], newest)


def _quality(types: pd.Series[Any]) -> npt.NDArray[np.uint16]:
    """Quality bits that follow from the type of message."""
    coarse = (types == "AIS.27").to_numpy(bool)
    return np.where(coarse, int(Quality.LONG_RANGE), 0).astype(np.uint16)


def _reject(frame: pd.DataFrame, row: int, reason: str, file: str, first_row: int) -> Reject:
    values: dict[str, Any] = {str(k): v for k, v in frame.iloc[row].items()}
    raw = orjson.dumps(values, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    detail = f"MMSI {values['ssvid']}, {values['timestamp']}, {values['lon']}, {values['lat']}"
    return Reject("ais", file, first_row + row, "", reason, detail, raw)


def _times(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    stamps = pd.to_datetime(column, utc=True, errors="coerce").dt.as_unit("ms")
    return np.asarray(stamps.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64))


def _mmsi(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    numbers = pd.to_numeric(column, errors="coerce").fillna(0)
    return np.asarray(numbers.clip(0, 2**40), np.int64)


def _numbers(column: pd.Series[Any], missing: float) -> Floats:
    values = np.asarray(pd.to_numeric(column, errors="coerce"), np.float64)
    return np.where(np.isfinite(values), values, missing)


def _texts(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    return np.array([value if isinstance(value, str) else None for value in column], object)


def _raw(frame: pd.DataFrame, mmsi: npt.NDArray[np.int64]) -> positions.Raw:
    raw = np.zeros(len(frame), positions.RAW)
    raw["mmsi"] = mmsi
    raw["lon"] = np.round(_numbers(frame["lon"], 181) * _DEGREE)
    raw["lat"] = np.round(_numbers(frame["lat"], 91) * _DEGREE)
    raw["sog"] = np.round(np.clip(_numbers(frame["speed"], 102.3), 0, 102.3) * 10)
    raw["cog"] = np.round(np.clip(_numbers(frame["course"], 360), 0, 360) * 10)
    raw["heading"] = np.clip(_numbers(frame["heading"], 511), 0, 511)
    raw["nav"] = np.clip(_numbers(frame["status"], 15), 0, 15)
    raw["accuracy"], raw["second"] = 1, 60
    return raw


def _identities(
    frame: pd.DataFrame,
    t: npt.NDArray[np.int64],
    mmsi: npt.NDArray[np.int64],
    receiver: npt.NDArray[np.object_],
) -> pa.Table:
    mover = positions.movers(mmsi)
    texts = {name: _texts(frame[name]) for name in ("shipname", "callsign", "destination")}
    numbers = {name: _numbers(frame[name], np.nan) for name in ("length", "width")}
    imo = _numbers(frame["imo"], 0).astype(np.int64)
    kind = _ship_types(frame["shiptype"])
    content = [
        "\x1f".join(map(str, row))
        for row in zip(*texts.values(), *numbers.values(), imo, kind, strict=True)
    ]
    columns = [
        mover, t, texts["shipname"], texts["callsign"], imo, kind, numbers["length"],
        numbers["width"], texts["destination"], receiver,
        identity_ids(mover, t, pa.array(content, pa.string())),
    ]  # fmt: skip
    arrays = [
        pc.cast(pa.array(column, from_pandas=field.type == pa.string()), field.type)
        for column, field in zip(columns, IDENTITIES, strict=True)
    ]
    return pa.table(arrays, schema=IDENTITIES)


def _ship_types(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """AIS codes as numbers; names of types, which some exports give, count as not available."""
    values = _numbers(column, 0)
    return np.where((values >= 0) & (values <= 255), values, 0).astype(np.int64)
