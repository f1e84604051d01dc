"""Matching of trucks to roads: how true it is on taxis matched by hand, and how fast on a city.

The taxi tracks are real (SparseTaxi, Beijing, May 2009): what is measured is the share of the
matched path that lies within 20 m of the path that people found. The peer, leuvenmapmatching, gets
the same roads around each track and the same radius and deviation, in the same run. Beside both is
told how near the drawn line itself comes when it is led through the roads, and to what the rest was
lost; and, on drawn lines thinned to a fix every 2 km, what the cost of turns does. Speed is that of
a made-up fleet on the roads of the demo city.
"""

from __future__ import annotations

import functools
import logging
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from analytics import registry
from analytics.detect import END_OF_TIME_MS
from analytics.roads.matching import Matcher
from analytics.roads.network import RoadNetwork, network_from_lines
from analytics.roads.stage import RoadMatching
from analytics.rule import Columns, rows
from ingest.simulator.declaration import read_demo
from ingest.simulator.feed_plan import MassLimit
from ingest.simulator.geography import Geography
from ingest.simulator.motion import motion_at, report_times
from ingest.simulator.place import build_geography
from ingest.simulator.road_graph import RoadGraph
from ingest.simulator.truck_positions import INTERVALS, NOISE_M
from ingest.simulator.trucks import Plates, Yard, drive
from layers.city import City
from tests.analytics.roads.losses import drawn_paths, losses, share_near, thinned
from tests.analytics.roads.taxis import PARAMETERS, SETS, Taxis, road_map, score, taxis

ROOT = Path(__file__).parents[1]
CITY = ROOT / "data" / "pudong"
REAL_DATA = ROOT.parent / "shared" / "data"
SEED, TRUCKS, FIXES = 1, 1400, 1_000_000
_DAY = (1_782_835_200, 1_782_921_600)
_MARGIN_M, _KNOT = 3000.0, 1852 / 3600


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    measured = run_city()
    return [*measured, *run_taxis(REAL_DATA)] if REAL_DATA.is_dir() else measured


def run_city() -> list[dict[str, Any]]:
    """Fixes a second of the stage on the demo city, and what it needs."""
    city = City(CITY)
    demo = read_demo(city)
    geography = build_geography(city, demo, SEED)
    network = network_from_lines([road.line for road in geography.roads])
    data = f"{len(network.road_id):,} roads, {len(network.arc_road):,} arcs, seed {SEED}"
    spent, stage = _seconds(functools.partial(registry.truck_stage, city, network), 2)
    measured = [
        _row("stage made ready", data, spent, "s"),
        _row("ways found beforehand", data, stage.tables_mb, "MB"),
    ]
    columns = fleet(geography, demo.feeds.weighings.limits if demo.feeds else ())
    n = rows(columns)
    _drive(stage, columns)
    spent, matched = _seconds(functools.partial(_drive, stage, columns), 3)
    what = f"{n:,} fixes, {TRUCKS:,} trucks, 30 s driving, 300 s parked"
    measured.append(_row("stage, one batch and its end", what, n / spent, "fixes/s"))
    measured.append(_row("fixes on a road", what, 100 * matched, "%"))
    return measured


def fleet(geography: Geography, limits: Sequence[MassLimit]) -> Columns:
    """A day of trucks as columns of the feed, no more than a million rows."""
    rng = np.random.default_rng(SEED)
    yard = Yard(Plates(("A",), rng, set()), limits, rng)
    trucks = drive(TRUCKS, TRUCKS, RoadGraph(geography), yard, _DAY, rng)
    times = [
        report_times(truck.timeline, INTERVALS, float(rng.uniform(0.01, 1))) for truck in trucks
    ]
    moved = [motion_at(truck.timeline, t) for truck, t in zip(trucks, times, strict=True)]
    xy = [truck.timeline.at(t.astype(np.float64)) for truck, t in zip(trucks, times, strict=True)]
    plates = np.repeat(np.array([truck.plate for truck in trucks], object), [len(t) for t in times])
    order = np.argsort(plates.astype(str), kind="stable")[:FIXES]
    place = np.concatenate(xy)[order] + rng.normal(0, NOISE_M, (len(order), 2))
    knots, course = (np.concatenate(values)[order] for values in zip(*moved, strict=True))
    return {
        "mover": plates[order],
        "t": np.concatenate(times)[order].astype(np.int64) * 1000,
        "kind": np.zeros(len(order), np.int8),
        "pid": np.arange(len(order)).astype(str).astype(object),
        "x": place[:, 0].copy(),
        "y": place[:, 1].copy(),
        "sog_mps": np.where(knots > 1, knots * _KNOT, 0.0),
        "cog_deg": course.astype(np.float64),
        "acc": np.zeros(len(order), np.uint8),
        "quality": np.zeros(len(order), np.uint16),
    }


def _drive(stage: RoadMatching, columns: Columns) -> float:
    """Share of the fixes that the stage finds a road for."""
    state = stage.start()
    parts = [stage.update(state, columns), stage.flush(state, END_OF_TIME_MS)]
    return sum(int((part["arc"] >= 0).sum()) for part in parts if rows(part)) / rows(columns)


def run_taxis(folder: Path) -> list[dict[str, Any]]:
    """How true ours and the peer are on each set, and how fast."""
    network = road_map(folder)
    data = f"{len(network.node_xy):,} nodes, {len(network.arc_road):,} arcs"
    spent, matcher = _seconds(functools.partial(Matcher, network, PARAMETERS), 2)
    measured = [
        _row(f"{PARAMETERS.table_m:.0f} m of ways, real roads", data, spent, "s"),
        _row("ways found beforehand, real roads", data, matcher.tables_mb, "MB"),
    ]
    for name in SETS:
        tracks = taxis(folder, name)
        what = f"SparseTaxi {name}, {len(tracks.truth)} tracks, {len(tracks.t)} fixes, real"
        work = functools.partial(matcher.match, tracks.bounds, tracks.t, tracks.x, tracks.y)
        work()
        spent, matched = _seconds(work, 5)
        ours = score(network, matched, tracks)
        took, near, length, means = _peer(network, tracks)
        share = 100 * ours.near.sum() / ours.length.sum()
        mean = 100 * float(np.mean(ours.near / ours.length))
        rate = len(tracks.t) / spent
        measured += [
            _row("path within 20 m of the truth", what, share, "%", 100 * near / length),
            _row("the same, mean over tracks", what, mean, "%", 100 * means),
            _row("whole tracks matched", what, rate, "fixes/s", len(tracks.t) / took),
        ]
        drawn = drawn_paths(network, tracks)
        oracle = 100 * share_near(drawn, tracks)
        measured.append(_row("the drawn line itself, led through the roads", what, oracle, "%"))
        for cause, lost in losses(network, matched, tracks, drawn).items():
            measured.append(_row(f"lost: {cause}", what, 100 * lost / ours.length.sum(), "%"))
    return [*measured, *_run_thinned(network, folder)]


def _run_thinned(network: RoadNetwork, folder: Path) -> list[dict[str, Any]]:
    """How true ways between fixes 2 km apart are, with and without a cost of turns."""
    measured = []
    for turn_m in (0.0, PARAMETERS.turn_m):
        matcher, shares = Matcher(network, PARAMETERS.model_copy(update={"turn_m": turn_m})), []
        for name in SETS:
            for seed in range(3):
                tracks = thinned(taxis(folder, name), 2000, 7, seed)
                matched = matcher.match(tracks.bounds, tracks.t, tracks.x, tracks.y)
                found = score(network, matched, tracks)
                shares.append(found.near.sum() / found.length.sum())
        what = f"a turn costs {turn_m:.0f} m: path within 20 m of the truth"
        data = "SparseTaxi, drawn lines, made-up fixes every 2 km, 7 m off, 6 draws"
        measured.append(_row(what, data, 100 * float(np.mean(shares)), "%"))
    return measured


def _peer(network: RoadNetwork, tracks: Taxis) -> tuple[float, float, float, float]:
    """Seconds, near and whole length, and mean share of leuvenmapmatching; maps not counted."""
    from leuvenmapmatching.map.inmem import InMemMap
    from leuvenmapmatching.matcher.distance import DistanceMatcher

    logging.getLogger("be.kuleuven.cs.dtai.mapmatching").setLevel(logging.ERROR)
    tree = shapely.STRtree(network.line)
    spent, near, whole, shares = 0.0, 0.0, 0.0, []
    for k, truth in enumerate(tracks.truth):
        own = slice(tracks.bounds[k], tracks.bounds[k + 1])
        places = np.column_stack([tracks.x[own], tracks.y[own]])
        around = shapely.box(*places.min(axis=0), *places.max(axis=0)).buffer(_MARGIN_M)
        chosen = np.flatnonzero(np.isin(network.arc_road, tree.query(around)))
        ends = zip(
            network.arc_start[chosen].tolist(), network.arc_end[chosen].tolist(), strict=True
        )
        graph: dict[int, tuple[tuple[float, float], list[int]]] = {}
        for a, b in ends:
            for node in (a, b):
                graph.setdefault(node, (tuple(network.node_xy[node]), []))
            graph[a][1].append(b)
        roads = InMemMap("roads", graph=graph, use_latlon=False, use_rtree=False)
        peer = DistanceMatcher(
            roads,
            max_dist=PARAMETERS.radius_m,
            obs_noise=PARAMETERS.sigma_m,
            max_lattice_width=PARAMETERS.candidates,
            non_emitting_states=True,
        )
        start = time.perf_counter()
        peer.match([tuple(place) for place in places.tolist()])
        spent += time.perf_counter() - start
        nodes = peer.path_pred_onlynodes
        if len(nodes) > 1:
            path = shapely.LineString(network.node_xy[nodes])
            shares.append(path.intersection(truth.buffer(20)).length / path.length)
            near += shares[-1] * path.length
            whole += path.length
    return spent, near, whole, float(np.mean(shares))


def _seconds(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def _row(
    what: str, data: str, value: float, unit: str, peer: float | None = None
) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {
        "what": what,
        "data": data,
        "value": round(value, 2) if value < 100 else round(value),
        "unit": unit,
        "peer": None if peer is None else "leuvenmapmatching 1.1.4, same roads and radius",
        "peer_value": None if peer is None else round(peer, 2),
        "ratio": None if peer is None else round(value / peer, 2),
        "peak_mb": round(peak),
    }


if __name__ == "__main__":
    for result in run():
        print("  ".join(f"{key}: {value}" for key, value in result.items()), flush=True)
