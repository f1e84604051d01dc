"""Whole layers in one answer: every format holds the store's rows, and no others."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from layers.city import City
from layers.errors import StoreError
from layers.query import Query, Scope
from layers.store import Store, open_store
from ogc_server import Audience, create_app
from ogc_server.exporting import exports
from ogc_server.exporting.exports import EXPORTS
from tests.ogc_server.conftest import BASE, EMPTY, ROWS
from tests.ogc_server.rows import AT, rows
from tests.ogc_server.test_conformance import MARKS, body
from tests.postgis import fresh_database

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
COLUMNAR = ("parquet", "arrow", "fgb")


def fetched(client: TestClient, path: str, **values: str) -> bytes:
    answer = client.get(f"{path}?{urlencode(values)}")
    assert answer.status_code == 200, answer.text
    export = EXPORTS[values["f"]]
    assert answer.headers["content-type"] == export.media
    layer = path.split("/")[2]
    named = f'attachment; filename="{layer}.{export.suffix}"'
    assert answer.headers["content-disposition"] == named
    return answer.content


def frame(client: TestClient, path: str, tmp_path: Path, **values: str) -> gpd.GeoDataFrame:
    """Read an export back by the programs that people use."""
    content = fetched(client, path, **values)
    file = tmp_path / f"export.{EXPORTS[values['f']].suffix}"
    file.write_bytes(content)
    if values["f"] == "parquet":
        return gpd.read_parquet(file)
    if values["f"] == "arrow":
        return gpd.GeoDataFrame.from_arrow(pa.ipc.open_stream(content).read_all())
    return pyogrio.read_dataframe(file)


def features(content: bytes) -> list[dict[str, Any]]:
    """Read a GeoJSON text sequence (RFC 8142)."""
    records = content.split(b"\x1e")
    assert records[0] == b"" and all(record.endswith(b"\n") for record in records[1:])
    return [json.loads(record) for record in records[1:]]


def known(value: Any) -> Any:
    """A value of a frame as GeoJSON writes it."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, np.generic):
        value = value.item()
    return value


def same(found: Any, said: Any) -> bool:
    """Whether a value read back is what GeoJSON says; GDAL has no nulls in a column of numbers."""
    found = known(found)
    if found is None or said is None:
        return found is said
    if isinstance(said, dict | list):
        return bool(json.loads(found) == said)
    if hasattr(found, "isoformat"):
        text = found.isoformat()
        read = pd.Timestamp(said) if len(said) > 10 else said
        return bool(text[:10] == said if len(said) == 10 else pd.Timestamp(text) == read)
    return bool(found == said)


LAYERS = ("navigation_mark", "ferry", "marine_zone", "buoy_chain", "alert", "weighing", EMPTY)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("f", COLUMNAR)
def test_rows_read_back_are_those_of_the_layer(
    client: TestClient, tmp_path: Path, f: str, layer: str
) -> None:
    path = f"/collections/{layer}/items"
    expected = body(client, f"{path}?limit=1000")["features"]
    found = frame(client, path, tmp_path, f=f)
    assert len(found) == len(expected)
    declared = body(client, f"/collections/{layer}/schema")["properties"]
    assert set(found.columns) - {"bbox"} == set(declared)
    assert pyproj.CRS(found.crs).to_authority() in (("OGC", "CRS84"), ("EPSG", "4326"))
    for number, feature in enumerate(expected):
        row = found.iloc[number]
        for name, said in feature["properties"].items():
            assert same(row[name], said), (name, row[name], said)
        place = feature["geometry"]
        if place is None:
            assert row.geometry is None
        else:
            assert shapely.equals_exact(row.geometry, shapely.geometry.shape(place), 1e-7)


def test_a_register_has_no_places_in_any_format(client: TestClient, tmp_path: Path) -> None:
    path = "/collections/vessel_registry/items"
    names = {f["id"]: f["properties"] for f in body(client, f"{path}?limit=1000")["features"]}
    table = pq.read_table(io.BytesIO(fetched(client, path, f="parquet")))
    assert table.num_rows == len(names) and b"geo" not in (table.schema.metadata or {})
    stream = pa.ipc.open_stream(fetched(client, path, f="arrow")).read_all()
    assert stream.to_pylist() == table.to_pylist()
    file = tmp_path / "register.fgb"
    file.write_bytes(fetched(client, path, f="fgb"))
    read = pyogrio.read_dataframe(file)
    assert len(read) == len(names) and read.geometry.isna().all()


def test_a_text_sequence_holds_every_feature(client: TestClient) -> None:
    for layer in LAYERS:
        path = f"/collections/{layer}/items"
        found = features(fetched(client, path, f="geojsonseq"))
        assert found == body(client, f"{path}?limit=1000")["features"]
    moved = features(fetched(client, MARKS, f="geojsonseq", crs=EPSG + "4326"))
    assert moved == body(client, f"{MARKS}?limit=1000&crs={EPSG}4326")["features"]


def test_csv_holds_every_row(client: TestClient) -> None:
    for layer in LAYERS:
        path = f"/collections/{layer}/items"
        paged = client.get(f"{path}?f=csv&limit=1000").content
        assert fetched(client, path, f="csv") == paged


@pytest.mark.parametrize("f", COLUMNAR)
@pytest.mark.parametrize("code", ["4326", "3857", "projected"])
def test_other_systems_are_named_and_always_in_x_y(
    client: TestClient, city: City, tmp_path: Path, f: str, code: str
) -> None:
    code = city.crs.upper().removeprefix("EPSG:") if code == "projected" else code
    found = frame(client, MARKS, tmp_path, f=f, crs=EPSG + code)
    assert pyproj.CRS(found.crs).to_authority() == ("EPSG", code)
    plain = frame(client, MARKS, tmp_path, f=f)
    wanted = plain.to_crs(f"EPSG:{code}")
    assert shapely.equals_exact(found.geometry.values, wanted.geometry.values, 1e-6).all()
    if code == "4326":
        assert found.geometry.x.max() < -60 and found.geometry.y.min() > -60


def test_geoparquet_says_where_its_rows_lie(client: TestClient) -> None:
    file = pq.ParquetFile(io.BytesIO(fetched(client, "/collections/ferry/items", f="parquet")))
    geo = json.loads(file.metadata.metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    assert column["encoding"] == "WKB" and column["geometry_types"] == ["MultiLineString"]
    table = file.read()
    shapes = shapely.from_wkb(table["geometry"].to_pylist())
    assert column["bbox"] == pytest.approx(list(shapely.total_bounds(shapes)))
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    for box, shape in zip(table["bbox"].to_pylist(), shapes, strict=True):
        assert [box["xmin"], box["ymin"], box["xmax"], box["ymax"]] == list(shape.bounds)
    assert table.schema.field("length_m").metadata[b"unit"] == b"m"


def test_arrow_names_its_geometry(client: TestClient) -> None:
    table = pa.ipc.open_stream(fetched(client, MARKS, f="arrow", crs=EPSG + "3857")).read_all()
    metadata = table.schema.field("geometry").metadata
    assert metadata[b"ARROW:extension:name"] == b"geoarrow.wkb"
    said = json.loads(metadata[b"ARROW:extension:metadata"])
    assert pyproj.CRS(said["crs"]).to_epsg() == 3857 and said["crs_type"] == "projjson"


QUESTIONS = (
    {"filter": "kind = 'buoy' AND height_m > 20"},
    {"bbox": "-75.3,-42.75,-75.0,-42.45"},
    {"datetime": "2020-07-10/2020-07-20"},
    {"kind": "beacon", "sortby": "-height_m"},
    {"sortby": "kind,-mark_id", "limit": "7", "offset": "3"},
    {"as_of": "2026-06-01T00:00:00Z"},
    {"as_of": "1999-01-01T00:00:00Z"},
    {"properties": "mark_id,kind", "skipGeometry": "true"},
)


@pytest.mark.parametrize("question", QUESTIONS, ids=[next(iter(q)) for q in QUESTIONS])
@pytest.mark.parametrize("f", ["csv", "geojsonseq", "parquet", "arrow", "fgb"])
def test_every_question_to_items_is_a_question_to_exports(
    client: TestClient, tmp_path: Path, f: str, question: dict[str, str]
) -> None:
    values = {"limit": "1000"} | question
    asked = body(client, f"{MARKS}?{urlencode(values)}")["features"]
    expected = [feature["properties"]["mark_id"] for feature in asked]
    content = client.get(f"{MARKS}?{urlencode({'f': f} | question)}")
    assert content.status_code == 200, content.text
    if f == "csv":
        table = list(csv.DictReader(io.StringIO(content.content.decode("utf-8-sig"))))
        assert [row["mark_id"] for row in table] == expected
    elif f == "geojsonseq":
        assert features(content.content) == asked
    else:
        file = tmp_path / "part"
        file.write_bytes(content.content)
        if f == "parquet":
            found = pq.read_table(file).to_pydict()["mark_id"]
        elif f == "arrow":
            found = pa.ipc.open_stream(content.content).read_all().to_pydict()["mark_id"]
        else:
            found = pyogrio.read_dataframe(file)["mark_id"].tolist()
        assert found == expected


def test_cells_choose_rows_in_every_format(client: TestClient) -> None:
    cell = body(client, f"{MARKS}?limit=1")["features"][0]["properties"]["h3"]
    kept = features(fetched(client, MARKS, f="geojsonseq", cells=cell))
    assert 0 < len(kept) < ROWS and {f["properties"]["h3"] for f in kept} == {cell}


def test_formats_are_chosen_by_header_too(client: TestClient) -> None:
    for name, export in EXPORTS.items():
        answer = client.get(MARKS, headers={"Accept": export.media.partition(";")[0]})
        assert answer.headers["content-type"] == export.media, name
        assert "Accept" in answer.headers["vary"]
        again = client.get(f"{MARKS}?f={name}", headers={"If-None-Match": "*"})
        assert again.status_code == 304
        head = client.head(f"{MARKS}?f={name}")
        assert head.status_code == 200 and head.headers["content-type"] == export.media
        assert head.content == b"" and "content-length" not in head.headers


def test_links_lead_to_every_format(client: TestClient) -> None:
    entry = body(client, "/collections/navigation_mark")
    whole = {link["type"]: link["href"] for link in entry["links"] if link["rel"] == "enclosure"}
    page = body(client, f"{MARKS}?limit=3&kind=buoy")
    other = {link["type"]: link["href"] for link in page["links"] if link["rel"] == "alternate"}
    for export in EXPORTS.values():
        assert client.get(whole[export.media]).headers["content-type"] == export.media
        assert client.get(other[export.media]).headers["content-type"] == export.media
    text = "application/geo+json-seq"
    assert len(features(client.get(whole[text]).content)) == ROWS
    assert features(client.get(other[text]).content) == page["features"]
    media = body(client, "/openapi")["paths"][MARKS]["get"]["responses"]["200"]["content"]
    assert set(whole) <= set(media)


@pytest.mark.parametrize("f", list(EXPORTS))
def test_no_hidden_row_is_exported(city: City, store: Store, f: str) -> None:
    units = store.distinct(Query("navigation_mark"), "jurisdiction")
    assert len(units) > 1
    some = Audience("some", frozenset({"public", "internal"}), Scope(jurisdictions=(units[0],)))
    client = TestClient(create_app(city, store, audience=some), base_url=BASE)
    seen = store.count(Query("navigation_mark", scope=some.scope))
    assert 0 < seen < ROWS
    for more in ({}, {"as_of": "2026-06-01T00:00:00Z"}, {"limit": "1000000"},
                 {"filter": "kind IS NOT NULL OR kind IS NULL"}):  # fmt: skip
        answer = client.get(f"{MARKS}?{urlencode({'f': f} | more)}")
        assert len(_marks(answer.content, f)) == seen
    for layer in ("resident", "resident_home"):
        assert client.get(f"/collections/{layer}/items?f={f}").status_code == 404


def _marks(content: bytes, f: str) -> list[Any]:
    if f == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    if f == "geojsonseq":
        return features(content)
    if f == "arrow":
        return list(pa.ipc.open_stream(content).read_all().to_pylist())
    if f == "parquet":
        return list(pq.read_table(io.BytesIO(content)).to_pylist())
    with tempfile.NamedTemporaryFile(suffix=".fgb") as file:
        file.write(content)
        file.flush()
        return list(pyogrio.read_dataframe(file.name).itertuples())


@pytest.mark.parametrize("f", list(EXPORTS))
def test_what_makes_no_sense_is_refused(client: TestClient, f: str) -> None:
    for wrong in ("limit=-1", "limit=x", "filter=kind=1", "filter=nothing=1", "unknown=1",
                  "resulttype=hits", "crs=EPSG:1", "bbox=1,2", "after=x", "sortby=geometry",
                  "as_of=yesterday", "filter=height_m%20^%20'x'=1"):  # fmt: skip
        answer = client.get(f"{MARKS}?f={f}&{wrong}")
        assert answer.status_code == 400, (wrong, answer.text)
    assert client.get(f"/collections/nothing/items?f={f}").status_code == 404
    assert client.get(f"/collections?f={f}").status_code == 400


def test_an_export_is_one_state_of_the_layer(
    request: pytest.FixtureRequest, city: City, tmp_path: Path
) -> None:
    _stays_one_state(open_store(str(tmp_path / "one.gpkg"), city), city)


@pytest.mark.postgis
def test_an_export_is_one_state_of_the_layer_on_postgis(postgis_server: str, city: City) -> None:
    with fresh_database(postgis_server) as url:
        _stays_one_state(open_store(url, city), city)


def _stays_one_state(store: Store, city: City) -> None:
    """Rows deleted and changed while they are read come as they were when the reading began."""
    spec = city.layer("navigation_mark")
    store.create(spec)
    with store.transaction() as writing:
        writing.upsert(spec, rows(spec, city, 50), at=AT, source="test")
    pages, batches = store.pages(Query(spec.id), 10), store.batches(Query(spec.id), 10)
    read = next(pages).fids
    kept = next(batches).column("fid").to_pylist()
    with store.transaction() as writing:
        gone = [f"navigation_mark-{i:06d}" for i in range(20, 40)]
        writing.delete(spec, gone, at=AT + timedelta(days=1))
        writing.upsert(spec, rows(spec, city, 50, seed=8).iloc[40:], at=AT, source="test")
    read += [fid for page in pages for fid in page.fids]
    kept += [fid for batch in batches for fid in batch.column("fid").to_pylist()]
    assert read == kept and len(read) == 50 and len(set(read)) == 50
    assert store.count(Query(spec.id)) == 30
    store.close()


def test_temporary_files_are_removed_and_turns_given_back(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(exports.MOST_AT_ONCE + 2):
        assert client.get(f"{MARKS}?f=fgb").status_code == 200
        assert client.get(f"{MARKS}?f=fgb&filter=height_m=nothing").status_code == 400

    def broken(own: Store, query: Query, size: int = 0) -> Iterator[pa.RecordBatch]:
        raise StoreError("gone")
        yield

    # The server asks a bounded twin of the store.
    monkeypatch.setattr(type(store), "batches", broken)
    for _ in range(exports.MOST_AT_ONCE + 2):
        assert client.get(f"{MARKS}?f=fgb").status_code == 500
    assert list(tmp_path.iterdir()) == []


def test_too_many_exports_at_once_wait_their_turn(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(exports.MOST_AT_ONCE):
        assert exports.RUNNING.acquire(blocking=False)
    try:
        for f in EXPORTS:
            answer = client.get(f"{MARKS}?f={f}")
            assert answer.status_code == 503 and answer.json()["code"] == "ServerBusy"
        assert client.get(MARKS).status_code == 200
    finally:
        for _ in range(exports.MOST_AT_ONCE):
            exports.RUNNING.release()
    assert client.get(f"{MARKS}?f=arrow").status_code == 200


@pytest.mark.parametrize("version", ["2.3", "2.4"])
@pytest.mark.parametrize("f", list(EXPORTS))
def test_a_reader_who_goes_away_leaves_nothing_behind(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, f: str, version: str
) -> None:
    """Servers tell it by an error when sending (ASGI 2.4), or by a message (before)."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sent = []

    async def ask() -> None:
        gone = anyio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                gone.set()
                if version == "2.4":
                    raise OSError("the reader is gone")

        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": version}, "method": "GET",
            "path": MARKS, "raw_path": MARKS.encode(), "query_string": f"f={f}".encode(),
            "headers": [(b"host", b"127.0.0.1:5000")], "scheme": "http", "root_path": "",
            "server": ("127.0.0.1", 5000), "client": ("127.0.0.1", 1), "http_version": "1.1",
        }  # fmt: skip
        await client.app(scope, receive, send)  # type: ignore[arg-type]

    for _ in range(exports.MOST_AT_ONCE + 2):
        anyio.run(ask)
    assert {message.get("status", 200) for message in sent} == {200}
    assert list(tmp_path.iterdir()) == []
