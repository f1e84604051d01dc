"""Streets in squares, and trucks that drive, stand, jump, fall silent and are weighed on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from analytics.feeds import take
from analytics.roads.network import RoadNetwork, network_from_lines
from analytics.roads.parameters import MatchingParameters
from analytics.rule import Columns, rows

START = 1_700_000_000_000
SIDE = 200.0
PARAMETERS = MatchingParameters(
    radius_m=40,
    sigma_m=6,
    beta_m=15,
    detour_m=400,
    table_m=500,
    gap_s=300,
    lag_s=90,
    lag_fixes=5,
    forget_s=800,
)


def squares(
    columns: int = 6, rows_: int = 6, side: float = SIDE, origin: tuple[float, float] = (0, 0)
) -> RoadNetwork:
    """Streets every so many metres; each third one leads one way only."""
    lines, ways, ids = [], [], []
    for i in range(columns):
        for j in range(rows_):
            x, y = origin[0] + i * side, origin[1] + j * side
            for dx, dy, number, name in ((side, 0.0, j, "E"), (0.0, side, i, "N")):
                if i * side + dx < columns * side and j * side + dy < rows_ * side:
                    lines.append(shapely.LineString([(x, y), (x + dx, y + dy)]))
                    ways.append("forward" if number % 3 == 2 else "both")
                    ids.append(f"{name}{i}-{j}")
    return network_from_lines(lines, {"road_id": ids, "oneway": ways})


def drives(seed: int, trucks: int = 4, n: int = 40) -> Columns:
    """Rows of some trucks: ways along the streets with noise, and all that goes wrong."""
    rng = np.random.default_rng(seed)
    parts = [_drive(f"T{number}", rng, n) for number in range(trucks)]
    columns: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return columns


def _drive(mover: str, rng: np.random.Generator, n: int) -> Columns:
    wait = rng.choice(
        [0, 1, 10, 30, 60, 250, 301, 900], n, p=[0.04, 0.1, 0.2, 0.4, 0.2, 0.02, 0.02, 0.02]
    )
    t = START + 1000 * np.cumsum(wait).astype(np.int64) + (rng.random(n) < 0.1) * 7
    t = np.sort(t)
    speed = rng.choice([0.0, 3.0, 12.0], n, p=[0.3, 0.2, 0.5])
    far = np.cumsum(wait * speed)
    corners = _corners(rng)
    line = shapely.LineString(corners)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, far % line.length))
    xy = xy + rng.normal(0, 5, (n, 2))
    wild = rng.random(n) < 0.05
    xy[wild] += rng.choice([-60, 90, 40_000], (int(wild.sum()), 2))
    kind = (rng.random(n) < 0.08).astype(np.int8)
    xy[kind == 1] = np.nan
    cog = np.where(rng.random(n) < 0.5, np.nan, rng.uniform(0, 360, n))
    return _sorted(
        {
            "mover": np.full(n, mover, object),
            "t": t,
            "kind": kind,
            "pid": np.array([f"{mover}-{k:03d}" for k in range(n)], object),
            "x": xy[:, 0],
            "y": xy[:, 1],
            "sog_mps": np.where(rng.random(n) < 0.2, np.nan, speed),
            "cog_deg": cog,
            "quality": rng.integers(0, 9, n).astype(np.uint16),
            "acc": rng.integers(0, 2, n).astype(np.float32),
        }
    )


def _corners(rng: np.random.Generator) -> list[tuple[float, float]]:
    at, corners = rng.integers(0, 6, 2), []
    for _ in range(30):
        corners.append((float(at[0] * SIDE), float(at[1] * SIDE)))
        axis = int(rng.integers(2))
        at[axis] = int((at[axis] + rng.choice([-1, 1])) % 6)
    return [c for k, c in enumerate(corners) if k == 0 or c != corners[k - 1]]


def _sorted(columns: Columns) -> Columns:
    order = np.lexsort((columns["pid"].astype(str), columns["kind"], columns["t"]))
    return take(columns, order)


def joined(parts: list[Columns]) -> Columns:
    """Rows of several answers in their one order; empty ones are left out."""
    full = [part for part in parts if rows(part)]
    columns = {name: np.concatenate([part[name] for part in full]) for name in full[0]}
    keys = (columns["pid"].astype(str), columns["kind"], columns["t"], columns["mover"].astype(str))
    return take(columns, np.lexsort(keys))


def same(one: Columns, other: Columns) -> None:
    """Assert that two sets of columns are equal, bit by bit, NaN included."""
    assert list(one) == list(other)
    for name, values in one.items():
        assert values.dtype == other[name].dtype, name
        if values.dtype == object:
            assert values.tolist() == other[name].tolist(), name
        else:
            np.testing.assert_array_equal(values, other[name], err_msg=name)


def first(columns: Columns, row: int) -> dict[str, Any]:
    """Values of one row."""
    return {name: values[row] for name, values in columns.items()}
