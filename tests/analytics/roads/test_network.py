"""Roads become a network: what joins, what is refused, and ways through it."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from analytics.roads.candidates import find, found_room, grid_of
from analytics.roads.network import network_from_lines, network_of
from analytics.roads.paths import distance_mm, room, table_of, trace
from tests.analytics.roads.streets import PARAMETERS, squares


def line(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString(points)


def test_ends_as_close_as_the_tolerance_are_one_node() -> None:
    lines = [line((0, 0), (10, 0)), line((10.3, 0), (20, 0)), line((20.7, 0), (30, 0))]
    network = network_from_lines(lines, tolerance_m=0.5)
    assert len(network.node_xy) == 5
    assert network.arc_end[0] == network.arc_start[2]
    assert network.arc_end[2] != network.arc_start[4]


def test_directions_make_arcs() -> None:
    lines = [line((0, 0), (10, 0))] * 3
    ways = {"oneway": ["both", "forward", "backward"], "road_id": ["a", "b", "c"]}
    network = network_from_lines(lines, ways)
    assert network.arc_road.tolist() == [0, 0, 1, 2]
    assert network.arc_forward.tolist() == [True, False, True, False]
    assert network.graph.reverse.tolist() == [1, 0, -1, -1]
    assert network.arc_line(3).coords[0] == (10, 0)


def test_what_is_no_road_is_refused_and_counted() -> None:
    parts = shapely.MultiLineString([[(0, 0), (1, 0)], [(1, 0), (2, 0)]])
    apart = shapely.MultiLineString([[(0, 0), (1, 0)], [(5, 0), (9, 0)]])
    lines = [
        None,
        shapely.Point(0, 0),
        line((0, 0), (0, 0)),
        parts,
        apart,
        line((0, 0), (1, np.nan)),
    ]
    network = network_from_lines([*lines, line((0, 0), (5, 0))], {"oneway": [None] * 6 + ["up"]})
    assert network.refused == {
        "no geometry": 1,
        "not a line": 1,
        "no length": 1,
        "parts apart": 1,
        "coordinates not finite": 1,
        "direction unknown": 1,
    }
    assert network.road_id.tolist() == ["3"]
    assert network.arc_length_m.tolist() == [2, 2]


def test_a_loop_is_a_road() -> None:
    network = network_from_lines([line((0, 0), (10, 0), (10, 10), (0, 0))])
    assert network.arc_start.tolist() == network.arc_end.tolist() == [0, 0]


def test_the_layer_becomes_a_network_in_metres() -> None:
    frame = gpd.GeoDataFrame(
        {
            "road_id": ["R1", "R2"],
            "name_zh": ["中路", None],
            "limit_t": [20, None],
            "truck_ban": [True, None],
        },
        geometry=[line((121.5, 31.2), (121.51, 31.2)), None],
        crs="EPSG:4326",
    )
    network = network_of(frame, "EPSG:32651")
    assert network.refused == {"no geometry": 1}
    assert network.arc_length_m[0] == pytest.approx(953, abs=2)
    cited = network.reference(0)
    assert cited["id"] == "R1" and cited["layer"] == "road" and len(cited["version"]) == 12
    assert cited["limit_t"] == 20 and cited["limit_h_m"] is None and cited["truck_ban"] is True
    assert network.name(0).en == network.name(0).zh == "中路"


def test_versions_follow_the_content() -> None:
    lines = [line((0, 0), (10, 0))]
    one, other = (network_from_lines(lines, {"limit_t": [t]}) for t in (20, 30))
    assert one.version == network_from_lines(lines, {"limit_t": [20]}).version != other.version
    assert one.reference(0)["version"] != other.reference(0)["version"]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), bound_m=st.sampled_from([0.0, 50.0, 200.0]))
def test_ways_are_the_shortest(seed: int, bound_m: float) -> None:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 200, (12, 2))
    pairs = [(a, b) for a, b in itertools.permutations(range(12), 2) if rng.random() < 0.15]
    network = network_from_lines(
        [line(places[a], places[b]) for a, b in pairs], {"oneway": ["forward"] * len(pairs)}, 0.0
    )
    graph = network.graph
    table, search = table_of(graph, bound_m, 0.0), room(graph, 0.0)
    nodes, limit = len(network.node_xy), 400_000
    weights = (graph.length_mm, (graph.start, graph.end))
    wanted = dijkstra(csr_array(weights, shape=(nodes, nodes)))
    for a, b in itertools.product(range(nodes), repeat=2):
        length, first = distance_mm(graph, table, search, a, b, limit)
        if wanted[a, b] > limit:
            assert length == -1
            continue
        assert length == wanted[a, b]
        arcs = np.empty(nodes + 1, np.int32)
        way = arcs[: trace(graph, table, search, (a, b), limit, arcs, 0)].tolist()
        assert sum(int(graph.length_mm[arc]) for arc in way) == length
        assert all(graph.end[c] == graph.start[d] for c, d in itertools.pairwise(way))
        if way:
            assert first == way[0]
            assert graph.start[way[0]] == a and graph.end[way[-1]] == b


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), turn_m=st.sampled_from([0.0, 30.0, 100.0]))
def test_ways_do_not_depend_on_what_was_found_before(seed: int, turn_m: float) -> None:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 200, (12, 2))
    pairs = [(a, b) for a, b in itertools.combinations(range(12), 2) if rng.random() < 0.25]
    graph = network_from_lines([line(places[a], places[b]) for a, b in pairs], None, 0.0).graph
    nodes = len(graph.bounds) - 1
    tables = [table_of(graph, bound_m, turn_m) for bound_m in (0.0, 150.0, 400.0)]
    kept = room(graph, turn_m)
    for a, b in itertools.product(range(nodes), repeat=2):
        # The longest limit first: what that search left behind serves the others.
        for limit in (400_000, 250_000, 100_000):
            told = set()
            for table, search in [*((t, kept) for t in tables), (tables[0], room(graph, turn_m))]:
                length, first = distance_mm(graph, table, search, a, b, limit)
                arcs, end = np.empty(nodes + 1, np.int32), 0
                if length >= 0:
                    end = trace(graph, table, search, (a, b), limit, arcs, 0)
                way = tuple(arcs[:end].tolist())
                assert length <= limit
                assert length < 0 or sum(int(graph.length_mm[arc]) for arc in way) == length
                assert not way or first == way[0]
                told.add((length, way))
            assert len(told) == 1


def test_of_ways_as_long_that_with_fewer_turns_is_taken() -> None:
    network = squares()
    graph = network.graph
    node = {tuple(xy): k for k, xy in enumerate(network.node_xy.tolist())}
    ends = node[0.0, 0.0], node[800.0, 600.0]
    arcs = np.empty(len(node), np.int32)
    for bound_m in (0.0, 2000.0):
        table, search = table_of(graph, bound_m, 100.0), room(graph, 100.0)
        assert distance_mm(graph, table, search, *ends, 2_000_000)[0] == 1_400_000
        way = arcs[: trace(graph, table, search, ends, 2_000_000, arcs, 0)]
        assert (graph.leaves[way[1:]] != graph.arrives[way[:-1]]).sum() == 1


def test_a_turn_is_worth_a_way_round() -> None:
    # Straight on and one corner, 700 m, or through four corners, 600 m.
    short = [(0, 0), (0, 100), (100, 100), (100, 200), (200, 200), (200, 300), (300, 300)]
    lines = [line((-10, 0), (0, 0)), line((0, 0), (350, 0)), line((350, 0), (300, 300))]
    network = network_from_lines([*lines, *map(line, short, short[1:])])
    node = {tuple(xy): k for k, xy in enumerate(network.node_xy.tolist())}
    ends, graph = (node[-10.0, 0.0], node[300.0, 300.0]), network.graph
    lengths = [
        distance_mm(graph, table_of(graph, 0.0, turn_m), room(graph, turn_m), *ends, 900_000)[0]
        for turn_m in (0.0, 100.0)
    ]
    assert lengths == [610_000, 10_000 + 350_000 + round(92_500**0.5 * 1000)]


def test_directions_are_those_of_arcs_ends() -> None:
    network = network_from_lines([line((0, 0), (50, 0), (50, 50)), line((0, 0), (3, 0))])
    graph, east, north = network.graph, 0.0, np.pi / 2
    west, south = np.pi, -np.pi / 2
    np.testing.assert_allclose(graph.leaves, [east, south, east, west], atol=1e-12)
    np.testing.assert_allclose(graph.arrives, [north, west, east, west], atol=1e-12)


@settings(max_examples=60)
@given(x=st.floats(-100, 1300), y=st.floats(-100, 1300))
def test_candidates_are_the_roads_within_the_radius(x: float, y: float) -> None:
    network, limits = squares(), PARAMETERS.limits()
    limits = limits._replace(candidates=64)
    found = found_room(limits)
    grid = grid_of(network, limits.radius_m)
    count = find(grid, network.graph, limits, x, y, (0.0, 0.0), found)
    away = shapely.distance(network.line, shapely.Point(x, y))
    near = {arc for arc, road in enumerate(network.arc_road) if away[road] <= limits.radius_m}
    assert set(found.arc[:count].tolist()) == near
    for arc, along, point in zip(found.arc[:count], found.along_m, found.point, strict=False):
        at = network.arc_line(arc).interpolate(along)
        assert shapely.Point(point).distance(at) < 1e-6
        assert at.distance(shapely.Point(x, y)) == pytest.approx(away[network.arc_road[arc]])
    assert (np.diff(found.score[:count]) <= 0).all()


def test_only_the_best_candidates_are_kept() -> None:
    network, limits = squares(), PARAMETERS.limits()
    grid = grid_of(network, limits.radius_m)
    every, few = (found_room(limits._replace(candidates=k)) for k in (64, 3))
    count = find(grid, network.graph, limits, 203.0, 395.0, (0.6, 0.8), every)
    assert count > 3
    assert (
        find(grid, network.graph, limits._replace(candidates=3), 203.0, 395.0, (0.6, 0.8), few) == 3
    )
    assert few.arc.tolist() == every.arc[:3].tolist()
