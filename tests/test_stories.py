"""The two stories that the platform began with, from the feed's own bytes to the case.

The vessel's name, place and time are the story's; the shop's coordinates are nowhere stated, so
the test plants its own door line and camera.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import geopandas as gpd
import pyais
import pytest
import shapely

from layers.city import City
from layers.crs import transformer
from layers.query import Query
from layers.store import Store, open_store
from onemap.home import Home
from onemap.intake import take_in
from onemap.pipeline import Found, detect
from onemap.setup import initialise

AT = datetime(2020, 7, 2, tzinfo=UTC)
FIX = (121.912727, 30.858462)
FIX_TIME = datetime.fromisoformat("2020-07-01T03:42:20+08:00")
MMSI = 412990358
REGISTER = (
    "registry_id,name_zh,name_pinyin,mmsi,callsign,loa_m,gear,home_port,registered_from,registered_to\n"
    "T1,沪浦渔00357,HUPUYU00357,412990001,BAAA1,21.5,trawl,,2015-01-01,\n"
    "T2,沪浦渔00385,HUPUYU00385,412990002,BAAA2,21.5,trawl,,2015-01-01,\n"
)


class Place:
    """A city with an empty store, and the doors that a user has."""

    def __init__(self, folder: Path, city: City) -> None:
        self.folder, self.city = folder, city
        self.home = Home(city.folder, str(folder / "onemap.gpkg"), folder)
        self.store: Store = open_store(self.home.store_url, city)
        initialise(city, self.store, self.home, at=AT)

    def take(self, feed: str, name: str, text: str, layer: str | None = None) -> None:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        tally = take_in(
            self.city, self.store, self.home, feed, [file], layer=layer, crs="EPSG:4326", at=AT
        )
        assert not tally.rejected, tally.sentence()

    def find(self, rule: str) -> gpd.GeoDataFrame:
        (found,) = detect(self.city, self.store, self.home, rules=[rule], at=AT)
        assert isinstance(found, Found)
        return self.store.frame(Query("alert"))


@pytest.fixture
def place(tmp_path: Path, pudong_folder: Path) -> Iterator[Place]:
    made = Place(tmp_path, City(pudong_folder))
    yield made
    made.store.close()


def sentence(body: str, at: datetime) -> str:
    tag = f"s:coast,c:{int(at.timestamp())}"
    return f"\\{tag}*{checksum(tag):02X}\\{body}"


def checksum(text: str) -> int:
    return reduce(lambda total, letter: total ^ ord(letter), text, 0)


def vessel(name: str) -> str:
    """The vessel's static report in two sentences and its fix, as a receiver hears them."""
    static = pyais.encode_dict(
        {"msg_type": 5, "mmsi": MMSI, "shipname": name, "ship_type": 30, "callsign": "0"}
    )
    fix = pyais.encode_dict(
        {"msg_type": 1, "mmsi": MMSI, "lon": FIX[0], "lat": FIX[1], "speed": 2.9, "course": 87.0}
    )
    before = FIX_TIME - timedelta(seconds=40)
    lines = [sentence(line, before) for line in static]
    return "\n".join([*lines, *(sentence(line, FIX_TIME) for line in fix)]) + "\n"


class TestTheVessel:
    def test_not_in_the_register_raises_one_alert_and_one_case(self, place: Place) -> None:
        place.take("register", "register.csv", REGISTER, "vessel_registry")
        place.take("ais", "ais.nmea", vessel("HUPUYU00358"))
        alerts = place.find("unregistered_vessel")
        assert len(alerts) == 1
        alert = alerts.iloc[0]
        assert (alert["event_type"], alert["subject"]) == ("2101", str(MMSI))
        assert alert["start_time"] == FIX_TIME
        assert shapely.distance(alert.geometry, shapely.Point(FIX)) < 1e-6
        assert "2020-07-01 03:42:20" in alert["sentence_zh"] and "疑似" in alert["sentence_zh"]
        assert "HUPUYU00358" in alert["sentence_en"]
        register = next(
            reference
            for reference in evidence(alert["evidence"])["references"]
            if reference["layer"] == "vessel_registry"
        )
        assert register["version"].startswith("vessel_registry@2020-07-01#")
        nearest = [entry["name"] for entry in register["nearest"]]
        assert set(nearest) == {"HUPUYU00357", "HUPUYU00385"}
        cases = place.store.frame(Query("case_event"))
        assert list(cases["alert_id"]) == [alert["alert_id"]]
        assert cases.iloc[0]["departments"].split(",") == ["D10", "D07", "D03", "D11"]

    def test_registered_raises_none(self, place: Place) -> None:
        entry = f"T3,沪浦渔00358,HUPUYU00358,{MMSI},BAAA3,21.5,trawl,,2015-01-01,\n"
        place.take("register", "register.csv", REGISTER + entry, "vessel_registry")
        place.take("ais", "ais.nmea", vessel("HUPUYU00358"))
        assert place.find("unregistered_vessel").empty

    def test_a_letter_for_a_digit_is_offered_as_a_near_match(self, place: Place) -> None:
        entry = "T3,沪浦渔00358,HUPUYU00358,412990003,BAAA3,21.5,trawl,,2015-01-01,\n"
        place.take("register", "register.csv", REGISTER + entry, "vessel_registry")
        place.take("ais", "ais.nmea", vessel("HUPUYU0O358"))
        alerts = place.find("unregistered_vessel")
        assert len(alerts) == 1
        references = evidence(alerts.iloc[0]["evidence"])["references"]
        nearest = next(r for r in references if r["layer"] == "vessel_registry")["nearest"]
        assert nearest[0]["name"] == "HUPUYU00358" and nearest[0]["confusable"]
        assert alerts.iloc[0]["confidence"] < 0.9


def evidence(kept: object) -> dict[str, list[dict[str, object]]]:
    loaded = json.loads(kept) if isinstance(kept, str) else kept
    assert isinstance(loaded, dict)
    return loaded


# The street: the door line runs east, the pavement lies south of it (right of its direction).
DOOR = (121.585, 31.345)
SHOP = "S0406"
# Metres for a pixel; the camera looks straight down, so that boxes are read off in the test.
SCALE = 0.02


def street(place: Place) -> None:
    into = transformer("EPSG:4326", place.city.crs)
    back = transformer(place.city.crs, "EPSG:4326")
    x, y = into.transform(*DOOR)
    door = [list(back.transform(x, y)), list(back.transform(x + 6, y))]
    shop = {
        "shop_id": SHOP, "name_zh": "万家生鲜超市", "address_zh": "春晖路406号",
        "outside": "right", "outdoor_permit": False,
    }  # fmt: skip
    place.take("layer", "shopfront.geojson", collection("LineString", door, shop), "shopfront")
    seen = [list(back.transform(x + dx, y + dy)) for dx, dy in CORNERS]
    camera = {
        "device_id": "C1", "width_px": 1000, "height_px": 1000,
        "calibrated_at": "2020-06-01T00:00:00+08:00",
        # (u, v, 1) to metres: u to the east, v (downwards in the image) to the south.
        "homography": [[SCALE, 0, x - 7], [0, -SCALE, y + 10], [0, 0, 1]],
    }  # fmt: skip
    place.take("layer", "camera.geojson", collection("Polygon", [seen], camera), "camera")


CORNERS = ((-7, 10), (13, 10), (13, -10), (-7, -10), (-7, 10))


def collection(kind: str, coordinates: object, properties: dict[str, object]) -> str:
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False)


def seen(label: str, beyond_m: float, seconds: int, every: int = 20) -> str:
    """A detector's lines: a box of a metre's width whose foot lies so far past the door line."""
    start = datetime.fromisoformat("2020-07-01T09:12:00+08:00")
    foot = (10 + beyond_m) / SCALE
    box = [400, foot - 60, 450, foot]
    lines = [
        json.dumps(
            {
                "detection_id": f"{label}-{beyond_m}-{second}", "camera_id": "C1",
                "time": (start + timedelta(seconds=second)).isoformat(), "track": label,
                "label": label, "confidence": 0.9, "box": box,
            }
        )
        for second in range(0, seconds + 1, every)
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


class TestTheShop:
    def test_goods_past_the_door_line_for_too_long_raise_one_event(self, place: Place) -> None:
        street(place)
        place.take("camera", "seen.jsonl", seen("goods", 0.8, 240))
        alerts = place.find("shopfront_encroachment")
        assert len(alerts) == 1
        alert = alerts.iloc[0]
        assert (alert["event_type"], alert["subject"]) == ("0504", SHOP)
        assert "万家生鲜超市" in alert["sentence_zh"]
        measures = {m["name"]: m for m in evidence(alert["evidence"])["measures"]}
        assert any(abs(float(str(m["value"])) - 0.8) < 0.01 for m in measures.values())

    @pytest.mark.parametrize(
        ("label", "beyond_m", "seconds", "why"),
        [
            ("person", 1.5, 20, "a passer-by"),
            ("goods", -0.5, 600, "goods inside the line"),
            ("goods", 0.2, 600, "within the allowed offset"),
            ("goods", 0.8, 160, "taken in before the limit"),
        ],
    )
    def test_what_is_no_encroachment_raises_nothing(
        self, place: Place, label: str, beyond_m: float, seconds: int, why: str
    ) -> None:
        street(place)
        place.take("camera", "seen.jsonl", seen(label, beyond_m, seconds))
        assert place.find("shopfront_encroachment").empty, why
