"""What a run shows is what its reader may see; whose jobs are whose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from layers.access import LOCAL, PUBLIC, RIGHTS, Audience
from layers.city import City
from layers.query import Query, Scope
from layers.store import Store
from ogc_server import create_app
from ogc_server.access.sign_in import ACTOR_KEY
from ogc_server.catalogue import CATALOGUE_KEY
from ogc_server.processes.pool import Pool
from tests.ogc_server.conftest import BASE
from tests.ogc_server.runs import ByHand

INSIDE = LOCAL.sensitivities
RUNS = frozenset({"run"})
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def hand() -> ByHand:
    return ByHand()


@pytest.fixture
def app(city: City, store: Store, hand: ByHand) -> Iterator[Starlette]:
    made = create_app(city, store)
    made.state.runs = Pool(made.state.catalogues, executor=hand)
    yield made
    records = made.state.runs.records
    records.remove([record.id for record in records.all()])


def as_reader(app: Starlette, actor: str, audience: Audience) -> TestClient:
    """A client that has signed in; every request of his comes with his name and his walls."""
    catalogues = app.state.catalogues

    async def signed_in(scope: AsgiScope, receive: Receive, send: Send) -> None:
        class Names(dict[str, Any]):
            def __setitem__(self, key: str, value: Any) -> None:
                mine = {ACTOR_KEY: actor, CATALOGUE_KEY: catalogues.of(audience)}
                super().__setitem__(key, mine.get(key, value))

        await app(Names(scope), receive, send)

    return TestClient(signed_in, base_url=BASE, raise_server_exceptions=False)


def town(code: str, rights: frozenset[Any] = RUNS) -> Audience:
    name = f"town-{code}-{len(rights)}"
    return Audience(name, INSIDE, Scope(jurisdictions=(code,)), rights=rights)


@pytest.fixture
def codes(store: Store) -> list[str]:
    found = store.frame(Query("navigation_mark"))["jurisdiction"].dropna().unique().tolist()
    assert len(found) > 1
    return sorted(found)


def submitted(client: TestClient, key: str = "echo", **inputs: Any) -> str:
    wanted = {"inputs": inputs or {"string_input": "mine"}, "response": "document"}
    answer = client.post(f"/processes/{key}/execution", json=wanted, headers=ASYNC)
    assert answer.status_code == 201, answer.text
    place: str = answer.headers["location"]
    return place


def listed(client: TestClient) -> list[str]:
    document = client.get("/jobs?limit=1000").json()
    assert "next" not in {row["rel"] for row in document["links"]}
    return [f"{BASE}/jobs/{one['jobID']}" for one in document["jobs"]]


def test_who_may_not_run_processes_only_reads_of_them(app: Starlette) -> None:
    for audience in (PUBLIC, Audience("reader", INSIDE)):
        reader = as_reader(app, "eve", audience)
        assert reader.get("/processes").status_code == 200
        assert reader.get("/processes/echo").status_code == 200
        for headers in ({}, ASYNC):
            answer = reader.post("/processes/echo/execution", json={}, headers=headers)
            assert answer.status_code == 403 and answer.json()["code"] == "Forbidden"
        assert listed(reader) == []
    nobody = as_reader(app, "eve", PUBLIC)
    assert nobody.post("/processes/nothing/execution", json={}).status_code == 404


def test_another_readers_job_is_as_one_that_never_was(
    app: Starlette, hand: ByHand, codes: list[str]
) -> None:
    ada, bob = (as_reader(app, name, town(codes[0])) for name in ("ada", "bob"))
    other = as_reader(app, "ada", town(codes[1]))
    place = submitted(ada)
    hand.step()
    assert listed(ada) == [place] and ada.get(f"{place}/results").status_code == 200
    for reader in (bob, other):
        assert listed(reader) == []
        never = reader.get(re.sub("[0-9a-f]{12}$", "0" * 12, place))
        for path in ("", "/results", "/results/string_input"):
            answer = reader.get(place + path)
            assert answer.status_code == 404
            masked = re.sub("[0-9a-f]{12}'", "'", answer.text)
            assert masked == re.sub("[0-9a-f]{12}'", "'", never.text)
        assert reader.delete(place).status_code == 404
    assert ada.get(place).json()["status"] == "successful"


def test_a_manager_sees_the_jobs_of_those_he_sees_over(
    app: Starlette, hand: ByHand, codes: list[str]
) -> None:
    everything = frozenset(RIGHTS)
    here = submitted(as_reader(app, "ada", town(codes[0])))
    there = submitted(as_reader(app, "bob", town(codes[1])))
    whole = submitted(as_reader(app, "cyn", Audience("district", INSIDE, rights=RUNS)))
    for _ in range(3):
        hand.step()
    chief = as_reader(app, "chief", Audience("chief", INSIDE, rights=everything))
    assert set(listed(chief)) == {here, there, whole}
    mayor = as_reader(app, "mayor", town(codes[0], everything))
    assert listed(mayor) == [here]
    assert mayor.get(f"{here}/results").status_code == 200
    for place in (there, whole):
        assert mayor.get(place).status_code == 404 == mayor.get(f"{place}/results").status_code
    assert chief.delete(there).status_code == 200


def test_readers_without_a_name_share_no_list(app: Starlette, hand: ByHand) -> None:
    open_house = Audience("public", frozenset({"public"}), rights=RUNS)
    one, other = (as_reader(app, "public", open_house) for _ in range(2))
    place = submitted(one)
    hand.step()
    assert listed(one) == listed(other) == []
    assert one.get(place).json()["status"] == "successful", "the address is the key"


def test_a_run_in_a_town_sees_the_rows_of_the_town(
    app: Starlette, hand: ByHand, store: Store, codes: list[str]
) -> None:
    for code in codes:
        reader = as_reader(app, "ada", town(code))
        mine = set(store.frame(Query("navigation_mark", scope=Scope((code,))))["fid"])
        everyone = set(store.frame(Query("navigation_mark"))["fid"])
        asked = {"collection": "navigation_mark"}
        for key, more in (
            ("h3-aggregate", {"resolution": 0}),
            ("nearest", {"other": "navigation_mark", "distance_m": 50_000, "k": 30}),
            ("cell-join", {"other": "navigation_mark", "resolution": 3}),
        ):
            place = submitted(reader, key, **asked, **more)
            hand.step()
            answer = reader.get(f"{place}/results")
            assert answer.status_code == 200, answer.text
            named = {fid for fid in everyone if f'"{fid}"' in answer.text}
            assert named <= mine, key
            if key == "h3-aggregate":
                counts = re.findall(r'"count":(\d+)', answer.text)
                assert sum(map(int, counts)) == len(mine)


def test_layers_that_a_reader_has_not_are_refused_alike(app: Starlette, hand: ByHand) -> None:
    outsider = Audience("outside", frozenset({"public"}), rights=RUNS)
    reader = as_reader(app, "eve", outsider)
    told = []
    for layer in ("resident", "resident_home", "alert", "nothing"):
        for key, more in (
            ("h3-aggregate", {"resolution": 3}),
            ("nearest", {"other": "ferry"}),
            ("cell-join", {"other": "ferry"}),
        ):
            place = submitted(reader, key, collection=layer, **more)
            hand.step()
            answer = reader.get(f"{place}/results")
            assert answer.status_code == 400
            told.append(answer.json()["detail"].replace(layer, "…"))
    assert len(set(told)) == 1, told


def test_persons_leave_only_as_counts_of_many(app: Starlette, hand: ByHand) -> None:
    reader = as_reader(app, "ada", Audience("district", INSIDE, rights=RUNS))
    place = submitted(reader, "h3-aggregate", collection="resident_home", resolution=2)
    hand.step()
    features = reader.get(f"{place}/results").json()["cells"]["value"]["features"]
    assert all(one["properties"]["count"] >= 10 for one in features)
    for key, more in (
        ("h3-aggregate", {"resolution": 2, "filter": "length_m > 50"}),
        ("h3-aggregate", {"resolution": 2, "statistics": ["max"], "property": "length_m"}),
        ("h3-aggregate", {"resolution": 11}),
        ("nearest", {"other": "ferry"}),
        ("cell-join", {"other": "ferry"}),
    ):
        place = submitted(reader, key, collection="resident_home", **more)
        hand.step()
        answer = reader.get(f"{place}/results")
        assert answer.status_code == 400 and "resident_home-0" not in answer.text, key
