"""One joint case for each episode, whatever the order and the parts in which its alerts come."""

from __future__ import annotations

import itertools
import random
import time

from hypothesis import given
from hypothesis import strategies as st

from cases.episodes import Case, Episodes, Finding, case_id

GAP = 10
MOVERS = "abc"


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    made = []
    for number in range(draw(st.integers(1, 14))):
        start = draw(st.integers(0, 120))
        movers = draw(st.lists(st.sampled_from(MOVERS), min_size=1, max_size=2, unique=True))
        end = start + draw(st.integers(0, 30))
        made.append(Finding(f"{number:02d}", "T", "minor", tuple(movers), (), start, end))
    return made


def neighbours(a: Finding, b: Finding) -> bool:
    close = a.start_ms <= b.end_ms + GAP and b.start_ms <= a.end_ms + GAP
    return close and not set(a.subjects).isdisjoint(b.subjects)


def components(given_: list[Finding]) -> set[frozenset[str]]:
    """Episodes by their definition: what neighbours and their neighbours make up."""
    parts: list[list[Finding]] = []
    for one in given_:
        near = [part for part in parts if any(neighbours(one, other) for other in part)]
        parts = [part for part in parts if part not in near]
        parts.append([one, *(other for part in near for other in part)])
    return {frozenset(one.alert for one in part) for part in parts}


def stored(case: Case) -> Case:
    """A case as the store gives it back."""
    kept = [Finding.from_dict(one.as_dict()) for one in case.findings]
    return Case(
        case.id, case.alert, kept, case.state, case.state != "found", case.parent, case.follows
    )


def play(parts: list[list[Finding]]) -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for part in parts:
        episodes = Episodes(GAP)
        episodes.stand(stored(case) for case in cases.values())
        episodes.add(part)
        cases |= episodes.changed
    return cases


def partition(cases: dict[str, Case]) -> set[frozenset[str]]:
    live = (case for case in cases.values() if case.state != "merged")
    return {frozenset(one.alert for one in case.findings) for case in live}


def told(cases: dict[str, Case]) -> dict[str, object]:
    return {
        key: (case.alert, case.state, case.parent, sorted(one.alert for one in case.findings))
        for key, case in cases.items()
    }


@given(findings(), st.lists(st.integers(0, 14), max_size=5))
def test_any_split_in_order_gives_the_same_cases_and_ids(
    given_: list[Finding], cuts: list[int]
) -> None:
    ordered = sorted(given_, key=lambda one: one.completed)
    bounds = [0, *sorted(cuts), len(ordered)]
    parts = [ordered[a:b] for a, b in itertools.pairwise(bounds)]
    assert told(play(parts)) == told(play([given_]))


@given(findings(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_episodes_do_not_depend_on_the_order_of_arrival(
    given_: list[Finding], chance: random.Random, size: int
) -> None:
    shuffled = list(given_)
    chance.shuffle(shuffled)
    parts = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    assert partition(play(parts)) == components(given_)
    # Again, all at once: nothing is new.
    assert told(play([*parts, given_])) == told(play(parts))


@given(findings())
def test_each_case_has_the_id_of_the_first_alert_of_its_episode(given_: list[Finding]) -> None:
    for case in play([given_]).values():
        assert case.id == case_id(case.alert)
        opener = next(one for one in given_ if one.alert == case.alert)
        if case.state != "merged":
            own = {one.alert for one in case.findings}
            merged = {one.alert for one in play([given_]).values() if one.parent == case.id}
            assert merged <= own
            if not merged:
                assert opener.completed == min(one.completed for one in case.findings)


def test_a_long_history_of_one_mover_takes_no_time() -> None:
    many = [Finding(f"{n:06d}", "T", "minor", ("a",), (), 5 * n, 5 * n + 1) for n in range(20_000)]
    begun = time.perf_counter()
    (case,) = play([many]).values()
    assert len(case.findings) == 20_000
    assert time.perf_counter() - begun < 5
