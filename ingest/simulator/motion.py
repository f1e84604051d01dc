"""How ships move: timelines of way points, and the reports that a receiver gets of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KNOT = 1852 / 3600
# Thinned from the intervals of ITU-R M.1371 (2–10 s under way, 3 min at anchor) by about five, so
# that a day of hundreds of ships stays small; knots from which each holds, seconds.
INTERVALS_A = ((0.0, 180.0), (0.5, 45.0), (14.0, 30.0), (23.0, 10.0))
INTERVALS_B = ((0.0, 180.0), (2.0, 90.0), (14.0, 45.0))


@dataclass(frozen=True)
class Timeline:
    """Where something is at which time, straight and steady in between.

    Attributes
    ----------
    t : Unix seconds, rising, shape (n,).
    xy : metres in the city's projected CRS, shape (n, 2).
    """

    t: Floats
    xy: Floats

    def at(self, t: Floats) -> Floats:
        """Positions at times, shape (n, 2); the ends are held."""
        return np.column_stack([np.interp(t, self.t, self.xy[:, axis]) for axis in (0, 1)])

    def speed(self) -> Floats:
        """Metres per second on each piece, shape (n - 1,)."""
        steps = np.hypot(*np.diff(self.xy, axis=0).T)
        return np.asarray(steps / np.maximum(np.diff(self.t), 1e-9))

    def clip(self, start: float, end: float) -> Timeline:
        """The part between two times; empty where there is none."""
        start, end = max(start, float(self.t[0])), min(end, float(self.t[-1]))
        if start >= end:
            return Timeline(np.empty(0), np.empty((0, 2)))
        inner = self.t[(self.t > start) & (self.t < end)]
        t = np.concatenate(([start], inner, [end]))
        return Timeline(t, self.at(t))


def along(path: Floats, start: float, speed_mps: float) -> Timeline:
    """Go along a path at a steady speed from a time on."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    keep = np.concatenate(([True], steps > 0))
    steps = steps[steps > 0]
    return Timeline(start + np.concatenate(([0.0], np.cumsum(steps))) / speed_mps, path[keep])


def shuttle(
    path: Floats, start: float, end: float, speed_mps: float, rest_s: float, phase: float
) -> Timeline:
    """Go to and fro along a path with a rest at each end.

    Parameters
    ----------
    phase : share of the round trip already done at the start, 0 to 1.
    """
    once = along(path, 0.0, speed_mps)
    back = along(path[::-1], once.t[-1] + rest_s, speed_mps)
    cycle_t = np.concatenate((once.t, back.t))
    cycle_xy = np.concatenate((once.xy, back.xy))
    period = cycle_t[-1] + rest_s
    rounds = int((end - start) // period) + 3
    t = (np.arange(rounds)[:, None] * period + cycle_t).ravel() + start - phase * period
    return Timeline(t, np.tile(cycle_xy, (rounds, 1))).clip(start, end)


def wander(
    middle: Floats,
    radius: float,
    start: float,
    end: float,
    speeds_kn: tuple[float, float],
    rng: np.random.Generator,
) -> Timeline:
    """Zigzag inside a disc, as boats do that tow a net."""
    steps = int((end - start) * speeds_kn[1] * KNOT / (radius * 0.2)) + 4
    angle = rng.uniform(0, 2 * np.pi, steps)
    reach = radius * np.sqrt(rng.uniform(0, 1, steps))
    xy = middle + np.column_stack((np.cos(angle), np.sin(angle))) * reach[:, None]
    length = np.maximum(np.hypot(*np.diff(xy, axis=0).T), 1.0)
    took = length / (rng.uniform(*speeds_kn, steps - 1) * KNOT)
    t = start + np.concatenate(([0.0], np.cumsum(took)))
    return Timeline(t, xy).clip(start, end)


def swing(
    middle: Floats, radius: float, start: float, end: float, rng: np.random.Generator
) -> Timeline:
    """Lie at anchor: turn slowly about it with wind and tide."""
    count = max(3, int((end - start) // 1800) + 2)
    angle = np.cumsum(rng.normal(0, 0.35, count)) + rng.uniform(0, 2 * np.pi)
    xy = middle + radius * np.column_stack((np.cos(angle), np.sin(angle)))
    return Timeline(np.linspace(start, end, count), xy)


def report_times(
    timeline: Timeline, intervals: tuple[tuple[float, float], ...], phase: float
) -> Ints:
    """Times at which a transponder reports, by its speed.

    Parameters
    ----------
    intervals : (knots from which it holds, seconds), rising.
    phase : share of the first interval that has passed at the start, 0 to 1; 0 reports at once.

    Returns
    -------
    Unix seconds, rising, without repetition.
    """
    limits = np.array([limit for limit, _ in intervals])
    seconds = np.array([every for _, every in intervals])
    chosen = seconds[np.searchsorted(limits, timeline.speed() / KNOT, side="right") - 1]
    count = np.concatenate(([0.0], np.cumsum(np.diff(timeline.t) / chosen)))
    wanted = np.arange(0 if phase == 0 else 1, int(count[-1] + phase) + 1) - phase
    return np.unique(np.ceil(np.interp(wanted, count, timeline.t)).astype(np.int64))


def motion_at(timeline: Timeline, t: Ints) -> tuple[Floats, Floats]:
    """Speed in knots and course in degrees at times, shape (n,) each."""
    piece = np.clip(np.searchsorted(timeline.t, t, side="right") - 1, 0, len(timeline.t) - 2)
    step = np.diff(timeline.xy, axis=0)
    course = np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360
    return timeline.speed()[piece] / KNOT, course[piece]
