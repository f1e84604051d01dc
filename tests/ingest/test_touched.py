"""What an input tells of movers: counts, spans and latest positions, whatever the batches."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingest.take_in.movers import Touched
from layers.positions import FIXES

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 5), st.integers(0, 99)),
    max_size=12,
)


def table(rows: list[tuple[str, int, int]]) -> pa.Table:
    plain: dict[str, Any] = dict.fromkeys(("sog_mps", "cog_deg", "heading_deg"), float("nan"))
    plain |= {"nav": 15, "acc": 255, "receiver": "", "quality": 0, "h3": 0, "pid": ""}
    filled = [plain | {"mover": m, "t": t, "lon": float(lon), "lat": 0.0} for m, t, lon in rows]
    return pa.Table.from_pylist(filled, schema=FIXES)


@given(st.lists(ROWS, max_size=4))
def test_of_each_mover_the_latest_and_of_equal_times_the_later_one_stands(
    batches: list[list[tuple[str, int, int]]],
) -> None:
    touched, rows = Touched(), [row for batch in batches for row in batch]
    for batch in batches:
        touched.add(table(batch))
    times = {m: [t for own, t, _ in rows if own == m] for m, *_ in rows}
    assert touched.counts == {m: len(t) for m, t in times.items()}
    assert touched.spans == {m: (min(t), max(t)) for m, t in times.items()}
    latest = {m: [lon for own, t, lon in rows if (own, t) == (m, max(times[m]))] for m in times}
    assert {m: row["lon"] for m, row in touched.last.items()} == {
        m: lons[-1] for m, lons in latest.items()
    }
