"""Who may see a mover, what strange questions get, and what real clients read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import shapely
from starlette.testclient import TestClient

from layers.access import LOCAL, PUBLIC, Audience
from layers.mfjson import read_times
from layers.query import Scope
from tests.ogc_server.moving import CROSSING, DARK, FAR, OWN, TRUCK, Harbour, build, clerk, town

VESSELS = "/collections/vessels"
HIDDEN_EAST = -75.1
PATHS = (
    "",
    "/items",
    f"/items/{OWN}",
    f"/items/{OWN}/tgsequence",
    f"/items/{OWN}/tgsequence/20200701T000000.000Z/velocity",
    f"/items/{OWN}/tproperties",
    f"/items/{OWN}/tproperties/sog",
)


@pytest.fixture(scope="module")
def harbour(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    return build(tiny_folder, tmp_path_factory.mktemp("harbour"))


@pytest.fixture(scope="module")
def client(harbour: Harbour) -> TestClient:
    return harbour.client()


@pytest.fixture(scope="module")
def own(harbour: Harbour) -> TestClient:
    """A clerk of Old Harbour."""
    return harbour.client(clerk("PS-OH"))


def body(client: TestClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def longitudes(document: Any) -> list[float]:
    """Longitudes of whatever stands in a document."""
    if isinstance(document, dict):
        return [x for value in document.values() for x in longitudes(value)]
    if isinstance(document, list):
        if len(document) in (2, 4) and all(isinstance(v, float) for v in document):
            return [v for v in document[::2] if v < -60]
        return [x for value in document for x in longitudes(value)]
    return []


@pytest.mark.parametrize(
    "audience",
    [
        PUBLIC,
        Audience("internal", frozenset({"public", "internal"})),
        Audience("other department", LOCAL.sensitivities, departments=frozenset({"police"})),
    ],
    ids=lambda audience: audience.name,
)
def test_whoever_sees_no_tracks_sees_no_movers(harbour: Harbour, audience: Audience) -> None:
    client = harbour.client(audience)
    for path in PATHS:
        for method in ("GET", "POST"):
            assert client.request(method, VESSELS + path).status_code in (404, 405)
        assert client.get(VESSELS + path).status_code == 404, path
    for path in ("/collections", "/openapi", "/collections?f=html", "/"):
        assert "collections/vessels" not in client.get(path).text


def test_a_clerk_sees_what_is_in_his_town_only(own: TestClient) -> None:
    listed = body(own, f"{VESSELS}/items")
    assert [f["id"] for f in listed["features"]] == [OWN, CROSSING, DARK]
    assert listed["numberMatched"] == 3
    documents = [listed, body(own, VESSELS)]
    for mover in (OWN, CROSSING, DARK):
        home = f"{VESSELS}/items/{mover}"
        documents += [body(own, home), body(own, f"{home}/tgsequence")]
    span = "datetime=2020-07-01T00:00:00Z/2020-07-02T00:00:00Z&subTrajectory=true"
    documents.append(body(own, f"{VESSELS}/items?{span}"))
    for document in documents:
        assert longitudes(document) and max(longitudes(document)) <= HIDDEN_EAST, document
    assert FAR not in str(documents) and "FAR SHIP" not in str(documents)


def test_another_towns_mover_is_as_one_that_never_was(own: TestClient, client: TestClient) -> None:
    for path in ("", "/tgsequence", "/tgsequence/20200701T000000.000Z/velocity", "/tproperties"):
        hidden = own.get(f"{VESSELS}/items/{FAR}{path}")
        never = own.get(f"{VESSELS}/items/999999999{path}")
        assert hidden.status_code == never.status_code == 404
        assert hidden.text.replace(FAR, "") == never.text.replace("999999999", "")
        assert client.get(f"{VESSELS}/items/{FAR}{path}").status_code == 200


def test_a_path_is_cut_where_it_left_the_town(own: TestClient, client: TestClient) -> None:
    whole = body(client, f"{VESSELS}/items/{CROSSING}/tgsequence")
    parts = body(own, f"{VESSELS}/items/{CROSSING}/tgsequence")
    assert whole["numberMatched"] == 1 and parts["numberMatched"] == 2
    times = [part["datetimes"] for part in parts["geometrySequence"]]
    assert times[0][-1] == "2020-07-01T00:10:00Z" and times[1][0] == "2020-07-01T00:45:00Z"
    abroad = "2020-07-01T00:30:00Z"
    leaf = body(own, f"{VESSELS}/items/{CROSSING}/tgsequence?leaf={abroad}")
    assert leaf["geometrySequence"] == []
    values = body(own, f"{VESSELS}/items/{CROSSING}/tproperties/sog?leaf={abroad}")
    assert values["valueSequence"] == []


def test_nothing_is_derived_from_hidden_positions(own: TestClient, client: TestClient) -> None:
    for name in ("distance", "velocity", "acceleration"):
        path = f"{VESSELS}/items/{CROSSING}/tgsequence/20200701T000000.000Z/{name}"
        for part in body(own, path)["valueSequence"]:
            assert max(part["datetimes"]) <= "2020-07-01T00:10:00Z"
        # A fix abroad begins nothing for the clerk.
        path = path.replace("T000000", "T003000")
        assert client.get(path).status_code == 200 and own.get(path).status_code == 404


def test_hidden_values_are_in_no_property(own: TestClient) -> None:
    span = "datetime=2020-07-01T00:00:00Z/2020-07-02T00:00:00Z&subTemporalValue=true"
    for path in ("tproperties/sog", "tproperties/nav", f"tproperties?{span}"):
        text = own.get(f"{VESSELS}/items/{CROSSING}/{path}").text
        minutes = [int(at) for at in re.findall(r"T00:(\d\d):00Z", text)]
        assert minutes and not [at for at in minutes if 10 < at < 45]


def test_a_box_or_time_abroad_finds_nothing(own: TestClient, client: TestClient) -> None:
    abroad = ",".join(str(v) for v in town("PS-LP").buffer(-1e-6).bounds)
    for query in (f"bbox={abroad}", "datetime=2020-07-01T00:30:00Z&bbox=-75.09,-43,-75,-42"):
        assert body(client, f"{VESSELS}/items?{query}")["numberMatched"] > 0
        found = body(own, f"{VESSELS}/items?{query}")
        assert found["numberMatched"] == 0 and found["features"] == []


def test_a_fix_in_no_unit_is_nobodys(harbour: Harbour) -> None:
    nowhere = harbour.client(clerk("zz"))
    assert body(nowhere, f"{VESSELS}/items")["features"] == []
    extent = body(nowhere, VESSELS)["extent"]
    assert "temporal" not in extent
    assert extent["spatial"]["bbox"] == [list(harbour.city.bounds)], "says nothing of movers"


def test_readers_never_share_an_answer(harbour: Harbour) -> None:
    tags = {
        harbour.client(audience).get(f"{VESSELS}/items").headers["etag"]
        for audience in (LOCAL, clerk("PS-OH"), clerk("PS-LP"))
    }
    assert len(tags) == 3


def test_a_scope_that_is_not_understood_shows_nothing(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Narrower(Scope):
        """A scope of another day."""

    odd = Audience("odd", LOCAL.sensitivities, Narrower(None))
    assert body(harbour.client(odd), f"{VESSELS}/items")["features"] == []


def test_without_positions_there_are_no_movers(harbour: Harbour) -> None:
    from ogc_server import create_app

    bare = TestClient(create_app(harbour.city, harbour.store), base_url="http://127.0.0.1:5000")
    assert bare.get(VESSELS).status_code == 404
    assert bare.get(f"{VESSELS}/items").status_code == 404


def test_an_answer_stays_the_same_until_there_are_new_positions(
    tiny_folder: Path, tmp_path: Path
) -> None:
    from layers.positions import PositionStore
    from tests.ogc_server.moving import fixes

    changing = build(tiny_folder, tmp_path)
    client = changing.client()
    for path in ("", "/items", f"/items/{OWN}", f"/items/{OWN}/tgsequence"):
        answer = client.get(VESSELS + path)
        held = client.get(VESSELS + path, headers={"If-None-Match": answer.headers["etag"]})
        assert held.status_code == 304, path
    store = PositionStore(tmp_path / "positions")
    store.write("ais", fixes(OWN, [200, 205], [-75.149, -75.148]), "later")
    for path in ("", "/items", f"/items/{OWN}", f"/items/{OWN}/tgsequence"):
        assert "03:25:00Z" in client.get(VESSELS + path).text, path


STRANGE = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "%00",
    "' OR 1=1 --",
    "*",
    "x" * 5000,
    "🚢",
    "feed=ais",
)


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_name_nothing(client: TestClient, name: str) -> None:
    for path in ("", "/tgsequence", "/tproperties/sog", f"/tgsequence/{quote(name)}/velocity"):
        for given in (name, quote(name, safe="")):
            assert client.get(f"{VESSELS}/items/{given}{path}").status_code == 404


@pytest.mark.parametrize(
    "run",
    ["20200701T000000.000Z-0", "20200701T000000.000Z-2", "20200701T000000.000Z-99999999999",
     "99999999T999999.999Z", "00000101T000000.000Z", "00010101T000000.000Z",
     "99991231T235959.999Z", "20200701T000000.000Z-x", "-", "20200701T000000.000Z-"],
)  # fmt: skip
def test_strange_runs_are_not_found(client: TestClient, run: str) -> None:
    answer = client.get(f"{VESSELS}/items/{OWN}/tgsequence/{run}/velocity")
    assert answer.status_code == (200 if run.endswith("Z-") else 404)


@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=1e9", "limit=x", "offset=-1", "offset=99999999999999999999",
     "bbox=nan,0,0,0", "bbox=inf,0,0,0", "bbox=0,1,0,0", "bbox=,,,", "bbox-crs=EPSG:4326",
     "datetime=2020-07-01/2019-01-01", "datetime=a/b/c", "datetime=", "leaf=now",
     "leaf=2020-07-01,,", "datetime=0000-13-01",
     "leaf=" + ",".join(["2020-07-01T00:00:00Z"] * 2), "limit=1&limit=2", "f=xml"],
)  # fmt: skip
def test_bad_values_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"{VESSELS}/items/{OWN}/tgsequence?{query}")
    assert answer.status_code == 400, answer.text
    assert "description" in answer.json()


@pytest.mark.parametrize(
    "query",
    ["limit=1000000000", "offset=1000000000", "bbox=-180,-90,180,90", "bbox=170,-90,-170,90",
     "datetime=0001-01-01T00:00:00Z/9999-12-30T00:00:00Z", "datetime=0000-01-01/9999-12-31",
     "datetime=../..", "datetime=9999-12-30", "datetime=0001-01-01",
     "subTrajectory=true&datetime=0001-01-01T00:00:00Z/9999-12-30T00:00:00Z",
     "bbox=-8400000,-5400000,-8300000,-5200000&bbox-crs=EPSG:3857"],
)  # fmt: skip
def test_wide_and_far_values_are_answered(client: TestClient, query: str) -> None:
    for path in ("/items", f"/items/{OWN}/tgsequence"):
        answer = client.get(f"{VESSELS}{path}?{query}")
        assert answer.status_code == 200, answer.text


def test_pages_follow_one_another(client: TestClient) -> None:
    url, seen = f"{VESSELS}/items?limit=3", []
    while url:
        document = body(client, url)
        seen += [feature["id"] for feature in document["features"]]
        url = next((link["href"] for link in document["links"] if link["rel"] == "next"), "")
    assert seen == [OWN, FAR, CROSSING, DARK]


def test_a_mover_is_found_between_its_fixes(client: TestClient) -> None:
    narrow = "bbox=-75.1755,-42.61,-75.1745,-42.59"
    assert DARK in [f["id"] for f in body(client, f"{VESSELS}/items?{narrow}")["features"]]
    dark = "bbox=-75.15,-42.61,-75.14,-42.59&datetime=2020-07-01T01:10:00Z"
    assert body(client, f"{VESSELS}/items?{dark}")["features"] == [], "not where it was silent"


def test_movingpandas_reads_the_same_points(client: TestClient) -> None:
    import movingpandas

    for mover in (OWN, DARK):
        document = body(client, f"{VESSELS}/items/{mover}/tgsequence")
        features = [
            {
                "type": "Feature",
                "properties": {"run": geometry["id"]},
                "temporalGeometry": geometry,
            }
            for geometry in document["geometrySequence"]
        ]
        collection = movingpandas.read_mf_dict(
            {"type": "FeatureCollection", "features": features}, traj_id_property="run"
        )
        assert len(collection) == len(features)
        for trajectory, feature in zip(collection, features, strict=True):
            geometry = feature["temporalGeometry"]
            read = shapely.get_coordinates(trajectory.df.geometry.to_numpy()).tolist()
            assert read == geometry["coordinates"]
            stamps = (
                trajectory.df.index.tz_localize("UTC")
                if trajectory.df.index.tz is None
                else trajectory.df.index
            )
            assert [int(t.timestamp() * 1000) for t in stamps] == read_times(
                geometry["datetimes"]
            ).tolist()


def test_movingpandas_reads_properties_too(client: TestClient) -> None:
    import movingpandas

    span = "datetime=2020-07-01T00:00:00Z/2020-07-01T00:55:00Z"
    (feature,) = body(client, f"{VESSELS}/items?{span}&subTrajectory=true&limit=1")["features"]
    values = body(client, f"{VESSELS}/items/{OWN}/tproperties?{span}&subTemporalValue=true")
    feature["temporalProperties"] = values["temporalProperties"]
    trajectory = movingpandas.read_mf_dict(feature, traj_id_property="mmsi")
    assert trajectory.df["sog"].iloc[0] == pytest.approx(1) and len(trajectory.df) == 12
    assert trajectory.df["cog"].tolist() == [90] * 12
    assert TRUCK not in str(feature)
