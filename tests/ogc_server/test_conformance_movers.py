"""The class of OGC API – Moving Features that the server claims, and the requirements beside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from layers.mfjson import read_features, read_times
from ogc_server.blocks.moving_features import BLOCK
from tests.ogc_server.moving import CROSSING, DARK, FAR, OWN, TRUCK, Harbour, build

VESSELS = "/collections/vessels"
DAY = "2020-07-01T00:00:00Z/2020-07-01T23:59:59Z"


@pytest.fixture(scope="module")
def harbour(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    return build(tiny_folder, tmp_path_factory.mktemp("harbour"))


@pytest.fixture(scope="module")
def client(harbour: Harbour) -> TestClient:
    return harbour.client()


def body(client: TestClient, url: str, media: str = "application/json") -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media
    read: dict[str, Any] = answer.json()
    return read


def items(client: TestClient, query: str = "") -> dict[str, Any]:
    return body(client, f"{VESSELS}/items{query}", "application/geo+json")


def ids(client: TestClient, query: str = "") -> list[str]:
    return [feature["id"] for feature in items(client, query)["features"]]


def test_ogcapi_movingfeatures_1_common(client: TestClient) -> None:
    """/req/common: limit, bbox, datetime and the HTTP answer."""
    assert ids(client) == [OWN, FAR, CROSSING, DARK]
    assert ids(client, "?limit=1") == [OWN]
    west = "?bbox=-75.2,-42.65,-75.13,-42.55"
    assert ids(client, west) == [OWN, DARK]
    assert ids(client, "?bbox=-75.095,-42.61,-75.085,-42.59") == [FAR, CROSSING]
    assert ids(client, "?datetime=2020-07-01T02:00:00Z/..") == [DARK]
    assert ids(client, "?datetime=2020-06-30") == []
    for query in ("?limit=0", "?bbox=1,2,3", "?datetime=soon", "?unknown=1"):
        answer = client.get(f"{VESSELS}/items{query}")
        assert answer.status_code == 400 and answer.json()["code"] == "InvalidParameterValue"


def test_only_what_is_read_is_claimed() -> None:
    assert [uri.rsplit("/", 1)[1] for uri in BLOCK.classes] == ["common"]


def test_collections_say_that_their_items_move(client: TestClient) -> None:
    listed = {row["id"]: row for row in body(client, "/collections")["collections"]}
    for name in ("vessels", "trucks"):
        assert listed[name] == body(client, f"/collections/{name}")
        assert listed[name]["itemType"] == "movingfeature"
    extent = listed["vessels"]["extent"]
    assert extent["spatial"]["bbox"] == [[-75.19, -42.6, -75.05, -42.6]]
    assert extent["temporal"]["interval"] == [["2020-07-01T00:00:00Z", "2020-07-01T02:20:00Z"]]
    assert client.get(f"{VESSELS}?f=html").status_code == 200


def test_a_feature_holds_what_does_not_change(client: TestClient) -> None:
    feature = body(client, f"{VESSELS}/items/{OWN}", "application/geo+json")
    assert feature["type"] == "Feature" and feature["id"] == OWN
    assert feature["properties"] == {
        "mmsi": OWN,
        "name": "OWN SHIP",
        "callsign": None,
        "ship_type": 70,
    }
    assert feature["time"] == ["2020-07-01T00:00:00Z", "2020-07-01T00:55:00Z"]
    assert feature["geometry"]["type"] == "LineString"
    dark = body(client, f"{VESSELS}/items/{DARK}", "application/geo+json")
    assert dark["geometry"]["type"] == "MultiLineString", "nothing is drawn over a silence"


def test_a_name_of_any_letters_is_found(client: TestClient) -> None:
    trucks = body(client, "/collections/trucks/items", "application/geo+json")
    (truck,) = trucks["features"]
    assert truck["id"] == TRUCK
    links = {link["title"]: link["href"] for link in truck["links"]}
    assert body(client, links["Moving feature"], "application/geo+json")["id"] == TRUCK
    sequence = body(client, links["Temporal geometries"])
    assert sequence["numberMatched"] == 1


def test_a_sequence_has_a_primitive_for_each_run(client: TestClient) -> None:
    document = body(client, f"{VESSELS}/items/{DARK}/tgsequence")
    assert document["type"] == "TemporalGeometrySequence" and document["numberMatched"] == 2
    first, second = document["geometrySequence"]
    assert first["id"] == "20200701T000000.000Z" and second["id"] == "20200701T021000.000Z"
    assert first["type"] == "MovingPoint" and first["interpolation"] == "Linear"
    assert first["datetimes"] == ["2020-07-01T00:00:00Z", "2020-07-01T00:10:00Z"]
    assert first["coordinates"] == [[-75.18, -42.6], [-75.17, -42.6]]
    assert first["crs"]["properties"]["name"] == "urn:ogc:def:crs:OGC:1.3:CRS84"
    (only,) = body(client, f"{VESSELS}/items/{DARK}/tgsequence?limit=1&offset=1")[
        "geometrySequence"
    ]
    assert only == second


def test_leaf_gives_places_at_instants_and_none_in_the_dark(client: TestClient) -> None:
    instants = "2020-07-01T00:05:00Z,2020-07-01T01:00:00Z,2020-07-01T02:15:00Z"
    document = body(client, f"{VESSELS}/items/{DARK}/tgsequence?leaf={instants}")
    found = [(g["datetimes"], g["coordinates"]) for g in document["geometrySequence"]]
    assert found == [
        (["2020-07-01T00:05:00Z"], [[-75.175, -42.6]]),
        (["2020-07-01T02:15:00Z"], [[-75.115, -42.6]]),
    ]


def test_a_sub_trajectory_is_cut_at_the_interval(client: TestClient) -> None:
    span = "2020-07-01T00:02:30Z/2020-07-01T00:12:00Z"
    document = body(client, f"{VESSELS}/items/{OWN}/tgsequence?subTrajectory=true&datetime={span}")
    (part,) = document["geometrySequence"]
    assert part["datetimes"] == [
        f"2020-07-01T00:{at}Z" for at in ("02:30", "05:00", "10:00", "12:00")
    ]
    listed = items(client, f"?subTrajectory=true&datetime={span}&limit=1")
    (feature,) = listed["features"]
    assert feature["temporalGeometry"]["datetimes"] == part["datetimes"]
    assert listed["numberMatched"] == 4


def test_what_cannot_go_together_is_refused(client: TestClient) -> None:
    for query in (
        "subTrajectory=true",
        "subTrajectory=true&datetime=2020-07-01T00:00:00Z",
        "subTrajectory=true&datetime=2020-07-01T00:00:00Z/..",
        f"subTrajectory=true&datetime={DAY}&leaf=2020-07-01T00:00:00Z",
        "leaf=2020-07-01T00:01:00Z,2020-07-01T00:00:00Z",
        "leaf=",
        "subTrajectory=perhaps",
    ):
        assert client.get(f"{VESSELS}/items/{OWN}/tgsequence?{query}").status_code == 400, query


def test_curves_are_derived_from_a_primitive(client: TestClient) -> None:
    home = f"{VESSELS}/items/{OWN}/tgsequence/20200701T000000.000Z"
    distance = body(client, f"{home}/distance")
    assert (distance["name"], distance["type"], distance["form"]) == ("distance", "TReal", "MTR")
    (curve,) = distance["valueSequence"]
    # 0.04 degrees of longitude at 42.6 degrees south: 111412.84 cos(f) - 93.5 cos(3f) m a degree.
    assert curve["values"][-1] == pytest.approx(3283, abs=2) and curve["values"][0] == 0
    (speed,) = body(client, f"{home}/velocity")["valueSequence"]
    assert speed["values"][0] == pytest.approx(curve["values"][1] / 300, rel=1e-6)
    assert speed["interpolation"] == "Step"
    assert body(client, f"{home}/velocity")["form"] == "MTS"
    (change,) = body(client, f"{home}/acceleration")["valueSequence"]
    assert change["values"] == pytest.approx([0] * 10, abs=1e-6)
    at = body(client, f"{home}/distance?leaf=2020-07-01T00:02:30Z")["valueSequence"][0]
    assert at["values"] == [pytest.approx(curve["values"][1] / 2, rel=1e-6)]
    for path in ("20200701T000001.000Z/velocity", "x/velocity", "20200701T000000.000Z/mood"):
        assert client.get(f"{VESSELS}/items/{OWN}/tgsequence/{path}").status_code == 404


def test_a_curve_may_begin_with_any_fix(client: TestClient) -> None:
    home = f"{VESSELS}/items/{OWN}/tgsequence/20200701T003000.000Z"
    (curve,) = body(client, f"{home}/distance")["valueSequence"]
    assert curve["datetimes"][0] == "2020-07-01T00:30:00Z" and curve["values"][0] == 0


def test_temporal_properties(client: TestClient) -> None:
    home = f"{VESSELS}/items/{OWN}/tproperties"
    listed = body(client, home)
    assert [(p["name"], p["type"]) for p in listed["temporalProperties"]] == [
        ("sog", "TReal"),
        ("cog", "TReal"),
        ("nav", "TInteger"),
    ], "heading was never measured"
    span = "datetime=2020-07-01T00:00:00Z/2020-07-01T00:05:00Z&subTemporalValue=true"
    (group,) = body(client, f"{home}?{span}")["temporalProperties"]
    assert group["datetimes"] == ["2020-07-01T00:00:00Z", "2020-07-01T00:05:00Z"]
    assert group["sog"]["type"] == "Measure" and group["sog"]["form"] == "MTS"
    speed = body(client, f"{home}/sog")
    (sequence,) = speed["valueSequence"]
    assert sequence["interpolation"] == "Linear" and len(sequence["values"]) == 12
    (at,) = body(client, f"{home}/cog?leaf=2020-07-01T00:01:00Z")["valueSequence"]
    assert at["values"] == [90]
    assert client.get(f"{home}/mood").status_code == 404
    values = body(client, f"/collections/trucks/items/{quote(TRUCK, safe='')}/tproperties/ignition")
    assert values["type"] == "TBoolean"
    assert values["valueSequence"][0]["values"] == [True, False], "255 says nothing"


def test_nobody_writes(client: TestClient) -> None:
    for path in (
        "",
        "/items",
        f"/items/{OWN}",
        f"/items/{OWN}/tgsequence",
        f"/items/{OWN}/tgsequence/20200701T000000.000Z",
        f"/items/{OWN}/tproperties",
        f"/items/{OWN}/tproperties/sog",
        f"/items/{OWN}/tproperties/sog/1",
    ):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.request(method, VESSELS + path).status_code == 405, (method, path)


def test_what_is_written_is_read_back(client: TestClient) -> None:
    document = items(client, f"?subTrajectory=true&datetime={DAY}")
    read = {feature.id: feature for feature in read_features(document)}
    assert list(read) == [OWN, FAR, CROSSING, DARK]
    assert len(read[DARK].runs) == 2
    listed = body(client, f"{VESSELS}/items/{OWN}/tgsequence")["geometrySequence"][0]
    (run,) = read[OWN].runs
    assert run.t.tolist() == read_times(listed["datetimes"]).tolist()
    assert run.lon.values.tolist() == [place[0] for place in listed["coordinates"]]


def test_the_api_is_defined(client: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    document = body(client, "/openapi", "application/vnd.oai.openapi+json;version=3.0")
    assert validate_openapi_document(document)
    path = "/collections/vessels/items/{mFeatureId}/tgsequence/{tGeometryId}/velocity"
    assert path in document["paths"] and "/collections/trucks/items" in document["paths"]


# The guide speaks of the demo city; the same things in the city of the tests.
_HERE = {
    r"/\d{9}\b": "/725000001",
    r"/\d{8}T\d{6}\.000Z/": "/20200701T000000.000Z/",
    r"/tree/": "/navigation_mark/",
    r"POINT\([^)]*\)": "POINT(-75.1%20-42.6)",
    r"bbox=[^&]*": "bbox=-75.2,-42.7,-75.0,-42.5",
}


def test_every_request_of_the_guide_is_answered(client: TestClient) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "movers.md").read_text("utf-8")
    asked = re.findall(r"curl 'http://127\.0\.0\.1:5000(/[^']+)'", guide)
    assert len(asked) > 8
    for path in asked:
        for there, here in _HERE.items():
            path = re.sub(there, here, path)
        assert client.get(path).status_code == 200, path
