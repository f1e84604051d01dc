"""Rules over Spark DataFrames give what they give over columns in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analytics import registry
from analytics import spark as module
from analytics.detect import run_batches
from analytics.event import to_frame
from analytics.feeds import ais_columns, take
from analytics.references import References
from analytics.rule import RULES
from benchmarks.bench_vessels import references
from benchmarks.traffic import START_MS, make_traffic
from layers.city import City

_DAY_MS = 86_400_000
_LEARNED_MS = 7_200_000


@pytest.fixture(scope="module")
def city(pudong_folder: Path) -> City:
    return City(pudong_folder)


@pytest.fixture(scope="module")
def tables() -> tuple[pa.Table, pa.Table]:
    """Sixty of the benchmark's vessels, each with another 100 m beside it that says the same."""
    fixes, said = (t.slice(0, n) for t, n in zip(make_traffic(), (30_000, 3_000), strict=True))
    return pa.concat_tables([fixes, beside(fixes)]), pa.concat_tables([said, beside(said)])


def beside(table: pa.Table) -> pa.Table:
    """The same rows of other movers, with ids of their own."""
    changed = {
        "mover": pc.replace_substring(table["mover"], "412", "413"),
        "pid": pc.binary_join_element_wise(table["pid"], "b", ""),
    }
    if "lat" in table.column_names:
        changed["lat"] = pc.add(table["lat"], 0.0009)
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


@pytest.fixture(scope="module")
def frames(
    spark: Any, tables: tuple[pa.Table, pa.Table], tmp_path_factory: pytest.TempPathFactory
) -> list[Any]:
    folder = tmp_path_factory.mktemp("positions")
    for name, table in zip(("fixes", "said"), tables, strict=True):
        pq.write_table(table, folder / f"{name}.parquet")
    return [spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("fixes", "said")]


@pytest.fixture(scope="module")
def known(city: City) -> References:
    """Reception is learned from all vessels while none is silent yet: sixty are too few."""
    stage = registry.preparation(city)
    begun = [table.filter(pc.field("t") < START_MS + _LEARNED_MS) for table in make_traffic()]
    return references(city, stage.update(stage.start(), ais_columns(*begun, city.crs)))


def text(frame: gpd.GeoDataFrame) -> str:
    return str(frame.to_wkb(hex=True).to_csv(index=False))


def test_the_events_are_the_same_to_the_byte(
    frames: list[Any], tables: tuple[pa.Table, pa.Table], city: City, known: References
) -> None:
    rules = [rule for rule in registry.build(city, known) if rule.feed == "ais"]
    columns = ais_columns(*tables, city.crs)
    own = columns["t"] // _DAY_MS
    batches = [take(columns, own == day) for day in np.unique(own).tolist()]
    events, _ = run_batches(rules, batches, registry.preparation(city))
    wanted = to_frame([event for found in events.values() for event in found])
    found = module.run(*frames, city, known)
    assert text(found) == text(wanted)
    assert {"encounter", "multi_mmsi", "loitering", "dark_gap"} <= set(wanted["rule"])
    assert len(set(wanted["rule"])) >= 8


def test_rules_that_compare_vessels_are_not_for_one(
    frames: list[Any], city: City, known: References
) -> None:
    assert {kind for kind, rule in RULES.items() if rule.compares} == {"encounter", "multi_mmsi"}
    with pytest.raises(ValueError, match="'encounter' does not judge vessels one by one"):
        module.single_movers(*frames, city, known, ["encounter"])


def test_nobody_gives_no_alerts(frames: list[Any], city: City, known: References) -> None:
    nobody = [frame.where("mover = 'nobody'") for frame in frames]
    found = module.run(*nobody, city, known)
    assert len(found) == 0 and "alert_id" in found
