"""Train a fishing score; needs scikit-learn (``pip install 'onemap[train]'``), its use does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.fishing.features import FEATURES, Floats, Matrix
from analytics.fishing.model import Trees
from layers.errors import OnemapError

SETTINGS: dict[str, Any] = {
    "n_estimators": 150,
    "max_depth": 4,
    "min_samples_leaf": 40,
    "learning_rate": 0.04,
    "subsample": 0.5,
    "max_features": 0.2,
}
"""Stochastic gradient boosting (Friedman 2002) of shallow trees with large leaves: few vessels."""

Truths = npt.NDArray[np.bool_]
Words = npt.NDArray[np.str_]


def balanced(labels: Truths, vessels: Words) -> Floats:
    """Weights (n,) under which each label of each vessel counts alike; their mean is 1."""
    keys = np.char.add(vessels.astype(str), np.where(labels, "/1", "/0"))
    _, code, count = np.unique(keys, return_inverse=True, return_counts=True)
    weights = 1.0 / count[code]
    return np.asarray(weights * (len(weights) / weights.sum()), np.float64)


def fitted(features: Matrix, labels: Truths, vessels: Words, seed: int) -> Any:
    """Fit scikit-learn's ``GradientBoostingClassifier`` with `SETTINGS`.

    Parameters
    ----------
    features : (n, len(FEATURES)); labels : (n,) whether fishing; vessels : (n,) ids.
    """
    try:
        from sklearn.ensemble import GradientBoostingClassifier
    except ImportError as failure:
        raise OnemapError(
            "training needs scikit-learn; install it with: pip install 'onemap[train]'"
        ) from failure
    if labels.all() or not labels.any():
        raise OnemapError("training needs rows with both labels, fishing and other")
    machine = GradientBoostingClassifier(**SETTINGS, random_state=seed)
    machine.fit(features, labels.astype(np.int64), sample_weight=balanced(labels, vessels))
    return machine


def exported(machine: Any, meta: dict[str, Any]) -> Trees:
    """Turn a fitted ``GradientBoostingClassifier`` of two classes into plain arrays.

    A node that is no leaf gets the mean of the leaves below it, by training weight.
    """
    prior = float(machine.init_.class_prior_[1])
    rate = float(machine.learning_rate)
    parts: dict[str, list[npt.NDArray[Any]]] = {
        k: [] for k in ("feature", "threshold", "left", "right", "value")
    }
    roots, start = [], 0
    for tree in (estimator.tree_ for estimator in machine.estimators_[:, 0]):
        leaf = tree.children_left < 0
        value = np.where(leaf, tree.value[:, 0, 0] * rate, 0.0)
        weight = tree.weighted_n_node_samples
        for node in np.flatnonzero(~leaf)[::-1]:
            a, b = tree.children_left[node], tree.children_right[node]
            value[node] = (value[a] * weight[a] + value[b] * weight[b]) / (weight[a] + weight[b])
        parts["feature"].append(np.where(leaf, -1, tree.feature))
        parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        parts["left"].append(np.where(leaf, 0, tree.children_left + start))
        parts["right"].append(np.where(leaf, 0, tree.children_right + start))
        parts["value"].append(value)
        roots.append(start)
        start += len(leaf)
    whole = {k: np.concatenate(v) for k, v in parts.items()}
    return Trees(
        base=math.log(prior / (1 - prior)),
        roots=np.array(roots, np.int64),
        feature=whole["feature"].astype(np.int64),
        threshold=whole["threshold"].astype(np.float64),
        left=whole["left"].astype(np.int64),
        right=whole["right"].astype(np.int64),
        value=whole["value"].astype(np.float64),
        meta=meta,
    )


def train(
    features: Matrix, labels: Truths, vessels: Words, seed: int, about: dict[str, Any]
) -> Trees:
    """Train on labelled rows and say in ``meta`` on what.

    Parameters
    ----------
    features : (n, len(FEATURES)); labels : (n,) whether fishing; vessels : (n,) ids.
    about : what else to keep in ``meta``: data, licence, figures.
    """
    import sklearn

    machine = fitted(features, labels, vessels, seed)
    meta = {
        "method": "gradient boosting of trees, each label of each vessel weighted alike",
        "settings": SETTINGS,
        "rows": len(labels),
        "rows_fishing": int(labels.sum()),
        "vessels": len(np.unique(vessels)),
        "seed": seed,
        "features": len(FEATURES),
        "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
    }
    return exported(machine, {**meta, **about})
