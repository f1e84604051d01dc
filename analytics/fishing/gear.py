"""A guess of a fishing vessel's gear from the shape and rhythm of its track.

Nothing here knows where on earth a track lies, nor its date: fleets fish in different places, and a
guess that knows the place learns the place. Speeds, turns, stops and the hours of the day are what
is left. For evaluation; no weights are shipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.fishing.evaluation import macro_f1
from analytics.fishing.features import Floats, Ints
from analytics.fishing.training import Words
from layers.errors import OnemapError

_SPEED_EDGES = np.array([0.05, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6])
_STATE_EDGES = np.array([0.15, 1.0, 2.5])
_TURN_EDGES = np.array([5.0, 10, 20, 45, 90, 135])
_QUANTILES = np.array([0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95])
_LAGS = (1, 2, 3, 6, 12, 36)
_SPANS = (3, 6, 18)
_CELLS_M = (500.0, 2_000.0, 10_000.0)
_DAY_MS = 86_400_000
_BLOCKS = 8
_MOVING_MPS = 0.5
_FASTEST_MPS = 15.0


def gear_features(t: Ints, x: Floats, y: Floats, speed_mps: Floats, course_deg: Floats) -> Floats:
    """Features of one vessel's whole track, of n rows in order of time.

    Parameters
    ----------
    t : ms of a clock that shows local time of day.
    x, y : metres; only differences are used.
    speed_mps, course_deg : as sent.

    Returns
    -------
    Floats of shape (k,), k being fixed, always finite: histogram and quantiles of speed, turns
    by speed, runs and changes between lying, slow, medium and fast, straightness over 3, 6 and 18
    rows, autocorrelation of speed, hours of day, extent, and how often the same water is met.
    """
    speed = np.clip(np.nan_to_num(speed_mps), 0, _FASTEST_MPS)
    course = np.radians(np.nan_to_num(course_deg))
    turn = np.abs(np.degrees(np.angle(np.exp(1j * np.diff(course, prepend=course[:1])))))
    moving = speed > _MOVING_MPS
    state = np.digitize(speed, _STATE_EDGES)
    parts = [
        _shares(np.digitize(speed, _SPEED_EDGES), len(_SPEED_EDGES) + 1),
        _quantiles(speed),
        _quantiles(speed[moving]),
        _quantiles(np.abs(np.diff(speed))),
        _shares(np.digitize(turn[moving], _TURN_EDGES), len(_TURN_EDGES) + 1),
        _by_state(turn, state),
        _runs(state, t),
        _straightness(x, y, moving),
        _lagged(speed),
        _lagged(moving.astype(float)),
        _rhythm(t, state),
        _extent(x, y),
        _revisits(x, y, state),
        _course(course[moving]),
        np.array([len(t), np.median(np.diff(t)) / 1000 if len(t) > 1 else 0.0]),
    ]
    return np.asarray(np.nan_to_num(np.concatenate(parts), posinf=0.0, neginf=0.0))


def position_features(x: Floats, y: Floats) -> Floats:
    """Where a track lies, (6,): kept apart, to show how much of a guess comes from it."""
    return np.concatenate([np.quantile(x, [0.1, 0.5, 0.9]), np.quantile(y, [0.1, 0.5, 0.9])])


def cross_validated(
    features: Floats, gear: Words, *, folds: int = 5, trees: int = 300, seed: int = 0
) -> tuple[float, Words]:
    """Macro F1 over vessels, each guessed by extremely randomised trees that have not seen it.

    Geurts et al. 2006; classes weighted alike; folds hold each class in its share.

    Parameters
    ----------
    features : (vessels, k); gear : (vessels,) names.

    Returns
    -------
    Macro F1 of all vessels' answers taken together, and the answers.
    """
    try:
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.model_selection import StratifiedKFold
    except ImportError as failure:
        raise OnemapError(
            "training needs scikit-learn; install it with: pip install 'onemap[train]'"
        ) from failure
    answer = np.empty_like(gear)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    settings: dict[str, Any] = {
        "n_estimators": trees,
        "min_samples_leaf": 2,
        "max_features": 0.3,
        "class_weight": "balanced_subsample",
        "bootstrap": True,
    }
    for known, asked in split.split(features, gear):
        machine = ExtraTreesClassifier(**settings, random_state=seed)
        machine.fit(features[known], gear[known])
        answer[asked] = machine.predict(features[asked])
    return macro_f1(gear, answer), answer


def _shares(codes: npt.NDArray[np.intp], classes: int) -> Floats:
    return np.bincount(codes, minlength=classes) / max(len(codes), 1)


def _quantiles(values: Floats) -> Floats:
    return np.quantile(values, _QUANTILES) if len(values) else np.zeros(len(_QUANTILES))


def _by_state(turn: Floats, state: npt.NDArray[np.intp]) -> Floats:
    """Mean turn and share of sharp turns in each state of speed."""
    found = []
    for k in range(len(_STATE_EDGES) + 1):
        own = turn[state == k]
        found += [own.mean(), (own > 60).mean()] if len(own) else [0.0, 0.0]
    return np.array(found)


def _runs(state: npt.NDArray[np.intp], t: Ints) -> Floats:
    """Changes between states, and how long each state lasts, h."""
    classes = len(_STATE_EDGES) + 1
    pairs = state[:-1] * classes + state[1:]
    changes = _shares(pairs, classes * classes)
    starts = np.concatenate(([0], np.flatnonzero(state[1:] != state[:-1]) + 1))
    ends = np.concatenate((starts[1:], [len(state) - 1]))
    hours = (t[ends] - t[starts]) / 3_600_000
    found = []
    for k in range(classes):
        own = hours[state[starts] == k]
        found += (
            [len(own) / len(state), own.mean(), own.std(), own.max()] if len(own) else [0.0] * 4
        )
    return np.concatenate([changes, found])


def _straightness(x: Floats, y: Floats, moving: npt.NDArray[np.bool_]) -> Floats:
    """Quantiles of straight line over path in windows of rows, where the vessel moves."""
    path = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    found = []
    for span in _SPANS:
        length = path[span:] - path[:-span]
        net = np.hypot(x[span:] - x[:-span], y[span:] - y[:-span])
        used = moving[span:] & (length > 0)
        found.append(_quantiles(net[used] / length[used]))
    return np.concatenate(found)


def _lagged(values: Floats) -> Floats:
    """Autocorrelation."""
    centred = values - values.mean()
    power = float(centred @ centred)
    return np.array(
        [
            float(centred[lag:] @ centred[:-lag]) / power
            if power > 0 and lag < len(values)
            else 0.0
            for lag in _LAGS
        ]
    )


def _rhythm(t: Ints, state: npt.NDArray[np.intp]) -> Floats:
    """Share of each state in each block of 3 h of the day."""
    block = (t % _DAY_MS) * _BLOCKS // _DAY_MS
    classes = len(_STATE_EDGES) + 1
    counts = np.bincount(block * classes + state, minlength=_BLOCKS * classes)
    table = counts.reshape(_BLOCKS, classes)
    return np.asarray((table / np.maximum(table.sum(axis=1, keepdims=True), 1)).ravel())


def _extent(x: Floats, y: Floats) -> Floats:
    """Size (km) and shape of the area, free of its direction."""
    centred = np.stack([x - x.mean(), y - y.mean()])
    small, large = np.sqrt(np.maximum(np.linalg.eigvalsh(centred @ centred.T / len(x)), 0.0))
    path = np.hypot(np.diff(x), np.diff(y)).sum()
    width = np.hypot(np.ptp(x), np.ptp(y))
    net = np.hypot(x[-1] - x[0], y[-1] - y[0])
    ratios = [small / large if large else 0.0, width / path if path else 0.0]
    sizes = np.log1p(np.array([small, large, path, width, net]) / 1000)
    return np.concatenate([sizes, ratios, [net / path if path else 0.0]])


def _revisits(x: Floats, y: Floats, state: npt.NDArray[np.intp]) -> Floats:
    """How many cells of a grid laid from the first row are met, how evenly, while moving or not."""
    found = []
    for used in (np.ones(len(x), bool), (state > 0) & (state < len(_STATE_EDGES))):
        for size in _CELLS_M:
            cells = np.floor((np.stack([x, y], axis=1)[used] - [x[0], y[0]]) / size)
            _, counts = np.unique(cells, axis=0, return_counts=True)
            share = counts / max(counts.sum(), 1)
            entropy = -(share * np.log(share)).sum()
            most = share.max() if len(share) else 0.0
            found += [len(counts) / len(x), entropy, most]
    return np.array(found)


def _course(course: Floats) -> Floats:
    """Concentration of courses on one direction, and on one axis there and back."""
    if not len(course):
        return np.zeros(2)
    return np.abs([np.exp(1j * course).mean(), np.exp(2j * course).mean()])
