"""From image to ground: the plane homography of a calibrated camera.

``(u, v, 1)`` in pixels, v down, times a 3×3 matrix gives homogeneous ground coordinates (Hartley &
Zisserman, Multiple View Geometry, 2nd ed., section 2.3). Points at and above the horizon have no
place on the ground.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Relative to the weight at the foot of the image: nearer to the horizon a pixel is kilometres wide.
_NEAREST_HORIZON = 1e-3
_LEAST_DETERMINANT = 1e-9


class HomographyError(ValueError):
    """A matrix that is no homography: not 3×3, not finite, or singular."""


def homography(rows: object) -> Floats:
    """Read a matrix given as nested lists.

    Raises
    ------
    HomographyError
        saying what is wrong with it.
    """
    try:
        matrix = np.array(rows, np.float64)
    except (TypeError, ValueError) as failure:
        raise HomographyError(f"expected 3 by 3 numbers: {failure}") from failure
    if matrix.shape != (3, 3):
        raise HomographyError(f"expected 3 by 3 numbers, found shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise HomographyError("a number is NaN or infinite")
    if abs(_determinant(matrix)) < _LEAST_DETERMINANT:
        raise HomographyError("the matrix is singular: it has no inverse")
    return matrix


def _determinant(matrix: Floats) -> float:
    """Determinant that neither the origin nor the units of pixels and ground change.

    Metres of a projected CRS count from far away, so the plain matrix always looks nearly singular.
    """
    last = matrix[2]
    if not last.any():
        return 0.0
    centred = matrix.copy()
    centred[:2] -= np.outer(matrix[:2] @ last / (last @ last), last)
    for axis in (1, 0, 1):
        largest = np.abs(centred).max(axis=axis, keepdims=True)
        centred /= np.where(largest > 0, largest, 1.0)
    return float(np.linalg.det(centred))


def to_ground(matrix: Floats, pixels: npt.ArrayLike, foot: tuple[float, float]) -> Floats:
    """Bring pixels to the ground plane.

    Parameters
    ----------
    matrix : homography, shape (3, 3), from pixels to metres of a projected CRS.
    pixels : u to the right, v down, shape (n, 2).
    foot : a pixel that surely shows the ground, such as the middle of the image's lower edge.

    Returns
    -------
    x, y in metres of that CRS, shape (n, 2); NaN for pixels at or above the horizon.
    """
    points = np.asarray(pixels, np.float64).reshape(-1, 2)
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    reference = float(np.array([foot[0], foot[1], 1.0]) @ matrix[2])
    weight = homogeneous[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = homogeneous[:, :2] / weight[:, None]
        seen = weight / reference > _NEAREST_HORIZON
    ground[~(seen & np.isfinite(ground).all(axis=1))] = np.nan
    return np.asarray(ground, np.float64)
