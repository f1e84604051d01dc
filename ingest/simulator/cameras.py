"""Street cameras: pinhole geometry from height, tilt, azimuth and focal length to a homography."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

from ingest.simulator.geography import Camera, Shop
from ingest.simulator.shops import PAVEMENT_M

Floats = npt.NDArray[np.float64]
WIDTH_PX, HEIGHT_PX = 1920, 1080
_BEFORE_DOOR_M = 2.5
_FARTHEST_M = 60.0
_MARGIN_PX = 12.0


def ground_homography(
    x: float, y: float, height_m: float, azimuth_deg: float, tilt_deg: float, focal_px: float
) -> Floats:
    """Homography of a pinhole camera over flat ground.

    The ray of pixel (u, v) is ``forward + right (u − u0)/f + down (v − v0)/f``; it meets the ground
    where it has fallen by the height (Hartley and Zisserman, *Multiple View Geometry*, 8.1.1).

    Parameters
    ----------
    x, y : foot of the pole, metres in the projected CRS.
    azimuth_deg : looking direction, clockwise from grid north.
    tilt_deg : below the horizon.
    focal_px : focal length in pixels; the image is `WIDTH_PX` × `HEIGHT_PX`, v grows downwards.

    Returns
    -------
    matrix of shape (3, 3): (u, v, 1) → homogeneous metres; the third value is positive on the
    ground in front of the camera and scaled so that it is 1 at the image's middle.
    """
    azimuth, tilt = np.radians([azimuth_deg, tilt_deg])
    forward = np.array(
        [np.sin(azimuth) * np.cos(tilt), np.cos(azimuth) * np.cos(tilt), -np.sin(tilt)]
    )
    right = np.array([np.cos(azimuth), -np.sin(azimuth), 0.0])
    down = np.cross(forward, right)
    middle = forward - right * WIDTH_PX / 2 / focal_px - down * HEIGHT_PX / 2 / focal_px
    ray = np.column_stack([right / focal_px, down / focal_px, middle])
    fall = -ray[2]
    matrix = np.vstack([x * fall + height_m * ray[0], y * fall + height_m * ray[1], fall])
    return np.asarray(matrix / np.sin(tilt))


def to_ground(homography: Floats, uv: Floats) -> Floats:
    """Pixels, shape (n, 2), to metres, shape (n, 2); NaN at and above the horizon."""
    h = np.column_stack([uv, np.ones(len(uv))]) @ homography.T
    return np.asarray(h[:, :2] / np.where(h[:, 2:] > 0, h[:, 2:], np.nan))


def to_pixels(homography: Floats, xy: Floats) -> Floats:
    """Ground points in metres, shape (n, 2), to pixels; NaN for points behind the camera."""
    # Far from the origin, the matrix is inverted about a nearby point to keep digits.
    origin = (homography @ [WIDTH_PX / 2, HEIGHT_PX / 2, 1.0])[:2]
    shift = np.array([[1, 0, -origin[0]], [0, 1, -origin[1]], [0, 0, 1.0]])
    back = np.linalg.inv(shift @ homography)
    h = np.column_stack([xy - origin, np.ones(len(xy))]) @ back.T
    inside = h[:, 2:] > 0
    return np.asarray(h[:, :2] / np.where(inside, h[:, 2:], np.nan))


def in_view(homography: Floats, door_line: shapely.LineString, outside: str) -> bool:
    """Whether a door line and the pavement before it lie in the image."""
    a, b = shapely.get_coordinates(door_line)[[0, -1]]
    along = (b - a) / np.hypot(*(b - a))
    normal = np.array([-along[1], along[0]]) * (1 if outside == "left" else -1)
    corners = np.array([a, b, a + _BEFORE_DOOR_M * normal, b + _BEFORE_DOOR_M * normal])
    uv = to_pixels(homography, corners)
    low, high = _MARGIN_PX, np.array([WIDTH_PX, HEIGHT_PX]) - _MARGIN_PX
    return bool(np.isfinite(uv).all() and (uv > low).all() and (uv < high).all())


def _pose(shop: Shop, rng: np.random.Generator) -> tuple[Floats, float]:
    """Foot of a pole at the kerb some way along the street, and the azimuth towards the shop."""
    a, b = shapely.get_coordinates(shop.door_line)[[0, -1]]
    along = (b - a) / np.hypot(*(b - a))
    normal = np.array([-along[1], along[0]]) * (1 if shop.outside == "left" else -1)
    back = along * rng.choice([-1.0, 1.0]) * rng.uniform(17, 24)
    middle = (a + b) / 2
    foot = middle + back + normal * (PAVEMENT_M + rng.uniform(1.0, 2.0))
    look = middle + normal * 1.2 - foot
    return foot, float(np.degrees(np.arctan2(look[0], look[1])) % 360)


def place_cameras(
    targets: Sequence[Shop], shops: Sequence[Shop], rng: np.random.Generator
) -> list[Camera]:
    """One camera for each target shop; whatever other shop lies in its image is seen too."""
    tree = shapely.STRtree([shop.door_line for shop in shops])
    cameras = []
    for number, shop in enumerate(targets, start=1):
        foot, azimuth = _pose(shop, rng)
        height = float(rng.uniform(5.5, 7.5))
        distance = float(shop.door_line.centroid.distance(shapely.Point(foot)))
        tilt = float(np.degrees(np.arctan2(height, distance)))
        focal = float(rng.uniform(1250, 1500))
        matrix = ground_homography(float(foot[0]), float(foot[1]), height, azimuth, tilt, focal)
        near = tree.query(shapely.Point(foot), predicate="dwithin", distance=_FARTHEST_M)
        seen = sorted(i for i in near if in_view(matrix, shops[i].door_line, shops[i].outside))
        cameras.append(
            Camera(
                id=f"CAM{number:05d}",
                point=shapely.Point(foot),
                homography=tuple((float(a), float(b), float(c)) for a, b, c in matrix),
                width_px=WIDTH_PX,
                height_px=HEIGHT_PX,
                sees=tuple(shops[i].id for i in seen),
                azimuth_deg=azimuth,
                height_m=height,
                tilt_deg=tilt,
                focal_px=focal,
            )
        )
    return cameras
