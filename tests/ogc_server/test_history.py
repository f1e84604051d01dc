"""What was true: every past state in every format, all versions of a row, within walls."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Scope
from layers.store import Store, open_store
from ogc_server import Audience, create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_exports import features
from tests.postgis import fresh_database

MARKS = "/collections/navigation_mark/items"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FORMATS = ("json", "html", "csv", "geojsonseq", "parquet", "arrow", "fgb")
# What stands after each day: buoy "a" is moved, then becomes a beacon; "b" is taken away.
STATES = {
    "2025-12-31T00:00:00Z": {},
    "2026-01-01T12:00:00Z": {"a": "buoy", "b": "buoy"},
    "2026-01-02T12:00:00Z": {"a": "buoy", "b": "buoy"},
    "2026-01-03T12:00:00Z": {"a": "beacon", "b": "buoy"},
    "2026-01-04T12:00:00Z": {"a": "beacon"},
}


def _write(store: Store, city: City) -> None:
    spec = city.layer("navigation_mark")
    store.create(spec)

    def put(at: datetime, *found: tuple[str, str, float, str]) -> None:
        marks, kinds, x, codes = zip(*found, strict=True)
        rows = gpd.GeoDataFrame(
            {"mark_id": marks, "kind": kinds, "jurisdiction": codes},
            geometry=shapely.points(x, -42.5),
            crs="EPSG:4326",
        )
        with store.transaction() as writing:
            writing.upsert(spec, rows, at=at, source="test")

    put(FIRST, ("a", "buoy", -75.2, "east"), ("b", "buoy", -75.3, "east"))
    put(FIRST + DAY, ("a", "buoy", -75.1, "west"))
    put(FIRST + 2 * DAY, ("a", "beacon", -75.1, "west"))
    with store.transaction() as writing:
        writing.delete(spec, ["b"], at=FIRST + 3 * DAY)


@pytest.fixture(
    scope="module", params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]
)
def past(
    request: pytest.FixtureRequest, city: City, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            store = open_store(url, city)
            _write(store, city)
            yield store
            store.close()
        return
    store = open_store(str(tmp_path_factory.mktemp("past") / "past.gpkg"), city)
    _write(store, city)
    yield store
    store.close()


def reader(city: City, store: Store, *units: str) -> TestClient:
    scope = Scope(jurisdictions=units or None)
    name = "-".join(units) or "all"
    audience = Audience(name, frozenset({"public", "internal"}), scope)
    app = create_app(city, store, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def kinds(client: TestClient, f: str, at: str, folder: Path) -> dict[str, str]:
    answer = client.get(f"{MARKS}?f={f}&as_of={at}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]]
    if f == "html":
        return {m: k for m in "ab" for k in ("buoy", "beacon") if f"items/{m}?" in answer.text
                and f">{k}<" in answer.text}  # fmt: skip
    if f == "json":
        rows = [feature["properties"] for feature in answer.json()["features"]]
    elif f == "geojsonseq":
        rows = [feature["properties"] for feature in features(answer.content)]
    elif f == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    elif f == "arrow":
        rows = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    elif f == "parquet":
        rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    else:
        file = folder / "past.fgb"
        file.write_bytes(answer.content)
        rows = pyogrio.read_dataframe(file).to_dict("records")
    return {row["mark_id"]: row["kind"] for row in rows}


@pytest.mark.parametrize("f", [f for f in FORMATS if f != "html"])
def test_every_past_state_is_told_in_every_format(
    city: City, past: Store, tmp_path: Path, f: str
) -> None:
    client = reader(city, past)
    for at, expected in STATES.items():
        assert kinds(client, f, at, tmp_path) == expected, at


def test_pages_for_people_tell_the_past(city: City, past: Store) -> None:
    client = reader(city, past)
    for at, expected in STATES.items():
        text = client.get(f"{MARKS}?f=html&as_of={at}").text
        assert {mark for mark in "ab" if f"items/{mark}?" in text} == set(expected), at


def test_one_item_is_told_as_it_was(city: City, past: Store) -> None:
    client = reader(city, past)
    for at, expected in STATES.items():
        for mark in "ab":
            for f in ("json", "html"):
                answer = client.get(f"{MARKS}/{mark}?f={f}&as_of={at}")
                assert answer.status_code == (200 if mark in expected else 404), (at, mark)
            if mark in expected:
                one = client.get(f"{MARKS}/{mark}?as_of={at}").json()
                assert one["properties"]["kind"] == expected[mark]
    then = client.get(f"{MARKS}/a?as_of=2026-01-01T12:00:00Z").json()
    assert then["geometry"]["coordinates"] == [-75.2, -42.5]


def test_the_history_of_an_item_tells_each_version(city: City, past: Store) -> None:
    client = reader(city, past)
    answer = client.get(f"{MARKS}/a/history")
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    told = [
        (f["time"]["interval"], f["properties"]["kind"], f["geometry"]["coordinates"][0])
        for f in document["features"]
    ]
    first, second, third = (f"2026-01-0{n}T00:00:00Z" for n in (1, 2, 3))
    assert told == [
        ([third, ".."], "beacon", -75.1),
        ([second, third], "buoy", -75.1),
        ([first, second], "buoy", -75.2),
    ]
    assert {feature["id"] for feature in document["features"]} == {"a"}
    gone = client.get(f"{MARKS}/b/history").json()
    assert [f["time"]["interval"][1] for f in gone["features"]] == ["2026-01-04T00:00:00Z"]
    assert "latest-version" not in {link["rel"] for link in gone["links"]}
    links = {link["rel"]: link["href"] for link in client.get(f"{MARKS}/a").json()["links"]}
    assert client.get(links["version-history"]).json()["features"] == document["features"]
    again = client.get(f"{MARKS}/a/history", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_the_history_is_given_in_other_systems_and_by_choice(city: City, past: Store) -> None:
    client = reader(city, past)
    metres = client.get(f"{MARKS}/a/history?crs=EPSG:3857&properties=kind").json()["features"]
    assert all(abs(f["geometry"]["coordinates"][0]) > 1e6 for f in metres)
    assert {name for f in metres for name in f["properties"]} == {"kind"}
    bare = client.get(f"{MARKS}/a/history?skipGeometry=true").json()["features"]
    assert [f["geometry"] for f in bare] == [None] * 3


def test_each_version_stands_within_its_own_walls(city: City, past: Store, tmp_path: Path) -> None:
    """A row that moved is seen by each reader only for as long as it was his."""
    east, west, nobody = (reader(city, past, unit) for unit in ("east", "west", "zzz"))
    for f in ("json", "csv", "geojsonseq", "parquet", "arrow", "fgb"):
        at = "2026-01-01T12:00:00Z"
        assert kinds(east, f, at, tmp_path) == {"a": "buoy", "b": "buoy"}
        assert kinds(west, f, at, tmp_path) == {}
        at = "2026-01-03T12:00:00Z"
        assert kinds(east, f, at, tmp_path) == {"b": "buoy"}
        assert kinds(west, f, at, tmp_path) == {"a": "beacon"}
        assert kinds(nobody, f, at, tmp_path) == {}
    seen = east.get(f"{MARKS}/a/history").json()["features"]
    assert [f["geometry"]["coordinates"][0] for f in seen] == [-75.2]
    seen = west.get(f"{MARKS}/a/history").json()["features"]
    assert [f["geometry"]["coordinates"][0] for f in seen] == [-75.1, -75.1]
    assert nobody.get(f"{MARKS}/a/history").status_code == 404
    assert west.get(f"{MARKS}/b/history").status_code == 404
    assert east.get(f"{MARKS}/a?as_of=2026-01-03T12:00:00Z").status_code == 404


def test_what_makes_no_sense_is_refused(city: City, past: Store) -> None:
    client = reader(city, past)
    for wrong in ("as_of=2026-01-01", "limit=1", "f=csv", "crs=EPSG:1", "properties=no", "x=1"):
        assert client.get(f"{MARKS}/a/history?{wrong}").status_code == 400, wrong
    for path in (f"{MARKS}/none/history", "/collections/resident/items/resident-000001/history",
                 "/collections/nothing/items/a/history", f"{MARKS}/%00/history"):  # fmt: skip
        assert client.get(path).status_code in (400, 404), path
    for wrong in ("yesterday", "", "2026-13-01", "2026-01-01/2026-01-02", ".."):
        for f in FORMATS:
            assert client.get(f"{MARKS}?f={f}&as_of={wrong}").status_code == 400, (f, wrong)
    assert client.get(f"{MARKS}/a?as_of=x").status_code == 400
    assert client.get(f"{MARKS}?f=jsonld&as_of=2026-01-01").status_code == 400
