"""Greedy choices hold what they guarantee, against the best choice found by trying all."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.enforcement.coverage import (
    GREEDY,
    GREEDY_WITHIN_GROUPS,
    expected_by_chance,
    greedy,
)

SETS = st.dictionaries(
    st.integers(0, 20), st.frozensets(st.integers(0, 12), max_size=6), max_size=8
)


def best(sets: dict[int, frozenset[int]], most: int, per_group: int | None = None) -> int:
    found = 0
    for size in range(min(most, len(sets)) + 1):
        for keys in combinations(sets, size):
            groups = Counter(key % 3 for key in keys)
            if per_group is None or max(groups.values(), default=0) <= per_group:
                found = max(found, len(frozenset().union(*(sets[key] for key in keys))))
    return found


@given(SETS, st.integers(1, 4))
def test_at_least_63_percent_of_the_best(sets: dict[int, frozenset[int]], most: int) -> None:
    made, optimum = greedy(sets, most), best(sets, most)
    assert len(made.covered) >= GREEDY * optimum and made.guarantee == GREEDY
    assert len(made.covered) <= optimum <= made.at_most
    assert len(made.chosen) <= most


@given(SETS, st.integers(1, 5), st.integers(1, 2))
def test_the_guarantee_holds_with_limits_of_groups(
    sets: dict[int, frozenset[int]], most: int, per_group: int
) -> None:
    groups = {key: key % 3 for key in sets}
    made = greedy(sets, most, groups=groups, most_in_group=per_group)
    optimum = best(sets, most, per_group)
    assert len(made.covered) >= made.guarantee * optimum
    assert optimum <= made.at_most
    assert max(Counter(key % 3 for key in made.chosen).values(), default=0) <= per_group
    assert made.guarantee in (GREEDY, GREEDY_WITHIN_GROUPS)


@given(SETS, st.integers(1, 4))
def test_each_choice_is_the_largest_gain_and_the_first_of_equals(
    sets: dict[int, frozenset[int]], most: int
) -> None:
    made, covered = greedy(sets, most), set[int]()
    for key, gain in zip(made.chosen, made.gains, strict=True):
        left = {other: len(own - covered) for other, own in sets.items()}
        largest = max(left.values())
        assert key == next(other for other in sets if left[other] == largest)
        assert gain == sets[key] - covered and len(gain) == largest > 0
        covered |= gain


def test_a_case_where_greedy_is_not_the_best_is_within_its_bound() -> None:
    sets = {0: frozenset({1, 2, 3, 4}), 1: frozenset({1, 2, 5}), 2: frozenset({3, 4, 6})}
    made = greedy(sets, 2)
    assert len(made.covered) == 5 < best(sets, 2) == 6 <= made.at_most


def test_nothing_to_choose_from() -> None:
    made = greedy({}, 3)
    assert (made.chosen, made.covered, made.at_most) == ((), frozenset(), 0)


@given(
    st.lists(st.frozensets(st.integers(0, 5), max_size=3), min_size=1, max_size=5),
    st.integers(1, 6),
)
def test_chance_is_the_mean_over_all_draws(elements: list[frozenset[int]], drawn: int) -> None:
    """Each element is in some of six sets."""
    draws = list(combinations(range(6), drawn))
    covered = sum(bool(own & set(draw)) for draw in draws for own in elements)
    expected = expected_by_chance([len(own) for own in elements], 6, drawn)
    assert expected == pytest.approx(covered / len(draws))
