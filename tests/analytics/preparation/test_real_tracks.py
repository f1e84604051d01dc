"""The preparation on real tracks that were chosen as hard cases, beside another segmenter's answer.

The answer is that of Global Fishing Watch's segmenter in two of its versions: agreement, not truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analytics.feeds import FIX, ais_columns
from analytics.preparation import devices
from analytics.rule import Columns
from ingest.decoders.ais_messages import batch_of
from tests.analytics.vessels_at_sea import stage

pytestmark = pytest.mark.real
FILE = "ais_tracks/segmented_messages.parquet"
# Named ZHESANYU00868-2984%, and 9V, 8V, 7V besides other names.
BUOYS = {"543135629", "666000001"}


@pytest.fixture(scope="module")
def file(real_data: Path) -> Path:
    return real_data / FILE


@pytest.fixture(scope="module")
def prepared(file: Path) -> Columns:
    batch = batch_of(pq.read_table(file), file.name)
    made = stage()
    return made.update(made.start(), ais_columns(batch.fixes, batch.identities, "EPSG:32651"))


def agreement(
    expected: npt.NDArray[np.int64], own: npt.NDArray[np.int64], group: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Rand index over the pairs within groups, and the adjusted one (Hubert & Arabie 1985)."""

    def pairs(counts: npt.NDArray[np.int64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    table = pd.crosstab(expected, own).to_numpy()
    together, a, b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    n = pairs(np.bincount(group))
    chance = a * b / n
    return (n - a - b + 2 * together) / n, (together - chance) / ((a + b) / 2 - chance)


def _key(mover: Any, t: Any, lon: Any, lat: Any) -> pd.Series[str]:
    rounded = (
        pd.Series(np.asarray(v)).mul(10_000).round().astype(int).astype(str) for v in (lon, lat)
    )
    return pd.Series(np.asarray(mover)).str.cat(
        [pd.Series(np.asarray(t)).astype(str), *rounded], "/"
    )


def test_every_message_is_accounted_for(file: Path) -> None:
    table = pq.read_table(file)
    batch = batch_of(table, file.name)
    told = batch.tally.accepted.total() + batch.tally.rejected.total()
    assert told == table.num_rows == 49_463


def test_segments_agree_on_pairs(file: Path, prepared: Columns) -> None:
    frame = pd.read_parquet(file)
    frame = frame[frame.expected_segment.notna() & frame.lon.notna()]
    t = frame.timestamp.dt.as_unit("ms").dt.tz_localize(None).to_numpy("datetime64[ms]")
    fixes = prepared["kind"] == FIX
    names = ("mover", "t", "lon", "lat", "segment")
    own = pd.DataFrame({name: prepared[name][fixes] for name in names})
    own["key"] = _key(own.mover, own.t, own.lon, own.lat)
    answer = pd.DataFrame({"key": _key(frame.ssvid, t.astype(np.int64), frame.lon, frame.lat)})
    answer["expected"] = frame.expected_segment.to_numpy()
    joined = own.drop_duplicates("key").merge(answer.drop_duplicates("key"), on="key")
    joined = joined[joined.segment >= 0]
    assert len(joined) > 30_000
    expected = pd.factorize(joined.expected)[0].astype(np.int64)
    found = pd.factorize(joined.mover + "/" + joined.segment.astype(str))[0].astype(np.int64)
    rand, adjusted = agreement(expected, found, pd.factorize(joined.mover)[0].astype(np.int64))
    print(f"\npairs that agree: {100 * rand:.2f} %, adjusted Rand index {adjusted:.3f}")
    assert rand >= 0.95
    assert adjusted >= 0.5


def test_net_buoys_are_set_aside(prepared: Columns) -> None:
    fixes = prepared["kind"] == FIX
    aside = pd.Series(prepared["aside"][fixes] == devices.BUOY)
    share = aside.groupby(pd.Series(prepared["mover"][fixes])).mean()
    print("\nset aside as net buoys:", share[share > 0].round(3).to_dict())
    assert set(share[share > 0].index) >= BUOYS
