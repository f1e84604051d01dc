"""Who answers at a path that several blocks share."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store
from ogc_server.answers import problem_answer
from ogc_server.block import Block, Door, Endpoint
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.doors import routes
from ogc_server.problem import RequestError

ITEMS = "/collections/{layer}/items"


def _saying(word: str) -> Endpoint:
    def endpoint(request: Request) -> Response:
        return PlainTextResponse(word)

    return endpoint


def _row(request: Request) -> Response:
    return PlainTextResponse("row " + request.path_params["fid"])


def _named(*names: str) -> Block:
    def owns(catalogue: Catalogue, collection: str) -> bool:
        return collection in names

    doors = (
        Door(ITEMS, {"GET": _saying(names[0])}, owns=owns),
        Door(f"{ITEMS}/{{fid}}/only", {"GET": _saying(names[0])}, owns=owns),
        Door("/collections/{layer}/only", {"GET": _saying(names[0])}, owns=owns),
    )
    return Block(name=names[0], doors=doors)


FEATURES = Block(
    name="features",
    doors=(
        Door(ITEMS, {"GET": _saying("rows"), "POST": _saying("written")}),
        Door(f"{ITEMS}/{{fid:path}}", {"GET": _row}),
    ),
)


def _refused(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestError)
    return problem_answer(failure)


@pytest.fixture
def shared(city: City, store: Store) -> TestClient:
    blocks = [_named("movers"), FEATURES, _named("records", "navigation_mark")]
    app = Starlette(routes=routes(blocks), exception_handlers={RequestError: _refused})

    async def with_catalogue(scope: dict[str, object], receive: object, send: object) -> None:
        scope[CATALOGUE_KEY] = Catalogue(city, store)
        await app(scope, receive, send)  # type: ignore[arg-type]

    return TestClient(with_catalogue)  # type: ignore[arg-type]


def test_a_collection_is_answered_by_the_block_that_owns_it(shared: TestClient) -> None:
    for collection, word in (("movers", "movers"), ("records", "records"), ("ferry", "rows")):
        assert shared.get(f"/collections/{collection}/items").text == word


def test_a_layer_is_nobody_elses(shared: TestClient) -> None:
    assert shared.get("/collections/navigation_mark/items").text == "rows"


def test_methods_are_those_of_the_block_that_answers(shared: TestClient) -> None:
    assert shared.post("/collections/ferry/items").text == "written"
    assert shared.post("/collections/movers/items").status_code == 405
    allow = shared.options("/collections/movers/items").headers["allow"]
    assert allow == "GET, HEAD, OPTIONS"


def test_nobodys_collection_is_not_found(shared: TestClient) -> None:
    assert shared.get("/collections/records/only").text == "records"
    assert shared.get("/collections/ferry/only").status_code == 404


def test_what_a_door_does_not_own_goes_on_to_the_next_path(shared: TestClient) -> None:
    assert shared.get("/collections/movers/items/a/only").text == "movers"
    assert shared.get("/collections/ferry/items/a/only").text == "row a/only"


def test_two_blocks_cannot_answer_for_the_same_collections() -> None:
    with pytest.raises(ValueError, match="/items"):
        routes([FEATURES, FEATURES])
