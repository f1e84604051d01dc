"""What the algorithms compute, held against the same computed row by row, on both stores."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely

from analytics.algorithm import InputError, Silent, StoppedError
from analytics.algorithms import UnknownAlgorithmError, discover, find
from analytics.table import Table
from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.crs import project
from layers.h3cover import cover
from layers.h3grid import format_cell
from layers.query import Query, Scope
from layers.store import Store
from ogc_server.catalogue import Catalogue
from ogc_server.processes.reader import CatalogueReader

SPAN = {"start": "2020-07-01T00:00:00Z", "end": "2020-07-02T00:00:00Z"}


@pytest.fixture
def reader(city: City, store: Store) -> CatalogueReader:
    return CatalogueReader(Catalogue(city, store, LOCAL))


def run(reader: CatalogueReader, key: str, **values: Any) -> dict[str, Any]:
    chosen = find(key)
    return chosen.run(reader, chosen.read(values), Silent())


def cell_of(place: shapely.Point, own: int, resolution: int) -> str:
    """Ancestor of the layer's own cell: a cell does not wholly hold its descendants."""
    cell = h3.latlng_to_cell(place.y, place.x, own)
    return format_cell(h3.cell_to_parent(cell, resolution))


def code_of_some(store: Store, layer: str) -> str:
    """A unit that holds some of the layer's rows, not all."""
    frame = store.frame(Query(layer))
    counts = frame["jurisdiction"].dropna().value_counts()
    assert len(counts) and counts.iloc[0] < len(frame), "the rows do not try the walls"
    return str(counts.index[0])


def scoped(city: City, store: Store, code: str) -> CatalogueReader:
    audience = Audience("own", LOCAL.sensitivities, Scope(jurisdictions=(code,)))
    return CatalogueReader(Catalogue(city, store, audience))


class StopsAt:
    """Stops a run as soon as it has told of its progress some times."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, fraction: float, words: str = "") -> None:
        assert 0 <= fraction <= 1
        self.left -= 1
        if self.left < 0:
            raise StoppedError("dismissed")

    def pause(self, seconds: float) -> None:
        raise StoppedError("dismissed")


def test_every_algorithm_tells_what_it_is_in_both_languages() -> None:
    found = discover()
    assert {"cell-join", "echo", "h3-aggregate", "nearest"} <= set(found)
    for key, one in found.items():
        assert one.id == key and one.version.count(".") == 2
        assert one.title.zh and one.description.zh and one.outputs
    with pytest.raises(UnknownAlgorithmError, match="'nothing'"):
        find("nothing")


@pytest.mark.parametrize("resolution", [4, 8, 11])
def test_rows_are_counted_in_their_cells(
    reader: CatalogueReader, store: Store, resolution: int
) -> None:
    table = run(reader, "h3-aggregate", collection="navigation_mark", resolution=resolution)[
        "cells"
    ]
    expected: dict[str, int] = defaultdict(int)
    for place in store.frame(Query("navigation_mark")).geometry:
        expected[cell_of(place, 11, resolution)] += 1
    assert dict(zip(table.columns["cell"], table.columns["count"], strict=True)) == expected
    assert all(shape.is_valid for shape in table.geometries)


def test_figures_of_a_property_by_cell(reader: CatalogueReader, store: Store) -> None:
    table = run(
        reader,
        "h3-aggregate",
        collection="navigation_mark",
        resolution=5,
        statistics=["count", "sum", "mean", "min", "max"],
        property="height_m",
        filter="kind <> 'buoy'",
    )["cells"]
    expected: dict[str, list[float]] = defaultdict(list)
    rows = store.frame(Query("navigation_mark"))
    for _, row in rows[rows["kind"] != "buoy"].iterrows():
        expected[cell_of(row.geometry, 11, 5)].append(row["height_m"])
    assert set(table.columns["cell"]) == set(expected) and len(expected) > 1
    for row in table.rows():
        values = np.array(expected[row["cell"]], float)
        some = values[~np.isnan(values)]
        assert row["count"] == len(values)
        if not len(some):
            assert (row["sum"], row["mean"], row["min"], row["max"]) == (None,) * 4
            continue
        figures = (some.sum(), some.mean(), some.min(), some.max())
        assert (row["sum"], row["mean"], row["min"], row["max"]) == pytest.approx(figures)


def test_persons_are_counted_only_where_there_are_many(
    city: City, store: Store, reader: CatalogueReader
) -> None:
    table = run(reader, "h3-aggregate", collection="resident_home", resolution=3)["cells"]
    assert all(number >= 10 for number in table.columns["count"])
    for more in (
        {"filter": "length_m > 1"},
        {"bbox": [-76, -43, -74, -42]},
        {"statistics": ["sum"], "property": "length_m"},
    ):
        with pytest.raises(InputError):
            run(reader, "h3-aggregate", collection="resident_home", resolution=3, **more)
    outside = CatalogueReader(Catalogue(city, store, PUBLIC))
    with pytest.raises(InputError, match="there is no layer 'resident_home'"):
        run(outside, "h3-aggregate", collection="resident_home", resolution=3)


def test_figures_are_of_the_readers_own_rows(city: City, store: Store) -> None:
    code = code_of_some(store, "navigation_mark")
    own = scoped(city, store, code)
    frame = store.frame(Query("navigation_mark"))
    mine = frame[frame["jurisdiction"].fillna("").str.startswith(code)]
    counted = run(own, "h3-aggregate", collection="navigation_mark", resolution=0)["cells"]
    assert sum(counted.columns["count"]) == len(mine)
    figures = run(
        own,
        "h3-aggregate",
        collection="navigation_mark",
        resolution=0,
        statistics=["count", "sum"],
        property="height_m",
    )["cells"]
    assert sum(figures.columns["count"]) == len(mine)
    assert sum(v or 0 for v in figures.columns["sum"]) == pytest.approx(mine["height_m"].sum())


def test_walls_are_put_into_any_question(city: City, store: Store) -> None:
    code = code_of_some(store, "navigation_mark")
    own = scoped(city, store, code)
    asked = Query("navigation_mark", scope=Scope(None))
    assert own.count(asked) == len(own.frame(asked)) == store.count(asked.but(jurisdiction=code))
    with pytest.raises(InputError, match="there is no layer 'resident'"):
        own.frame(Query("resident"))


def metres(city: City, store: Store, layer: str) -> tuple[list[str], Any]:
    frame = store.frame(Query(layer))
    return list(frame["fid"]), project(np.asarray(frame.geometry.values, object), city.crs)


@pytest.mark.parametrize(("k", "distance_m"), [(1, 50_000.0), (3, 8_000.0), (2, 500.0)])
def test_nearest_features(
    reader: CatalogueReader, city: City, store: Store, k: int, distance_m: float
) -> None:
    table = run(
        reader, "nearest", collection="navigation_mark", other="ferry", k=k, distance_m=distance_m
    )["pairs"]
    a_ids, a = metres(city, store, "navigation_mark")
    b_ids, b = metres(city, store, "ferry")
    expected = []
    for fid, shape in zip(a_ids, a, strict=True):
        near = sorted((shape.distance(line), other) for line, other in zip(b, b_ids, strict=True))
        expected += [(fid, other, round(d, 3)) for d, other in near[:k] if d <= distance_m]
    c = table.columns
    assert list(zip(c["from"], c["to"], c["distance_m"], strict=True)) == expected
    lengths = shapely.length(project(np.asarray(table.geometries, object), city.crs))
    assert lengths == pytest.approx(c["distance_m"], abs=0.5)


def test_nothing_is_its_own_neighbour(reader: CatalogueReader, store: Store) -> None:
    layer = "navigation_mark"
    table = run(reader, "nearest", collection=layer, other=layer, k=1, distance_m=50_000.0)["pairs"]
    assert len(table) == store.count(Query(layer))
    assert all(a != b for a, b in zip(table.columns["from"], table.columns["to"], strict=True))


@pytest.mark.parametrize("recheck", ["none", "intersects", "within_distance"])
@pytest.mark.parametrize("resolution", [5, 8])
def test_features_that_share_cells(
    reader: CatalogueReader, city: City, store: Store, recheck: str, resolution: int
) -> None:
    distance = 900.0 if recheck == "within_distance" else 0.0
    found = run(
        reader,
        "cell-join",
        collection="ferry",
        other="buoy_chain",
        resolution=resolution,
        recheck=recheck,
        distance_m=distance,
    )
    first, other = store.frame(Query("ferry")), store.frame(Query("buoy_chain"))
    a_cells, b_cells = (
        [set(own.tolist()) for own in cover(np.asarray(f.geometry.values, object), resolution)]
        for f in (first, other)
    )
    a, b = (project(np.asarray(f.geometry.values, object), city.crs) for f in (first, other))
    by_cell, kept, widest = 0, set(), 0.0
    for i, fid in enumerate(first["fid"]):
        for j, beside in enumerate(other["fid"]):
            if not a_cells[i] & b_cells[j]:
                continue
            by_cell += 1
            widest = max(widest, a[i].distance(b[j]))
            true = {
                "none": True,
                "intersects": first.geometry[i].intersects(other.geometry[j]),
                "within_distance": a[i].distance(b[j]) <= distance,
            }[recheck]
            if true:
                kept.add((fid, beside, len(a_cells[i] & b_cells[j])))
    c = found["pairs"].columns
    assert set(zip(c["first"], c["other"], c["shared_cells"], strict=True)) == kept
    assert found["summary"]["pairs_by_cell"] == by_cell and found["summary"]["pairs"] == len(kept)
    if recheck == "none":
        assert widest <= found["summary"]["error_m"]
    else:
        assert found["summary"]["error_m"] == 0.0


def test_joins_show_the_readers_own_rows(city: City, store: Store) -> None:
    code = code_of_some(store, "navigation_mark")
    own = scoped(city, store, code)
    frame = store.frame(Query("navigation_mark"))
    mine = set(frame[frame["jurisdiction"].fillna("").str.startswith(code)]["fid"])
    layer = {"collection": "navigation_mark", "other": "navigation_mark"}
    for key, more in (
        ("nearest", {"distance_m": 50_000.0, "k": 25}),
        ("cell-join", {"resolution": 2}),
    ):
        columns = run(own, key, **layer, **more)["pairs"].columns
        named = [v for name in ("from", "to", "first", "other") for v in columns.get(name, [])]
        assert set(named) <= mine, key


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        ("h3-aggregate", {"collection": "navigation_mark"}, "resolution"),
        ("h3-aggregate", {"collection": "navigation_mark", "resolution": "5"}, "resolution"),
        ("h3-aggregate", {"collection": "navigation_mark", "resolution": 5.5}, "resolution"),
        ("h3-aggregate", {"collection": "navigation_mark", "resolution": True}, "resolution"),
        ("h3-aggregate", {"collection": "navigation_mark", "resolution": 16}, "resolution"),
        ("h3-aggregate", {"collection": "vessel_registry", "resolution": 5}, "collection"),
        ("h3-aggregate", {"collection": "nothing", "resolution": 5}, "collection"),
        ("h3-aggregate", {"collection": "x'; DROP TABLE alert; --", "resolution": 5}, "collection"),
        (
            "h3-aggregate",
            {"collection": "navigation_mark", "resolution": 5, "filter": "kind = "},
            "filter",
        ),
        (
            "h3-aggregate",
            {"collection": "navigation_mark", "resolution": 5, "filter": "gid = 1"},
            "filter",
        ),
        (
            "h3-aggregate",
            {"collection": "navigation_mark", "resolution": 5, "statistics": ["median"]},
            "statistics",
        ),
        (
            "h3-aggregate",
            {"collection": "navigation_mark", "resolution": 5, "statistics": ["sum"]},
            "property",
        ),
        (
            "h3-aggregate",
            {
                "collection": "navigation_mark",
                "resolution": 5,
                "statistics": ["sum"],
                "property": "kind",
            },
            "property",
        ),
        ("h3-aggregate", {"collection": "ferry", "resolution": 5, "surprise": 1}, "surprise"),
        ("h3-aggregate", {"collection": ["ferry"], "resolution": 5}, "collection"),
        ("nearest", {"collection": "ferry", "other": "ferry", "k": 0}, "k"),
        ("nearest", {"collection": "ferry", "other": "ferry", "distance_m": -1}, "distance_m"),
        ("nearest", {"collection": "ferry", "other": "resident_home"}, "other"),
        ("nearest", {"collection": "ferry", "other": "ferry", "other_filter": "("}, "other_filter"),
        ("cell-join", {"collection": "ferry", "other": "nothing"}, "other"),
        ("cell-join", {"collection": "ferry", "other": "ferry", "resolution": 12}, "resolution"),
        ("cell-join", {"collection": "ferry", "other": "ferry", "distance_m": 5.0}, "distance_m"),
        ("rule-rerun", {"rule": "overload", "start": "2020-07-01T00:00:00Z"}, "end"),
        ("rule-rerun", {"rule": "nothing", **SPAN}, "rule"),
        ("rule-rerun", {"rule": "overload", **SPAN, "margin_h": 1e6}, "margin_h"),
        (
            "rule-rerun",
            {"rule": "overload", "start": SPAN["end"], "end": SPAN["start"]},
            "end",
        ),
        ("echo", {"pause": 1e9}, "pause"),
        ("echo", {"choice_input": 4}, "choice_input"),
        ("echo", {"several_input": []}, "several_input"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(
    reader: CatalogueReader, key: str, values: dict[str, Any], name: str
) -> None:
    with pytest.raises(InputError) as refused:
        run(reader, key, **values)
    assert refused.value.name.split(".")[0] == name, refused.value


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("h3-aggregate", {"collection": "ferry", "resolution": 5}),
        ("nearest", {"collection": "ferry", "other": "ferry"}),
        ("cell-join", {"collection": "ferry", "other": "ferry"}),
        ("echo", {"pause": 30.0}),
    ],
)
def test_a_run_stops_where_it_is_told_to(
    reader: CatalogueReader, key: str, values: dict[str, Any]
) -> None:
    chosen = find(key)
    with pytest.raises(StoppedError):
        chosen.run(reader, chosen.read(values), StopsAt(0))


def test_a_rule_is_run_again_for_who_sees_the_whole_city(
    city: City, store: Store, reader: CatalogueReader
) -> None:
    before = [store.revision(layer) for layer in store.layers()]
    found = run(reader, "rule-rerun", rule="overload", **SPAN)
    assert found["summary"]["rows"] == store.count(Query("weighing"))
    assert found["summary"]["rule_version"] == city.rules["overload"].version
    assert before == [store.revision(layer) for layer in store.layers()]
    part = scoped(city, store, "PS")
    outsider = CatalogueReader(Catalogue(city, store, PUBLIC))
    for other in (part, outsider):
        with pytest.raises(InputError, match="reads the whole city"):
            run(other, "rule-rerun", rule="overload", **SPAN)


def test_an_echo_gives_back_what_came(reader: CatalogueReader) -> None:
    values: dict[str, Any] = {
        "string_input": "静港'; --",
        "number_input": 2.5,
        "integer_input": 7,
        "boolean_input": False,
        "choice_input": 2,
        "array_input": [1, 2, 3],
        "several_input": ["a", "b"],
        "object_input": {"a": {"b": [None, 1]}},
        "binary_input": "aGVsbG8=",
        "geometry_input": {"type": "Point", "coordinates": [1, 2]},
    }
    assert run(reader, "echo", **values) == values
    boxed = run(reader, "echo", bbox_input=[1, 2, 3, 4])["bbox_input"]
    assert boxed["bbox"] == [1, 2, 3, 4] and boxed["crs"].endswith("CRS84")


def test_a_table_becomes_a_frame(reader: CatalogueReader) -> None:
    table = run(reader, "h3-aggregate", collection="ferry", resolution=4)["cells"]
    frame = table.to_frame()
    assert list(frame.index) == table.columns["cell"] and frame.crs == "EPSG:4326"
    empty = Table([], {"a": []}, np.empty(0, object))
    assert len(empty.to_frame()) == 0 and empty.rows() == [] and empty.geometry_texts() == []
