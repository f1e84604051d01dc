"""The rules on vessels over Spark DataFrames, for histories that are too long for one machine.

What one vessel did is judged from its own rows alone by most rules: these run wherever a vessel's
rows are, the preparation included, all of one vessel at once. Rules that compare vessels
(`analytics.rule.Rule.compares`: meetings, several MMSIs on one hull) need everybody's rows in the
order of time; they run in the driver, a UTC day at a time, in one process and bounded memory. Both
give the events of `analytics.detect.run_batches`, as rows of the layer ``alert``.

PySpark is an extra (``pip install onemap[spark]``, Java 17); it is imported by the functions that
need it. Executors need Onemap installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa

from analytics import registry
from analytics.detect import run_batches
from analytics.event import to_frame
from analytics.feeds import ais_columns
from analytics.references import References
from analytics.rule import Columns, Rule
from layers.city import City
from layers.positions import FIXES, IDENTITIES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DAY_MS = 86_400_000
_FIXES = ("mover", "t", "lon", "lat", "sog_mps", "cog_deg", "nav", "quality", "pid")
_SAID = ("mover", "t", "name", "callsign", "imo", "ship_type", "length_m", "destination", "pid")
_TEXTS = (
    *("alert_id", "rule", "rule_version", "event_type", "subject", "severity"),
    *("sentence_en", "sentence_zh", "departments", "evidence"),
)
_TIMES = ("start_time", "end_time")
SCHEMA = ", ".join(
    [f"{name} string" for name in _TEXTS]
    + [f"{name} bigint" for name in _TIMES]
    + ["confidence double", "geometry binary"]
)


def run(
    fixes: DataFrame,
    said: DataFrame,
    city: City,
    references: References,
    only: Iterable[str] | None = None,
) -> gpd.GeoDataFrame:
    """Run rules on vessels over a history; rows of the layer ``alert``, sorted by id.

    Parameters
    ----------
    fixes, said : positions and static messages, columns of `layers.positions.FIXES` and
        ``IDENTITIES``, in any order.
    references : see `analytics.reference_rows.load_references`; sent to the executors.
    only : ids of declared rules; all enabled ones by default.
    """
    rules = _on_vessels(registry.build(city, references, only))
    alone, comparing = ([r for r in rules if r.compares is told] for told in (False, True))
    frames = []
    if alone:
        ids = [rule.declaration.id for rule in alone]
        frames.append(_frame(single_movers(fixes, said, city, references, ids).toPandas()))
    if comparing:
        stage = registry.preparation(city)
        events, _ = run_batches(comparing, _days(fixes, said, city.crs), stage)
        frames.append(to_frame([event for found in events.values() for event in found]))
    frames = [frame for frame in frames if len(frame)] or [to_frame([])]
    return pd.concat(frames).sort_values("alert_id", ignore_index=True)


def single_movers(
    fixes: DataFrame, said: DataFrame, city: City, references: References, only: Iterable[str]
) -> DataFrame:
    """Run rules that compare nobody, a task for each group of vessels.

    Parameters
    ----------
    fixes, said, city, references : see `run`.
    only : ids of rules; those that compare vessels are refused.

    Returns
    -------
    alerts as a DataFrame of the columns `SCHEMA`: times are ms since 1970 (UTC), geometries WKB.
    """
    chosen = list(only)
    until = _newest(fixes, said)
    for rule in registry.build(city, references, chosen):
        if rule.compares or rule.feed != "ais":
            raise ValueError(f"rule '{rule.declaration.id}' does not judge vessels one by one")
    made: list[list[Rule]] = []

    def judge(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
        if not made:
            made.append(registry.build(city, references, chosen))
        columns = _columns(one, two, city.crs)
        events, _ = run_batches(made[0], [columns], registry.preparation(city), until)
        return _rows([event for found in events.values() for event in found])

    left, right = fixes.select(*_FIXES), said.select(*_SAID)
    groups = left.groupBy("mover").cogroup(right.groupBy("mover"))
    return groups.applyInPandas(judge, SCHEMA)


def _on_vessels(rules: list[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.feed == "ais"]


def _newest(fixes: DataFrame, said: DataFrame) -> int | None:
    """Time of the last row of all vessels, ms; None where there is none."""
    from pyspark.sql import functions as f

    times = fixes.select("t").union(said.select("t"))
    newest = times.agg(f.max("t").alias("t")).collect()[0]["t"]
    return None if newest is None else int(newest)


def _days(fixes: DataFrame, said: DataFrame, crs: str) -> Iterator[Columns]:
    """Columns of a UTC day each, in the order of time."""
    from pyspark.sql import functions as f

    day = f.floor(f.col("t") / _DAY_MS).cast("bigint").alias("day")
    told = fixes.select(day).union(said.select(day)).distinct().collect()
    for number in sorted(row["day"] for row in told):
        within = (f.col("t") >= number * _DAY_MS) & (f.col("t") < (number + 1) * _DAY_MS)
        one = fixes.where(within).select(*_FIXES).toPandas()
        yield _columns(one, said.where(within).select(*_SAID).toPandas(), crs)


def _columns(fixes: pd.DataFrame, said: pd.DataFrame, crs: str) -> Columns:
    return ais_columns(_table(fixes, FIXES, _FIXES), _table(said, IDENTITIES, _SAID), crs)


def _table(frame: pd.DataFrame, schema: pa.Schema, names: tuple[str, ...]) -> pa.Table:
    own = pa.schema([schema.field(name) for name in names])
    return pa.Table.from_pandas(frame, schema=own, preserve_index=False)


def _rows(events: list[Any]) -> pd.DataFrame:
    frame = to_frame(events)
    # Plain objects: Spark can't read the texts that pandas 3 keeps in Arrow.
    plain = {name: frame[name].astype(object) for name in _TEXTS}
    times = {name: pd.DatetimeIndex(frame[name]).as_unit("ms").asi8 for name in _TIMES}
    shapes = pd.Series(list(frame.geometry.to_wkb()), index=frame.index, dtype=object)
    return pd.DataFrame(plain | times | {"confidence": frame["confidence"], "geometry": shapes})


def _frame(rows: pd.DataFrame) -> gpd.GeoDataFrame:
    shapes = gpd.GeoSeries.from_wkb(rows["geometry"].map(bytes), crs="EPSG:4326")
    names = to_frame([]).columns.drop("geometry")
    plain = {
        name: pd.to_datetime(rows[name], unit="ms", utc=True) if name in _TIMES else rows[name]
        for name in names
    }
    return gpd.GeoDataFrame(plain, geometry=shapes, crs="EPSG:4326")
