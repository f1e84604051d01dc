"""What ships report of their movement: voyages become columns of position reports."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingest.simulator.aismessages import NO_HEADING, Reports
from ingest.simulator.fleet import Voyage
from ingest.simulator.motion import INTERVALS_A, INTERVALS_B, motion_at, report_times
from layers.crs import to_lonlat

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NOISE_M = 5.0
STORY_NOISE_M = 2.0
AT_REST_KN = 0.05
# With so many reports at its end a ship says that it lies still, before it switches off.
LAST_REPORTS = 2
ANCHORED = 1


def reports_of(
    voyages: Sequence[Voyage], crs: str, rng: np.random.Generator
) -> tuple[Reports, Ints]:
    """What the ships report of their movement.

    Parameters
    ----------
    crs : of the voyages' timelines.

    Returns
    -------
    Reports of all ships, and for each the number of its voyage.
    """
    times, places, motions, owners = [], [], [], []
    for number, voyage in enumerate(voyages):
        if len(voyage.timeline.t) < 2:
            continue
        phase = 0.0 if voyage.quiet else float(rng.uniform(0.01, 1))
        intervals = INTERVALS_B if voyage.class_b else INTERVALS_A
        t = voyage.sends(report_times(voyage.timeline, intervals, phase))
        xy = voyage.timeline.at(t.astype(np.float64))
        xy += rng.normal(0, STORY_NOISE_M if voyage.quiet else NOISE_M, xy.shape)
        strays = voyage.strays
        motion = np.column_stack(motion_at(voyage.timeline, t))
        times.append(np.concatenate((t, strays[:, 0].astype(np.int64))))
        places.append(np.concatenate((xy, strays[:, 1:])))
        motions.append(np.concatenate((motion, np.tile(motion[:1], (len(strays), 1)))))
        owners.append(np.full(len(t) + len(strays), number))
    return _assemble(voyages, crs, rng, np.concatenate(times), np.concatenate(places),
                     np.concatenate(motions), np.concatenate(owners))  # fmt: skip


def _assemble(
    voyages: Sequence[Voyage],
    crs: str,
    rng: np.random.Generator,
    t: Ints,
    xy: Floats,
    motion: Floats,
    owner: Ints,
) -> tuple[Reports, Ints]:
    lon, lat = (np.array(part) for part in to_lonlat(xy[:, 0], xy[:, 1], crs))
    first = np.concatenate(([True], owner[1:] != owner[:-1]))
    for row in np.flatnonzero(first):
        fixed = voyages[owner[row]].fixed
        if fixed:
            lon[row], lat[row] = fixed
    mmsi = np.array([voyage.identity.mmsi for voyage in voyages], np.int64)[owner]
    status = np.array([voyage.status for voyage in voyages], np.int64)[owner]
    class_b = np.array([voyage.class_b for voyage in voyages])[owner]
    quiet = np.array([voyage.quiet for voyage in voyages])[owner]
    # Who rests on his way says so; what a story tells of a ship's status stays as it is.
    status = np.where(~quiet & (status == 0) & (motion[:, 0] < AT_REST_KN), ANCHORED, status)
    sog = np.clip(motion[:, 0] + rng.normal(0, 0.1, len(t)), 0, None)
    vanishing = np.array([voyage.vanishes for voyage in voyages])[owner]
    last = _last_of_each(owner, t)
    sog[last[~vanishing[last]]] = 0.0
    cog = (motion[:, 1] + rng.normal(0, 2, len(t))) % 360
    heading = np.rint(cog + rng.normal(0, 2, len(t))).astype(np.int64) % 360
    return Reports(
        mmsi, t, lon, lat, sog, cog, np.where(class_b, NO_HEADING, heading), status
    ), owner


def _last_of_each(owner: Ints, t: Ints) -> Ints:
    """Rows of each ship's `LAST_REPORTS`."""
    order = np.lexsort((t, owner))
    behind = np.append(np.flatnonzero(np.diff(owner[order])), len(order) - 1)
    rows = (behind[:, None] - np.arange(LAST_REPORTS)).ravel()
    # Of a ship with fewer there is the one.
    own = owner[order[rows]] == np.repeat(owner[order[behind]], LAST_REPORTS)
    return np.asarray(order[rows[own]], np.int64)
