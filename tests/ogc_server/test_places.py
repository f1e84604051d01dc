"""Every row tells its H3 cell and its jurisdiction, so that answers of two layers can be joined."""

from __future__ import annotations

from starlette.testclient import TestClient

from layers.h3grid import parse_cell, resolution_of
from layers.query import Query
from layers.store import Store

MARKS = "/collections/navigation_mark/items"


def test_each_row_with_a_place_tells_its_cell_and_jurisdiction(
    client: TestClient, store: Store
) -> None:
    frame = store.frame(Query("navigation_mark")).set_index("fid")
    for feature in client.get(MARKS).json()["features"]:
        row, told = frame.loc[feature["id"]], feature["properties"]
        assert len(told["h3"]) == 15 and parse_cell(told["h3"]) == row["h3"]
        assert told["jurisdiction"] == (row["jurisdiction"] or None)


def test_both_can_be_asked_for_alone_and_one_row_has_them_too(client: TestClient) -> None:
    feature = client.get(f"{MARKS}?properties=h3,jurisdiction&limit=1").json()["features"][0]
    assert list(feature["properties"]) == ["h3", "jurisdiction"]
    one = client.get(f"{MARKS}/{feature['id']}").json()["properties"]
    assert one["h3"] == feature["properties"]["h3"]
    text = client.get(f"{MARKS}?properties=h3&limit=1&f=csv&skipGeometry=true").text
    assert text.split() == ["\ufeffh3", feature["properties"]["h3"]]


def test_a_cell_that_was_told_finds_its_rows(client: TestClient) -> None:
    cell = client.get(f"{MARKS}?limit=1").json()["features"][0]["properties"]["h3"]
    assert resolution_of(parse_cell(cell)) == 11
    found = client.get(f"{MARKS}?cells={cell}").json()["features"]
    assert found and {feature["properties"]["h3"] for feature in found} == {cell}


def test_rows_are_asked_for_by_jurisdiction(client: TestClient) -> None:
    everything = client.get(f"{MARKS}?limit=1000").json()["features"]
    codes = [feature["properties"]["jurisdiction"] for feature in everything]
    for code in {code for code in codes if code}:
        for question in (f"jurisdiction={code}", f"filter=jurisdiction LIKE '{code}%25'"):
            answer = client.get(f"{MARKS}?resulttype=hits&{question}").json()
            assert answer["numberMatched"] >= codes.count(code)
    missing = client.get(f"{MARKS}?resulttype=hits&filter=jurisdiction IS NULL").json()
    assert missing["numberMatched"] == codes.count(None)


def test_they_are_declared_and_a_register_has_neither(client: TestClient) -> None:
    home = "/collections/navigation_mark"
    schema = client.get(f"{home}/schema").json()["properties"]
    assert {"h3", "jurisdiction"} <= schema.keys() and schema["h3"]["type"] == "string"
    queryables = client.get(f"{home}/queryables").json()["properties"]
    assert "jurisdiction" in queryables and "h3" not in queryables
    register = client.get("/collections/vessel_registry/items?limit=1").json()["features"][0]
    assert not {"h3", "jurisdiction"} & register["properties"].keys()


def test_a_refusal_lists_only_what_can_be_used(client: TestClient) -> None:
    for question in ("properties=nothing", "sortby=nothing", "filter=nothing=1"):
        words = client.get(f"{MARKS}?{question}").json()["description"]
        named = [name.strip() for name in words.split("there are", 1)[1].split(",")]
        assert "jurisdiction" in named
        assert not {"gid", "fid", "valid_from", "updated_at", "source"} & set(named)
        usable = ",".join(name for name in named if name != "geometry")
        assert client.get(f"{MARKS}?properties={usable}").status_code == 200
    assert "cells" in client.get(f"{MARKS}?h3=8a").json()["description"]
