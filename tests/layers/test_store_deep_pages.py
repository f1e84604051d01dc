"""Pages far inside of a layer, by number: the right rows at every state; revisions off the loop."""

from __future__ import annotations

import asyncio

import orjson
import pytest
import shapely

from layers.query import Query, Scope
from layers.store import Store
from layers.store.postgis import PostgisStore
from tests.layers.conftest import BACK_ENDS, MONDAY, make_rows, make_spec, put

MARK = make_spec()
POSTGIS = BACK_ENDS[1]
ROWS = 3200
DEEP = [999, 1000, 1001, 1499, 1500, 1501, 2999, ROWS - 1, ROWS, ROWS + 700]


def _rows(first: int, count: int) -> object:
    names = [f"m{number:06}" for number in range(first, first + count)]
    places = shapely.points([121.5 + (n % 100) / 1000 for n in range(count)], 31.2)
    return make_rows(names, list(places), name=names, lamps=list(range(count)))


def _ids(store: Store, query: Query) -> list[str]:
    page = store.features(query)
    found = [row["id"] for row in orjson.loads(b"[" + page.features + b"]")]
    assert (page.next is None) == (len(found) < (query.limit or 0) or _is_last(store, query))
    return found


def _is_last(store: Store, query: Query) -> bool:
    return query.offset + (query.limit or 0) >= store.count(query.but(offset=0, limit=None))


@pytest.fixture
def long(store: Store) -> Store:
    store.create(MARK)
    put(store, MARK, _rows(0, ROWS))
    return store


@pytest.mark.parametrize("scope", [Scope(), Scope(jurisdictions=("",))])
def test_a_deep_page_is_what_counting_finds(long: Store, scope: Scope) -> None:
    for offset in [*DEEP, *DEEP[::-1]]:
        query = Query("mark", offset=offset, limit=10, scope=scope)
        assert _ids(long, query) == long.page(query).fids


def test_a_deep_page_is_of_the_state_that_is(long: Store) -> None:
    query = Query("mark", offset=1503, limit=5)
    assert _ids(long, query) == [f"m{n:06}" for n in range(1503, 1508)]
    with long.transaction() as unit:
        unit.delete(MARK, [f"m{n:06}" for n in range(0, 700, 2)], at=MONDAY)
    assert _ids(long, query) == [f"m{n:06}" for n in range(1853, 1858)]
    put(long, MARK, _rows(ROWS, 40))
    last = Query("mark", offset=ROWS - 350 + 39, limit=5)
    assert _ids(long, last) == [f"m{ROWS + 39:06}"]


def test_revisions_are_read_from_an_event_loop(long: Store) -> None:
    async def ask() -> tuple[dict[str, int], dict[str, int]]:
        before = await long.read_revisions(("mark", "nothing"))
        await asyncio.to_thread(put, long, MARK, _rows(ROWS, 1))
        return before, await long.read_revisions(("mark",))

    before, after = asyncio.run(ask())
    assert before["nothing"] == 0
    assert before["mark"] < after["mark"] == long.revision("mark")


@pytest.mark.parametrize("store_url", [POSTGIS], indirect=True)
def test_loops_that_are_over_hold_no_connections(long: Store) -> None:
    assert isinstance(long, PostgisStore)
    for _ in range(5):
        asyncio.run(long.read_revisions(("mark",)))
    with long.engine.connect() as other:
        number = other.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE '%%layer = ANY($1%%' AND pid <> pg_backend_pid()"
        ).scalar_one()
    assert number <= 2


@pytest.mark.parametrize("store_url", [POSTGIS], indirect=True)
def test_a_connection_that_was_cut_is_opened_anew(long: Store) -> None:
    assert isinstance(long, PostgisStore)

    async def ask() -> None:
        first = await long.read_revisions(("mark",))
        with long.engine.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE '%%layer = ANY($1%%'"
                " AND pid <> pg_backend_pid()"
            )
        assert await long.read_revisions(("mark",)) == first

    asyncio.run(ask())
