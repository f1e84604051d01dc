"""A smooth bend of the plane: streets are laid out straight and bent afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
_WAVES = 4
_ROUNDS = 40


class Bend:
    """Sum of a few sine waves; its gradient stays below one half, so it can be undone.

    Parameters
    ----------
    amplitude_m : largest shift, metres.
    wave_m : typical length of a wave, metres; at least 15 amplitudes.
    seed : of the directions and phases.
    """

    def __init__(self, amplitude_m: float, wave_m: float, seed: int) -> None:
        rng = np.random.default_rng([seed, 11])
        angle = rng.uniform(0, 2 * np.pi, (2, _WAVES))
        length = wave_m * rng.uniform(0.7, 1.6, (2, _WAVES))
        self._kx = 2 * np.pi * np.cos(angle) / length
        self._ky = 2 * np.pi * np.sin(angle) / length
        self._phase = rng.uniform(0, 2 * np.pi, (2, _WAVES))
        self._amplitude = min(amplitude_m, wave_m / 15) / np.sqrt(_WAVES)

    def shift(self, xy: Floats) -> Floats:
        """How far points are moved, shape (n, 2), metres."""
        waves = [
            np.sin(xy[:, :1] * self._kx[i] + xy[:, 1:] * self._ky[i] + self._phase[i]).sum(axis=1)
            for i in (0, 1)
        ]
        return np.asarray(self._amplitude * np.column_stack(waves))

    def forward(self, xy: Floats) -> Floats:
        """Bend points, shape (n, 2)."""
        return xy + self.shift(xy)

    def backward(self, xy: Floats) -> Floats:
        """Undo the bend by fixed-point iteration, to far below a millimetre; shape (n, 2)."""
        straight = xy.copy()
        for _ in range(_ROUNDS):
            straight = xy - self.shift(straight)
        return straight

    def bent(self, geometry: Any) -> Any:
        """Bend a geometry, or an array of them; equal points stay equal to the last bit."""
        return shapely.transform(geometry, lambda xy: _once_each(self.forward, xy))

    def straightened(self, geometry: Any) -> Any:
        """Undo the bend of a geometry, or of an array of them."""
        return shapely.transform(geometry, lambda xy: _once_each(self.backward, xy))


def _once_each(move: Callable[[Floats], Floats], xy: Floats) -> Floats:
    # Vectorised sines may differ in the last bit by place in the array: noding needs equality.
    different, back = np.unique(xy, axis=0, return_inverse=True)
    return move(different)[back.reshape(-1)]
