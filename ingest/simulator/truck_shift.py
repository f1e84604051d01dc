"""A truck's day, built step by step."""

from __future__ import annotations

import numpy as np

from ingest.simulator.motion import Timeline
from ingest.simulator.road_graph import Course, Floats, Passage

Span = tuple[float, float]
_YARD_MPS = 3.0


class Shift:
    """What a driver does one after the other.

    Parameters
    ----------
    place : where the truck stands at first, metres, shape (2,).
    start : Unix seconds.
    """

    def __init__(self, place: Floats, start: float) -> None:
        self.now = start
        self._t: list[Floats] = [np.array([start])]
        self._xy: list[Floats] = [np.asarray(place, np.float64).reshape(1, 2)]
        self.passages: list[Passage] = []
        self.loads: list[tuple[float, str]] = []

    @property
    def here(self) -> Floats:
        """Where the truck is, shape (2,)."""
        here: Floats = self._xy[-1][-1]
        return here

    def wait(self, seconds: float) -> Span:
        """Stand still; returns from when to when."""
        return self._add(np.array([self.now + seconds]), self.here.reshape(1, 2))

    def until(self, moment: float) -> Span:
        """Stand still until a moment, at least a second."""
        return self.wait(max(1.0, moment - self.now))

    def drive(self, course: Course, slower: float = 1.0) -> Span:
        """Drive from where the truck is; returns from when to when."""
        self.passages += [
            Passage(p.station, self.now + p.t * slower, p.forward) for p in course.passages
        ]
        return self._add(self.now + course.t[1:] * slower, course.xy[1:])

    def aside(self, place: Floats | tuple[float, float]) -> Span:
        """Roll straight to a place off the road."""
        to = np.asarray(place, np.float64).reshape(1, 2)
        took = max(1.0, float(np.hypot(*(to[0] - self.here))) / _YARD_MPS)
        return self._add(np.array([self.now + took]), to)

    def load(self, state: str) -> None:
        """What is on the truck from now on: empty, half, full, or "" where nothing tells."""
        self.loads.append((self.now, state))

    def timeline(self) -> Timeline:
        """Where the truck was when."""
        return Timeline(np.concatenate(self._t), np.concatenate(self._xy))

    def _add(self, t: Floats, xy: Floats) -> Span:
        before = self.now
        self._t.append(t)
        self._xy.append(xy)
        self.now = float(t[-1])
        return before, self.now
