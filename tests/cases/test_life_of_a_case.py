"""Whatever people do in whatever order: no case is lost, no step is undeclared, no wall is passed.

A model beside the store knows each case's state and town; rules are what people try, allowed or
not. In the end the logs are whole and the tallies are those of a recount.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from cases import case_log
from cases.actor import PLATFORM
from cases.process import default_process
from cases.refusals import CaseError, UnknownCaseError
from cases.states import FINAL
from cases.statistics import statistics
from layers.city import City
from layers.query import Query
from layers.store import open_store
from layers.store.sql import SqlStore
from layers.store.tables import tally
from tests.cases.conftest import AT, LIGHTHOUSE, OLD_HARBOUR, SEA, Desk, furnish, person
from tests.postgis import fresh_database

PROCESS = default_process()
ACTIONS = [action.id for action in PROCESS.actions if not action.opens]
PLACES = {"PS-OH": OLD_HARBOUR, "PS-LP": LIGHTHOUSE, None: SEA}
KEYS = itertools.count()
SEEN: Counter[str] = Counter()


class Life(RuleBasedStateMachine):
    """People at work on cases of two towns and the sea."""

    url = ""
    city: City
    cases = Bundle("cases")

    def __init__(self) -> None:
        super().__init__()
        self.store = open_store(self.url, self.city)
        self.desk = Desk(self.store, self.city)
        with self.store.transaction() as unit:
            # The log stays: it is never taken away.
            standing = unit.page(Query("case_event")).fids
            unit.delete(self.city.layer("case_event"), standing, at=AT)
        assert isinstance(self.store, SqlStore)
        with self.store.writing() as connection:
            connection.execute(tally.delete())
        c = self.city
        self.people = [
            self.desk.chief,
            self.desk.desk,
            self.desk.ana,
            self.desk.eva,
            person(c, "lena", "duty_desk", "PS-LP"),
            person(c, "lars", "officer", "PS-LP", departments="council,police"),
            person(c, "vic", "village_worker", "PS-LP"),
            person(c, "view", "viewer"),
        ]
        self.state: dict[str, str] = {}
        self.town: dict[str, str | None] = {}
        self.steps: Counter[str] = Counter()

    def teardown(self) -> None:
        try:
            self.logs_are_whole_and_of_declared_steps()
            self.tallies_are_those_of_a_recount()
        finally:
            self.store.close()

    @rule(target=cases, town=st.sampled_from(list(PLACES)))
    def report(self, town: str | None) -> str:
        case = self.desk.report(str(next(KEYS)), PLACES[town])
        self.state[case], self.town[case] = "found", town
        self.steps[case] = 1
        return case

    @rule(case=cases, way=st.integers(1, 8))
    def go_on(self, case: str, way: int) -> None:
        """The usual way, some steps of it, by somebody who may do everything."""
        photo: dict[str, Any] = {"why": "w", "photos": ["p"], "where": OLD_HARBOUR}
        for _ in range(way):
            can = {
                "found": ("confirm", {}),
                "verified": ("file", {}),
                "filed": ("dispatch", {"details": {"department": "council"}}),
                "dispatched": ("take", {}),
                "accepted": ("start", {}),
                "handling": ("done", photo),
                "suspended": ("resume", {}),
                "checked": ("close", {}),
            }.get(self.state[case])
            if can is None:
                return
            self._do(0, case, can[0], can[1])

    @rule(
        who=st.integers(0, 7),
        case=cases,
        other=cases,
        action=st.integers(0, 99),
        fitting=st.booleans(),
        department=st.sampled_from(["council", "police", "navy"]),
        unit=st.sampled_from(["PS-OH", "PS-LP", "PS", "XX"]),
        full=st.booleans(),
    )
    def try_it(
        self,
        who: int,
        case: str,
        other: str,
        action: int,
        fitting: bool,
        department: str,
        unit: str,
        full: bool,
    ) -> None:
        """Anybody tries anything, or something that the case's state allows."""
        able = [one.id for one in PROCESS.actions if fitting and self.state[case] in one.steps]
        actions = able or ACTIONS
        given: dict[str, Any] = {"details": {"department": department, "unit": unit, "case": other}}
        if full:
            given |= {"why": "w", "photos": ["p"], "where": OLD_HARBOUR}
        self._do(who, case, actions[action % len(actions)], given)

    def _do(self, who: int, case: str, action: str, given: dict[str, Any]) -> None:
        actor, before = self.people[who], self.state[case]
        sees = actor.audience.scope.jurisdictions
        hidden = sees is not None and not (self.town[case] or "").startswith(sees)
        try:
            done = self.desk.act(actor, case, action, **given)
        except CaseError as refused:
            assert refused.text.en and refused.text.zh
            assert not hidden or isinstance(refused, UnknownCaseError)
            return
        assert not hidden, "acted beyond his subtree"
        declared = PROCESS.action(action)
        assert declared.right is not None and actor.audience.may(declared.right)
        assert done.before == before and before in declared.steps
        assert done.after == declared.steps[before] or declared.steps[before] == "back"  # type: ignore[index]
        self.state[case] = done.after
        SEEN[action] += 1
        self.steps[case] += 1
        if action == "merge":
            self.steps[given["details"]["case"]] += 1

    @invariant()
    def no_case_is_lost_or_otherwise_than_known(self) -> None:
        asked = Query("case_event", properties=("state", "version", "deadline"))
        page = self.store.page(asked.but(skip_geometry=True))
        rows = {
            fid: dict(zip(page.names, row, strict=True))
            for fid, row in zip(page.fids, page.rows, strict=True)
        }
        assert {case: row["state"] for case, row in rows.items()} == self.state
        assert {case: row["version"] for case, row in rows.items()} == dict(self.steps)
        for row in rows.values():
            still = row["state"] in FINAL or row["state"] == "suspended"
            assert (row["deadline"] is None) == still or row["state"] in ("handled", "checked")

    def logs_are_whole_and_of_declared_steps(self) -> None:
        for case in self.state:
            assert case_log.verify(self.store, case).whole
            state = None
            for entry in case_log.entries(self.store, case):
                assert entry["before"] == state and entry["actor"] != PLATFORM
                if state is not None:
                    declared = PROCESS.action(entry["action"]).steps[state]  # type: ignore[index]
                    assert declared in (entry["after"], "back")
                state = entry["after"]
            assert state == self.state[case]

    def tallies_are_those_of_a_recount(self) -> None:
        day = AT.date()
        for actor in self.people[:2]:
            sees = actor.audience.scope.jurisdictions
            mine = [
                case
                for case, town in self.town.items()
                if sees is None or (town or "").startswith(sees)
            ]
            found = statistics(
                self.store, self.city, actor.audience, by="all", first=day, last=day, at=AT
            )
            now = found[0].now if found else {}
            assert now == Counter(self.state[case] for case in mine)
            entries = [one for case in mine for one in case_log.entries(self.store, case)]
            counted = Counter(one["after"] for one in entries if one["after"] != one["before"])
            if found:
                assert found[0].opened == len(mine)
                assert found[0].closed == counted["closed"]
                assert found[0].rejected == counted["rejected"]
                back = sum(one["action"] in ("return", "rework") for one in entries)
                assert found[0].returned == back


@contextmanager
def _store(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    if kind == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "life.gpkg")


@pytest.mark.parametrize("kind", ["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def test_life(kind: str, city: City, request: pytest.FixtureRequest) -> None:
    with _store(kind, request) as url:
        store = open_store(url, city)
        furnish(store, city)
        store.close()
        Life.url, Life.city = url, city
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=10,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert len(SEEN) >= 8, "hardly anything was done"
