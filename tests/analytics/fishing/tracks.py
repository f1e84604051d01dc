"""Tracks for tests: the real labelled sets in the form that training reads, and made-up ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analytics.rule import Columns


def portugal(folder: Path) -> pd.DataFrame:
    raw = pd.read_csv(folder / "portugal_gps_hauls.csv")
    label = raw["fish.val"].map({"fish": "fishing", "travel": "other"}).fillna("")
    return _labels(raw, label, "fish.val.full", speed_kn=raw["speed"], course_deg=raw["bearing"])


def scotland(folder: Path) -> pd.DataFrame:
    raw = pd.read_csv(folder / "scotland_creel_behaviour.csv")
    label = raw["behaviour"].map({"hauling": "fishing", "shooting": "fishing"}).fillna("other")
    return _labels(raw, label, "behaviour")


def _labels(
    raw: pd.DataFrame, label: pd.Series[str], kind: str, **sent: pd.Series[float]
) -> pd.DataFrame:
    made = pd.DataFrame({name: raw[name] for name in ("vessel_id", "time", "lon", "lat")})
    made = made.assign(**sent, label=label, kind=raw[kind].fillna(""))
    return made.sort_values(["vessel_id", "time"], kind="stable", ignore_index=True)


def made_up(
    movers: int = 4, rows: int = 400, seed: int = 5, step_s: tuple[int, int] = (2, 400)
) -> Columns:
    """Movers that go and stop, sent at uneven times, with missing values and days of silence."""
    draw = np.random.default_rng(seed)
    n = movers * rows
    wait = draw.integers(step_s[0] * 1000, step_s[1] * 1000, (movers, rows))
    wait[draw.random((movers, rows)) < 0.01] = 90_000_000
    wait[draw.random((movers, rows)) < 0.02] = 0
    slow = (np.arange(n) // 37) % 2 == 0
    speed = np.where(slow, draw.uniform(0, 1.5, n), draw.uniform(2, 6, n))
    turn = np.cumsum(draw.normal(0, 0.4, n))
    seconds = wait.ravel() / 1000
    columns: Columns = {
        "mover": np.repeat([f"m{k}" for k in range(movers)], rows),
        "t": (1_600_000_000_000 + np.cumsum(wait, axis=1)).ravel(),
        "x": np.cumsum(speed * np.sin(turn) * np.minimum(seconds, 500)),
        "y": np.cumsum(speed * np.cos(turn) * np.minimum(seconds, 500)),
        "sog_mps": np.where(draw.random(n) < 0.3, np.nan, speed),
        "cog_deg": np.where(draw.random(n) < 0.3, np.nan, np.degrees(turn) % 360),
    }
    lost = draw.random(n) < 0.02
    columns["x"][lost] = np.nan
    return columns
