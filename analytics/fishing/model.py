"""A fishing score from boosted trees whose weights are plain JSON.

Weights are made by `analytics.fishing.training` with scikit-learn and used without it. A score is
the logistic function of a base and one leaf of each tree. What a feature adds is read off the path
through each tree: the change of the mean from a node to its child belongs to the feature that the
node asks for (Saabas 2014), so base and additions sum to the score's log-odds exactly.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import orjson

from analytics.fishing.features import FEATURES, Floats, Ints, Matrix
from analytics.fishing.wording import explained
from layers.errors import OnemapError
from layers.text import Text

FORMAT = "onemap-trees-1"
LYING_MPS = 0.15
_ARRAYS: dict[str, Any] = {
    "roots": np.int64,
    "feature": np.int64,
    "threshold": np.float64,
    "left": np.int64,
    "right": np.int64,
    "value": np.float64,
}
_LEAF = -1
# Rows that one thread takes at a time.
_AT_ONCE = 20_000
_HOUR_MEAN = FEATURES.index("speed_mean_1h")


class WeightsError(OnemapError):
    """A file of weights that is not one, or was made for other features."""


@dataclass(frozen=True)
class Reason:
    """What one feature contributed to a score.

    Attributes
    ----------
    feature : one of `FEATURES`.
    value : in the feature's unit.
    adds : to the log-odds of fishing.
    text : the same in words.
    """

    feature: str
    value: float
    adds: float
    text: Text


@dataclass(frozen=True)
class Trees:
    """Boosted trees in flat arrays; a child stands after its parent.

    Attributes
    ----------
    base : log-odds before any tree.
    roots : (trees,) node where each tree begins.
    feature : (nodes,) column that a node asks for, -1 for a leaf.
    threshold : (nodes,) at most that goes left.
    left, right : (nodes,) children.
    value : (nodes,) log-odds of a leaf; of another node the mean over its training rows.
    meta : what they were trained on, and how well they did.
    """

    base: float
    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    meta: dict[str, Any]

    def score(self, features: Matrix) -> Floats:
        """Score rows: (n, len(FEATURES)) to (n,), 0 (not fishing) to 1 (fishing)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds(features))), np.float64)

    def log_odds(self, features: Matrix) -> Floats:
        """Log-odds of fishing of rows: (n, len(FEATURES)) to (n,)."""
        x = _checked(features)
        out = np.full(len(x), self.base)

        def add(part: slice) -> None:
            _sum(x[part], self.roots, *self._endless, self.value, self._depth, out[part])

        parts = [slice(first, first + _AT_ONCE) for first in range(0, len(x), _AT_ONCE)]
        if len(parts) > 1:
            # The compiled loop lets other threads run.
            with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as pool:
                list(pool.map(add, parts))
        else:
            add(slice(None))
        return out

    @cached_property
    def _endless(self) -> tuple[Ints, Floats, Ints]:
        """Features, thresholds and pairs of children, leaves being their own children."""
        leaf = self.feature == _LEAF
        own = np.arange(len(leaf))
        left, right = (np.where(leaf, own, side) for side in (self.left, self.right))
        pairs = np.column_stack([left, right]).reshape(-1)
        return np.where(leaf, 0, self.feature), np.where(leaf, np.inf, self.threshold), pairs

    @cached_property
    def _depth(self) -> int:
        """Steps from a root to the leaf furthest from one."""
        steps = np.zeros(len(self.feature), np.int64)
        for node in np.flatnonzero(self.feature != _LEAF).tolist():
            steps[self.left[node]] = steps[self.right[node]] = steps[node] + 1
        return int(steps.max(initial=0))

    def contributions(self, features: Matrix) -> Floats:
        """What each feature adds to the log-odds: (n, len(FEATURES)) to the same shape.

        With `expected` they sum to `log_odds`.
        """
        out = np.zeros(features.shape)
        _paths(_checked(features), *self._nodes, out)
        return out

    @property
    def expected(self) -> float:
        """Log-odds of a row of which nothing is known."""
        return self.base + float(self.value[self.roots].sum())

    def reasons(self, row: Matrix, most: int = 5) -> list[Reason]:
        """Explain one row's score: the features that moved it most, strongest first.

        Parameters
        ----------
        row : (len(FEATURES),).
        """
        adds = self.contributions(row.reshape(1, -1))[0]
        strongest = sorted(range(len(adds)), key=lambda k: (-abs(adds[k]), k))[:most]
        return [
            Reason(name, value, added, explained(name, value, added))
            for name, value, added in (
                (FEATURES[k], float(row[k]), float(adds[k])) for k in strongest if adds[k]
            )
        ]

    @property
    def _nodes(self) -> tuple[Ints, Ints, Floats, Ints, Ints, Floats]:
        return self.roots, self.feature, self.threshold, self.left, self.right, self.value

    def dump(self) -> bytes:
        """Write as JSON; `parse` reads the same numbers back."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        whole = {"format": FORMAT, "features": list(FEATURES), "meta": self.meta}
        return orjson.dumps({**whole, "base": self.base, **arrays}) + b"\n"


def parse(stored: bytes, name: str = "weights") -> Trees:
    """Read what `Trees.dump` wrote; refuse what would not end or asks for other features.

    Parameters
    ----------
    name : of the file, for messages.
    """
    try:
        read = orjson.loads(stored)
        if read["format"] != FORMAT:
            raise WeightsError(f"{name}: format {read['format']!r}, expected {FORMAT!r}")
        if tuple(read["features"]) != FEATURES:
            raise WeightsError(f"{name}: made for other features; train it again")
        arrays: dict[str, Any] = {k: np.array(read[k], _ARRAYS[k]) for k in _ARRAYS}
        trees = Trees(base=float(read["base"]), meta=dict(read["meta"]), **arrays)
    except (KeyError, TypeError, ValueError, OverflowError) as failure:
        raise WeightsError(f"{name}: not weights of ours ({failure})") from failure
    _check_nodes(trees, name)
    return trees


def load(path: Path | None = None) -> Trees:
    """Read weights: a file of your own, else the ones that are shipped."""
    if path is not None:
        try:
            return parse(path.read_bytes(), str(path))
        except OSError as failure:
            raise WeightsError(f"{path}: {failure.strerror}") from failure
    shipped = files("analytics.fishing") / "weights" / "fishing.json"
    return parse(shipped.read_bytes(), "fishing.json")


def lying(features: Matrix) -> npt.NDArray[np.bool_]:
    """Whether a boat lay still over the last hour: moored, at anchor or adrift; shape (n,).

    No such row was ever shown in training with a label, so a score of it says nothing.
    """
    return np.asarray(features[:, _HOUR_MEAN] < LYING_MPS, np.bool_)


def _checked(features: Matrix) -> Matrix:
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise ValueError(f"features of shape {features.shape}, expected (n, {len(FEATURES)})")
    return np.ascontiguousarray(features, np.float32)


def _check_nodes(trees: Trees, name: str) -> None:
    if not _sound(trees):
        raise WeightsError(f"{name}: its trees are broken; children must follow their parents")


def _sound(trees: Trees) -> bool:
    n = len(trees.feature)
    arrays = [getattr(trees, k) for k in _ARRAYS]
    if any(a.ndim != 1 for a in arrays) or {len(a) for a in arrays[1:]} != {n}:
        return False
    inner = trees.feature != _LEAF
    nodes = np.flatnonzero(inner)
    children = np.stack([trees.left, trees.right])[:, inner]
    return bool(
        math.isfinite(trees.base)
        and np.isfinite(trees.value).all()
        and np.isfinite(trees.threshold).all()
        and ((trees.feature >= _LEAF) & (trees.feature < len(FEATURES))).all()
        and ((children > nodes) & (children < n)).all()
        and ((trees.roots >= 0) & (trees.roots < n)).all()
    )


@numba.njit(cache=True, nogil=True)
def _sum(
    x: Matrix,
    roots: Ints,
    feature: Ints,
    threshold: Floats,
    children: Ints,
    value: Floats,
    depth: int,
    out: Floats,
) -> None:
    """Add the leaves that each row comes to, in the order of the trees.

    A row goes down all trees at once, as many steps as the deepest leaf needs, without a branch:
    guessing wrongly where it goes would cost more than the steps.
    """
    at = np.empty_like(roots)
    for i in range(len(x)):
        at[:] = roots
        for _ in range(depth):
            for k in range(len(at)):
                node = at[k]
                goes_left = x[i, feature[node]] <= threshold[node]
                at[k] = children[2 * node + (not goes_left)]
        for k in range(len(at)):
            out[i] += value[at[k]]


@numba.njit(cache=True)
def _paths(
    x: Matrix,
    roots: Ints,
    feature: Ints,
    threshold: Floats,
    left: Ints,
    right: Ints,
    value: Floats,
    out: Floats,
) -> None:
    """Add each step's change of the mean to the feature that was asked for."""
    for i in range(len(x)):
        for root in roots:
            node = root
            while feature[node] >= 0:
                asked = feature[node]
                after = left[node] if x[i, asked] <= threshold[node] else right[node]
                out[i, asked] += value[after] - value[node]
                node = after
