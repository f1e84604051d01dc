"""How a truck's mass lies on its axles, and what is planted about that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.simulator.feed_plan import AxleLimits, MassLimit

Ints = npt.NDArray[np.int64]
# Axles of each group, front first, of common trucks of each class.
GROUPS: dict[tuple[str, int], tuple[int, ...]] = {
    ("rigid", 2): (1, 1),
    ("rigid", 3): (1, 2),
    ("rigid", 4): (2, 2),
    ("combination", 3): (1, 1, 1),
    ("combination", 4): (1, 1, 2),
    ("combination", 5): (1, 2, 2),
    ("combination", 6): (1, 2, 3),
}
_JITTER = 0.012


def groups_of(limit: MassLimit) -> tuple[int, ...]:
    """Axles of each group of a class of trucks; single ones where the class is unusual."""
    return GROUPS.get((limit.vehicle_kind, limit.axles), (1,) * limit.axles)


def group_limits(limit: MassLimit, axles: AxleLimits) -> Ints:
    """What each group of a class may carry, kg, shape (number of groups,)."""
    found = []
    for number, count in enumerate(groups_of(limit)):
        if number == 0:
            found.append(count * axles.steering_kg)
        elif number == 1 and count == 1:
            found.append(axles.drive_kg)
        else:
            found.append({1: axles.single_kg, 2: axles.tandem_kg}.get(count, axles.tridem_kg))
    return np.array(found, np.int64)


def spread(
    limit: MassLimit, gross_kg: int, axles: AxleLimits, rng: np.random.Generator | None
) -> Ints:
    """Masses of the groups, in the proportion of their limits; they add up to the gross mass.

    Parameters
    ----------
    rng : for the little that loads lie askew; None spreads exactly.
    """
    shares = group_limits(limit, axles).astype(np.float64)
    if rng is not None:
        shares *= rng.uniform(1 - _JITTER, 1 + _JITTER, len(shares))
    masses: Ints = np.floor(shares / shares.sum() * gross_kg).astype(np.int64)
    masses[-1] += gross_kg - masses.sum()
    return masses


def heavy_group(limit: MassLimit, group_kg: int, axles: AxleLimits) -> Ints | None:
    """Masses of groups with so much on the last one and no more in all than the class may weigh.

    Returns
    -------
    None where the other groups would have to be lighter than an empty truck's.
    """
    masses = (group_limits(limit, axles) * 0.45).astype(np.int64)
    masses[-1] = group_kg
    return masses if masses.sum() <= limit.limit_kg else None


def on_axles(limit: MassLimit, groups: Ints) -> list[int]:
    """Masses of the single axles, front first: each group's evenly."""
    masses: list[int] = []
    for count, mass in zip(groups_of(limit), groups.tolist(), strict=True):
        each = mass // count
        masses += [each] * (count - 1) + [mass - each * (count - 1)]
    return masses
