"""What rules on fishing make of a batch, made once for all of them: boats, features, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.claims import Claims
from analytics.fishing import features as features_of
from analytics.fishing.features import Floats, Matrix
from analytics.fishing.model import Trees
from analytics.rule import Columns, State, once
from analytics.tracks import Longs, Tracks, tracks_of


@dataclass
class Boats:
    """Positions at which vessels claimed to be fishing boats.

    Attributes
    ----------
    tracks : of the boats.
    features : shape (n, len(FEATURES)).
    """

    tracks: Tracks
    features: Matrix
    _scores: Floats

    def score(self, model: Trees, chosen: npt.NDArray[np.bool_]) -> Floats:
        """Scores of chosen positions, 0 of the others; shape (n,)."""
        new = chosen & np.isnan(self._scores)
        self._scores[new] = model.score(self.features[new])
        return np.where(chosen, self._scores, 0.0)


def boats_of(columns: Columns, claims: Claims, past: State, version: str) -> Boats:
    """Find the boats of a batch with their features.

    Parameters
    ----------
    columns : of the feed ``ais``, prepared.
    past : what features need of earlier batches, by track; changed in place.
    version : of the model of which `Boats.score` is asked.
    """
    tracks = Tracks(columns, *once(columns, f"boats {claims.key}", lambda: _boats(columns, claims)))
    before = [past.get(key) for key in tracks.keys]

    def make() -> tuple[list[Any], State, Matrix, Floats]:
        known = {k: one for k, one in zip(tracks.keys, before, strict=True) if one is not None}
        features = features_of.update(known, _columns(tracks))
        return before, known, features, np.full(len(features), np.nan)

    name = f"features {claims.key} {version}"
    held, after, features, scores = once(columns, name, make)
    if not all(map(_same, held, before)):
        # A rule that began later knows less of the past.
        held, after, features, scores = make()
    past.update(after)
    return Boats(tracks, features, scores)


def _boats(columns: Columns, claims: Claims) -> tuple[Longs, Longs, dict[str, Any]]:
    tracks = tracks_of(columns)
    chosen = claims.fishing(columns)[tracks.rows]
    kept = np.concatenate([[0], np.cumsum(chosen)])[tracks.bounds]
    return tracks.rows[chosen], np.unique(kept).astype(np.int64), {}


def _same(one: State | None, other: State | None) -> bool:
    """Whether two rules know the same of a track's past."""
    if one is other or one is None or other is None:
        return one is other
    plain = all(one[name] == other[name] for name in ("spell", "features"))
    return plain and np.array_equal(one["kept"], other["kept"])


def _columns(tracks: Tracks) -> Columns:
    """Columns for the features, each track a mover of its own."""
    keys = np.empty(len(tracks.keys), object)
    keys[:] = tracks.keys
    names = ("t", "x", "y", "sog_mps", "cog_deg")
    own: Columns = {"mover": np.repeat(keys, np.diff(tracks.bounds))}
    return own | {name: tracks.take(name) for name in names}
