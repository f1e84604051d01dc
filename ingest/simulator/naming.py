"""Names put together from the declared lists, each given once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from zlib import crc32

import numpy as np

from ingest.simulator.declaration import NameLists, RoadClass

Name = tuple[str, str]


class Namer:
    """Gives names that have not been given before to a thing of the same kind.

    Parameters
    ----------
    lists : declared syllables.
    seed : of the order.
    """

    def __init__(self, lists: NameLists, seed: int) -> None:
        self._lists, self._seed = lists, seed
        self._rng = np.random.default_rng([seed, 41])
        self._stems: dict[str, Iterator[Name]] = {}

    def _endless(self, kind: str) -> Iterator[Name]:
        """All combinations in random order; then again, with a number."""
        rng = np.random.default_rng([self._seed, 42, crc32(kind.encode())])
        first, second = list(self._lists.first.items()), list(self._lists.second.items())
        for again in count(1):
            for number in rng.permutation(len(first) * len(second)):
                zh, en = first[number // len(second)]
                zh_end, en_end = second[number % len(second)]
                mark = f" {again}" if again > 1 else ""
                yield f"{en}{en_end}{mark}", f"{zh}{zh_end}{mark.strip()}"

    def stem(self, kind: str) -> Name:
        """(English, Chinese) stem of a name, new among its kind."""
        return next(self._stems.setdefault(kind, self._endless(kind)))

    def road(self, road_class: RoadClass) -> Name:
        """Name of a street: stem and the suffix of its class."""
        en, zh = self.stem(road_class)
        suffix = self._lists.road_suffix[road_class]
        return f"{en} {suffix.en}", f"{zh}{suffix.zh}"

    def village(self, *, urban: bool) -> Name:
        """Name of a village, or of a neighbourhood where the place is urban."""
        en, zh = self.stem("village")
        suffix = self._lists.neighbourhood if urban else self._lists.village
        return f"{en} {suffix.en}", f"{zh}{suffix.zh}"

    def shop(self) -> str:
        """Chinese name of a shop; shops may share one, as they do."""
        zh = str(self._rng.choice(list(self._lists.first)))
        end = str(self._rng.choice(list(self._lists.second)))
        return f"{zh}{end}{self._rng.choice(self._lists.shop_kinds)}"
