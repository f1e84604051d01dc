"""How well a score tells fishing from other movement, measured on vessels it has not seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from analytics.fishing.features import Floats, Matrix
from analytics.fishing.training import Truths, Words, exported, fitted
from layers.errors import OnemapError


def auc(labels: Truths, scores: Floats) -> float:
    """Area under the ROC curve, by ranks (Mann–Whitney); ties count half.

    Parameters
    ----------
    labels : (n,) whether positive; scores : (n,) higher for positive, no NaN.

    Returns
    -------
    0–1; NaN where one label is missing.
    """
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not positive or not negative:
        return float("nan")
    _, code, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    total = float(rank[code][labels].sum())
    return (total - positive * (positive + 1) / 2) / (positive * negative)


def recall(labels: Truths, scores: Floats, threshold: float = 0.5) -> tuple[float, float]:
    """Shares of the positive and of the negative rows that score at least a threshold."""
    high = scores >= threshold
    return float(high[labels].mean()), float(high[~labels].mean())


def macro_f1(truth: Words, answer: Words) -> float:
    """F1 of each class that is in the truth, averaged without weights; (n,) names each."""
    found = []
    for name in np.unique(truth):
        hits = int(((truth == name) & (answer == name)).sum())
        found.append(2 * hits / int((truth == name).sum() + (answer == name).sum()))
    return float(np.mean(found))


def step_speed(t: np.ndarray, x: Floats, y: Floats, mover: Words) -> Floats:
    """Speed of the step that led to each row, m/s; NaN for the first of a mover.

    Parameters
    ----------
    t : (n,) ms; x, y : (n,) m; mover : (n,), rows sorted by (mover, t).
    """
    speed = np.full(len(t), np.nan)
    inside = (mover[1:] == mover[:-1]) & (t[1:] > t[:-1])
    step = np.hypot(np.diff(x), np.diff(y))
    speed[1:][inside] = step[inside] / (np.diff(t)[inside] / 1000)
    return speed


def leave_one_vessel_out(features: Matrix, labels: Truths, vessels: Words, seed: int = 0) -> Floats:
    """Score each vessel's rows by trees trained on all the others.

    Parameters
    ----------
    features : (n, len(FEATURES)) of labelled rows; labels : (n,); vessels : (n,) ids.

    Returns
    -------
    (n,) scores; each comes from one of as many models as there are vessels.
    """
    names = np.unique(vessels)
    if len(names) < 2:
        raise OnemapError(f"leave-one-vessel-out needs two vessels, found {len(names)}")
    scores = np.zeros(len(labels))
    for name in names:
        out = vessels == name
        machine = fitted(features[~out], labels[~out], vessels[~out], seed)
        scores[out] = exported(machine, {}).score(features[out])
    return scores


@dataclass(frozen=True)
class Figures:
    """A score against speed alone on the same rows.

    Attributes
    ----------
    of : which vessel, or all.
    rows, fishing : counts.
    auc, auc_speed : area under the ROC curve of the score and of speed (lower = fishing).
    recall, false_share : shares of fishing and of other rows that score 0.5 or more.
    """

    of: str
    rows: int
    fishing: int
    auc: float
    auc_speed: float
    recall: float
    false_share: float

    def as_dict(self) -> dict[str, object]:
        """Plain values, numbers to four digits."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def figures(of: str, labels: Truths, scores: Floats, speed_mps: Floats) -> Figures:
    """Compare a score with speed alone, on the rows that have a speed; shapes (n,)."""
    known = np.isfinite(speed_mps)
    labels, scores, speed_mps = labels[known], scores[known], speed_mps[known]
    alone = auc(labels, -speed_mps)
    high, false = recall(labels, scores) if 0 < labels.sum() < len(labels) else (np.nan, np.nan)
    at = auc(labels, scores)
    return Figures(of, len(labels), int(labels.sum()), at, alone, high, false)


def by_vessel(labels: Truths, scores: Floats, speed_mps: Floats, vessels: Words) -> list[Figures]:
    """`figures` of all rows, then of each vessel's."""
    rows = [figures("all", labels, scores, speed_mps)]
    for name in np.unique(vessels):
        own = vessels == name
        rows.append(figures(str(name), labels[own], scores[own], speed_mps[own]))
    return rows
