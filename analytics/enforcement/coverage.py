"""Choosing sets that together cover most: greedy, with what it guarantees.

For at most so many sets the greedy choice covers at least 1 - 1/e (63 %) of what the best one does
(Nemhauser, Wolsey & Fisher 1978). With a limit for each group of sets beside it is at least one
half (Fisher, Nemhauser & Wolsey 1978). What was covered tells more: no choice of so many sets
covers more than what is covered and the largest gains left, added up.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
GREEDY = 1 - 1 / math.e
GREEDY_WITHIN_GROUPS = 0.5


@dataclass(frozen=True)
class Cover(Generic[Key]):
    """A choice of sets.

    Attributes
    ----------
    chosen : keys in the order in which they were chosen.
    gains : what each covered that none before did.
    at_most : no choice covers more than so many, the limits of groups left aside.
    guarantee : share of the best choice's that is covered for sure.
    """

    chosen: tuple[Key, ...]
    gains: tuple[frozenset[int], ...]
    at_most: int
    guarantee: float

    @property
    def covered(self) -> frozenset[int]:
        """All that is covered."""
        return frozenset().union(*self.gains)


def greedy(
    sets: Mapping[Key, frozenset[int]],
    most: int,
    *,
    groups: Mapping[Key, Hashable] | None = None,
    most_in_group: int | None = None,
    order: Sequence[Key] | None = None,
) -> Cover[Key]:
    """Choose sets one by one, each time the one that covers most of what is left.

    Gains only shrink, so a set is looked at again only when it comes up (Minoux 1978).

    Parameters
    ----------
    most : number of sets at most.
    groups, most_in_group : group of each set, and how many of one group are chosen at most.
    order : keys; of sets that gain alike the earlier one is chosen. The mapping's own where None.
    """
    keys = list(sets if order is None else order)
    place = {key: number for number, key in enumerate(keys)}
    waiting = [(-len(sets[key]), place[key]) for key in keys if sets[key]]
    heapq.heapify(waiting)
    covered: set[int] = set()
    chosen: list[Key] = []
    gains: list[frozenset[int]] = []
    taken: Counter[Hashable] = Counter()
    bound = False
    while waiting and len(chosen) < most:
        told, number = heapq.heappop(waiting)
        key = keys[number]
        if groups is not None and most_in_group is not None and taken[groups[key]] >= most_in_group:
            bound = True
            continue
        gain = sets[key] - covered
        if len(gain) < -told:
            if gain:
                heapq.heappush(waiting, (-len(gain), number))
            continue
        chosen.append(key)
        gains.append(gain)
        covered |= gain
        if groups is not None:
            taken[groups[key]] += 1
    left = heapq.nlargest(most, (len(own - covered) for own in sets.values()))
    whole = len(frozenset().union(*sets.values()))
    at_most = min(whole, len(covered) + sum(left))
    guarantee = GREEDY_WITHIN_GROUPS if bound else GREEDY
    return Cover(tuple(chosen), tuple(gains), at_most, guarantee)


def expected_by_chance(holders: Sequence[int], population: int, chosen: int) -> float:
    """Expected number of elements covered by sets drawn at random, none twice.

    Parameters
    ----------
    holders : in how many sets of the population each element is.
    population : number of sets.
    chosen : number of sets drawn; all of them where there are fewer.
    """
    drawn = min(chosen, population)
    alike = Counter(holders)
    return sum(n * (1 - _missed(own, population, drawn)) for own, n in sorted(alike.items()))


def _missed(own: int, population: int, drawn: int) -> float:
    """Chance that none of ``own`` sets is among those drawn (hypergeometric)."""
    missed = 1.0
    for k in range(drawn):
        missed *= max(0, population - own - k) / (population - k)
    return missed
