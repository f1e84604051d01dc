"""What a package holds: all that is cited as it stood, and in so many words what is missing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from analytics.event import to_frame
from cases.evidence import folder
from cases.evidence.excerpt import excerpt_of
from cases.evidence.package import NoCaseError, Package
from cases.evidence.seen import Seen
from layers.positions import PositionStore
from layers.query import Query
from tests.cases.evidence.yard import (
    EVENT,
    FOUND,
    LATER,
    LOADED,
    MESSAGE,
    MMSI,
    PLATE,
    RECORD,
    SEALED,
    STATION,
    VESSEL_FIXES,
    ZONE,
    Yard,
    _vessel_event,
    station,
    vessel_track,
    weighing,
)


def texts(package: Package, part: str) -> list[str]:
    return [one["en"] for one in package.document[part]]


def test_a_trucks_case_holds_record_station_law_track_and_rule(yard: Yard) -> None:
    held = yard.package(yard.truck).document
    (alert,) = held["alerts"]
    assert alert["properties"]["subject"] == PLATE
    assert alert["written"] == "2020-07-01T01:00:00.000Z"
    (record,) = held["records"]
    assert (record["layer"], record["id"]) == ("weighing", RECORD)
    assert record["properties"]["gross_kg"] == 60_000 and record["now"] == "same"
    assert record["origin"]["properties"]["sha256"] == "ab" * 32
    wim, law = held["references"]
    assert (wim["layer"], wim["fid"]) == ("wim_station", STATION)
    assert wim["row"]["properties"]["verify_until"] == "2021-01-01"
    assert wim["row"]["standing"] == "then"
    assert wim["reproduced"] == {"version": wim["cited"]["version"], "equal": True}
    assert law["cited"]["id"] == "Island by-law 3" and law["row"] is None
    (rule,) = held["rules"]
    assert rule["parameters"]["tables"][0]["limits"][1]["limit_kg"] == 40_000
    assert rule["sources"]["tables"] == "invented" and rule["found_by"] == ["2"]
    (track,) = held["tracks"]
    # Half an hour before and after, both ends included.
    assert [fix["time"][11:16] for fix in track["fixes"]] == [
        f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 65, 5)
    ]
    assert not held["missing"] and held["whole"]


def test_a_vessels_case_holds_zone_fixes_and_message(yard: Yard) -> None:
    held = yard.package(yard.vessel).document
    (track,) = held["tracks"]
    assert (track["feed"], track["subject"]) == ("ais", MMSI)
    cited = [fix["id"] for fix in track["fixes"] if fix.get("cited")]
    assert cited == vessel_track()["pid"].to_pylist()[2:5]
    (message,) = held["messages"]
    assert message["id"] == MESSAGE and message["name"] == "DARK HORSE"
    (zone,) = held["references"]
    assert zone["fid"] == ZONE and zone["reproduced"]["equal"]
    assert zone["row"]["geometry"]["type"] == "MultiPolygon"
    assert texts(Package(held), "doubts") == ["It may have anchored."]
    assert not held["missing"]


def test_equal_states_give_equal_bytes(yard: Yard) -> None:
    for case in (yard.truck, yard.vessel):
        one, other = (folder.files_of(yard.package(case)) for _ in range(2))
        assert one == other and set(one) == set(folder.FILES)
        assert folder.zipped(one) == folder.zipped(dict(reversed(other.items())))


def test_what_happens_later_does_not_change_what_stood(yard: Yard) -> None:
    before = {case: yard.package(case).document for case in (yard.truck, yard.vessel)}
    yard.put("wim_station", station(date(2031, 1, 1)), LATER)
    yard.put("weighing", weighing(61_000.0), LATER)
    yard.delete("marine_zone", ZONE)
    yard.change("case_event", yard.truck, "state", "rejected")
    assert {case: yard.package(case).document for case in before} == before


def test_a_reference_is_shown_as_it_stood_at_the_event(yard: Yard) -> None:
    yard.put("wim_station", station(date(2020, 8, 1)), FOUND + timedelta(hours=1))
    wim, _ = yard.package(yard.truck).document["references"]
    assert wim["row"]["properties"]["verify_until"] == "2021-01-01"
    assert wim["row"]["valid_to"] == "2020-07-01T02:00:00.000Z" and wim["row"]["now"] == "changed"
    assert wim["reproduced"]["equal"], "the rule read the row of its own time"


def test_a_reference_that_was_kept_only_later_is_said(yard: Yard) -> None:
    yard.delete("marine_zone", ZONE, LOADED + timedelta(days=1))
    package = yard.package(yard.vessel)
    assert any("had ended before the event" in text for text in texts(package, "doubts"))
    assert any("does not come out of the rows" in text for text in texts(package, "doubts"))


def test_a_changed_record_is_shown_as_the_rule_read_it(yard: Yard) -> None:
    yard.put("weighing", weighing(70_000.0), FOUND + timedelta(hours=1))
    package = yard.package(yard.truck)
    (record,) = package.document["records"]
    assert record["properties"]["gross_kg"] == 60_000 and record["now"] == "changed"
    assert "The record was changed after the alert." in texts(package, "doubts")


def test_a_deleted_record_is_said(yard: Yard) -> None:
    yard.delete("weighing", RECORD, FOUND + timedelta(hours=1))
    package = yard.package(yard.truck)
    assert package.document["records"][0]["now"] == "deleted"
    assert any(f"{RECORD} is no longer there" in text for text in texts(package, "doubts"))


def test_missing_fixes_and_records_are_said_not_hidden(yard: Yard) -> None:
    yard.positions = PositionStore(yard.folder / "elsewhere")
    package = yard.package(yard.vessel)
    assert package.document["tracks"] == []
    gone = [*vessel_track()["pid"].to_pylist()[2:5], MESSAGE]
    assert texts(package, "missing") == [f"Cited record {p} is no longer there." for p in gone]
    page = folder.files_of(package)[folder.REPORT_HTML].decode()
    assert all(f"所引用的记录{pid}已不存在。" in page for pid in gone)


def test_a_missing_alert_is_said(yard: Yard) -> None:
    yard.change("case_event", yard.vessel, "alerts", '["nowhere"]', FOUND + timedelta(hours=1))
    package = yard.package(yard.vessel)
    assert texts(package, "missing") == ["Cited alert nowhere is no longer there."]
    assert len(package.document["alerts"]) == 1, "the alert that opened the case is known too"


def test_a_fix_whose_id_is_not_of_its_content_is_said(yard: Yard) -> None:
    table = vessel_track()
    moved = table.set_column(3, "lat", [[-42.61] * VESSEL_FIXES])
    yard.positions.write("ais", moved.slice(0, 1), "batch")
    package = yard.package(yard.vessel)
    assert any("an id that is not that of their content" in t for t in texts(package, "doubts"))


def test_a_rule_of_another_version_is_said(yard: Yard) -> None:
    alert = yard.row("alert", _vessel_event(yard).id)
    alert["rule_version"] = "0"
    yard.put("alert", alert, FOUND + timedelta(hours=1))
    package = yard.package(yard.vessel)
    assert any(t.startswith("Found by version 0 of the rule") for t in texts(package, "doubts"))


def test_long_tracks_are_thinned_and_cited_fixes_stay(yard: Yard) -> None:
    few = excerpt_of(yard.city).model_copy(update={"most_fixes": 2})
    package = yard.package(yard.vessel, excerpt=few)
    (track,) = package.document["tracks"]
    assert track["fixes_in_all"] == VESSEL_FIXES and len(track["fixes"]) == 5
    assert sum(bool(fix.get("cited")) for fix in track["fixes"]) == 3
    assert any("all cited ones among them" in text for text in texts(package, "doubts"))


def test_the_city_may_declare_the_excerpt(yard: Yard, tiny_copy: Any) -> None:
    from layers.city import City

    assert excerpt_of(yard.city).before_min == 30
    words = "before_min: 1\nafter_min: 2\nmost_fixes: 9\nmost_ground: 0\n"
    (tiny_copy / "evidence.yaml").write_text(words, "utf-8")
    assert excerpt_of(City(tiny_copy)).after_min == 2


def test_places_are_geojson(yard: Yard) -> None:
    for case in (yard.truck, yard.vessel):
        places = yard.package(case).places
        roles = [feature["properties"]["role"] for feature in places["features"]]
        assert {"reference", "track", "fix", "alert", "case"} <= set(roles)
        ids = [feature["id"] for feature in places["features"]]
        assert len(set(ids)) == len(ids)
        assert "crs" not in places


def test_further_features_have_a_place(yard: Yard) -> None:
    def roads(seen: Seen, document: dict[str, Any]) -> list[dict[str, Any]]:
        path = [[f["lon"], f["lat"]] for f in document["tracks"][0]["fixes"]]
        line = {"type": "LineString", "coordinates": path}
        return [{"type": "Feature", "id": "r1", "geometry": line, "properties": {"road": "R1"}}]

    package = yard.package(yard.truck, extras=[roads])
    (one,) = [f for f in package.places["features"] if f["properties"]["role"] == "extra"]
    assert one["id"] == "extra/r1" and one["properties"]["road"] == "R1"
    assert b'class="extra"' in folder.files_of(package)[folder.REPORT_HTML]


@pytest.mark.parametrize(
    "case", ["", "nothing", "'; DROP TABLE x; --", "静" * 200, "\0", "../../x"]
)
def test_ids_of_no_case_are_refused(yard: Yard, case: str) -> None:
    with pytest.raises(NoCaseError):
        yard.package(case)


def test_a_case_is_there_from_when_it_was_opened(yard: Yard) -> None:
    with pytest.raises(NoCaseError):
        yard.package(yard.truck, EVENT)


def test_evidence_that_is_none_breaks_nothing(yard: Yard) -> None:
    alert = to_frame([_vessel_event(yard)])
    for odd in (None, "3", '{"points": 7, "references": [1], "measures": [1], "doubts": {}}'):
        alert["evidence"] = [odd]
        yard.put("alert", alert, FOUND + timedelta(minutes=5))
        package = yard.package(yard.vessel)
        assert folder.files_of(package)[folder.PACKAGE]
        assert json.loads(json.dumps(package.document)) == package.document


def test_personal_layers_are_nobodys(yard: Yard) -> None:
    assert all(yard.city.layer(one).sensitivity != "personal" for one in yard.seen.layers())
    assert yard.store.count(Query("case_event")) == 2 and SEALED > FOUND
