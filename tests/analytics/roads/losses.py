"""Why a matched path is not where people drew it: what the roads allow, and metres by cause."""

from __future__ import annotations

import itertools

import numpy as np
import shapely
import shapely.ops

from analytics.roads.matching import Matched, match
from analytics.roads.network import RoadNetwork
from tests.analytics.roads.taxis import NEAR_M, PARAMETERS, Taxis, legs, path_of

# Fixes every 20 m of the drawn line, and roads far enough around it that no track breaks off.
DRAWN = PARAMETERS.model_copy(
    update={
        "radius_m": 250,
        "candidates": 40,
        "sigma_m": 20,
        "beta_m": 20,
        "detour": 3,
        "detour_m": 300,
        "turn_m": 0,
        "step_sigmas": 0,
        "beam_nats": 1000,
        "max_speed_mps": 1e6,
    }
)
_EVERY_M, _BIT_M, _NEARER_M = 20.0, 5.0, 1.0
ELSEWHERE = "the map has no road where the line is drawn"
ENDED = "the drawn line ends before the fixes do"
NEARER = "the fixes are nearer to the matched road than to the drawn one"
OTHER = "another way was matched"
CAUSES = (ELSEWHERE, ENDED, NEARER, OTHER)


def drawn_paths(network: RoadNetwork, tracks: Taxis) -> list[shapely.Geometry]:
    """The path of each drawn line itself through the roads: no matcher can know more.

    Where the line can't be driven on the map, the path goes round; on ``set60`` it is as near as
    the path that the authors list by vertices of the map (95 %).
    """
    places = []
    for line in tracks.truth:
        along = np.append(np.arange(0, line.length, _EVERY_M), line.length)
        places.append(shapely.get_coordinates(shapely.line_interpolate_point(line, along)))
    bounds = np.concatenate([[0], np.cumsum([len(xy) for xy in places])]).astype(np.int64)
    x, y = np.concatenate(places).T.copy()
    matched = match(network, DRAWN, bounds, 1000 * np.arange(len(x), dtype=np.int64), x, y)
    return [path_of(network, matched, a, b) for a, b in itertools.pairwise(bounds.tolist())]


def share_near(paths: list[shapely.Geometry], tracks: Taxis) -> float:
    """Share of paths, one for each track, that lies within 20 m of the truth."""
    near = [
        path.intersection(truth.buffer(NEAR_M))
        for path, truth in zip(paths, tracks.truth, strict=True)
    ]
    return float(shapely.length(near).sum() / shapely.length(paths).sum())


def thinned(tracks: Taxis, every_m: float, noise_m: float, seed: int) -> Taxis:
    """Made-up fixes at equal distances along the drawn lines, driven at 10 m/s."""
    rng = np.random.default_rng(seed)
    places, bounds, lines = [], [0], []
    for line in tracks.truth:
        along = np.arange(rng.uniform(0, every_m), line.length, every_m)
        if len(along) > 2:
            places.append(shapely.get_coordinates(shapely.line_interpolate_point(line, along)))
            bounds.append(bounds[-1] + len(along))
            lines.append(shapely.ops.substring(line, along[0], along[-1]))
    x, y = (np.concatenate(places) + rng.normal(0, noise_m, (bounds[-1], 2))).T.copy()
    t = np.arange(bounds[-1], dtype=np.int64) * round(every_m / 10 * 1000)
    return Taxis(np.array(bounds, np.int64), t, x, y, lines)


def losses(
    network: RoadNetwork, matched: Matched, tracks: Taxis, drawn: list[shapely.Geometry]
) -> dict[str, float]:
    """Metres of the matched paths further than 20 m from the truth, by cause.

    Parameters
    ----------
    drawn : what `drawn_paths` gives.
    """
    total = dict.fromkeys(CAUSES, 0.0)
    for k, truth in enumerate(tracks.truth):
        first, end = tracks.bounds[k], tracks.bounds[k + 1]
        off = shapely.distance(shapely.points(tracks.x[first:end], tracks.y[first:end]), truth)
        seen: shapely.Geometry = truth.buffer(NEAR_M)
        for before, row, leg in legs(network, matched, first, end):
            drawn_off = off[before - first] + off[row - first]
            nearer = matched.off_m[before] + matched.off_m[row] < drawn_off - _NEARER_M
            for bit, length in _bits(leg.difference(seen)):
                total[_cause(bit, truth, drawn[k], nearer)] += length
            seen = seen.union(leg)
    return total


def _cause(
    bit: shapely.Point, truth: shapely.LineString, drawn: shapely.Geometry, nearer: bool
) -> str:
    if bit.distance(drawn) < NEAR_M:
        return ELSEWHERE
    if not 0 < truth.project(bit) < truth.length:
        return ENDED
    return NEARER if nearer else OTHER


def _bits(lost: shapely.Geometry) -> list[tuple[shapely.Point, float]]:
    """Middles of short bits of lines, and how long they are."""
    bits = []
    for part in (part for part in shapely.get_parts(lost) if part.length):
        count = max(1, round(part.length / _BIT_M))
        middles = (np.arange(count) + 0.5) / count
        bits += [(part.interpolate(m, normalized=True), part.length / count) for m in middles]
    return bits
