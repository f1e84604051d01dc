"""Public warnings: CAP 1.2 out and in, updates and ends, in both stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shapely
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from cases.cap import NAMESPACE, read_cap, write_cap
from cases.warnings import LAYER, Message, WarningError, ended, of_row, publish
from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from layers.text import Text
from tests.postgis import fresh_database

AT = datetime(2021, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAP = f"{{{NAMESPACE}}}"
# Order of elements by the schema of CAP 1.2, section 3.4.
ORDER = {
    "alert": (
        "identifier sender sent status msgType source scope restriction addresses code note"
        " references incidents info"
    ),
    "info": (
        "language category event responseType urgency severity certainty audience eventCode"
        " effective onset expires senderName headline description instruction web contact"
        " parameter resource area"
    ),
    "area": "areaDesc polygon circle geocode altitude ceiling",
}


def message(**changed: Any) -> Message:
    made = Message(
        ident="w-1",
        sender="operations@tiny.example",
        sent=AT,
        status="Actual",
        kind="Alert",
        event=Text(en="Gale", zh="大风"),
        headline=Text(en="Gale warning", zh="大风蓝色预警"),
        area=Text(en="Outer harbour", zh="外港"),
        category=("Met",),
        response=("Prepare", "Avoid"),
        urgency="Expected",
        severity="Moderate",
        certainty="Likely",
        effective=AT,
        onset=AT + HOUR,
        expires=AT + 6 * HOUR,
        description=Text(en="Gusts of force 8 < 9 & more", zh="阵风八级"),
        instruction=Text(en="Moor your boats.", zh="请系固船只。"),
        contact="110",
        geocodes=("PS-OH",),
        shape=shapely.box(-75.2, -42.7, -75.0, -42.5),
    )
    return replace(made, **changed)


@pytest.fixture(scope="module")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def store(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Store]:
    def opened(url: str) -> Iterator[Store]:
        made = open_store(url, city)
        made.create(city.layer(LAYER))
        yield made
        made.close()

    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from opened(url)
    else:
        yield from opened(str(tmp_path / "s.gpkg"))


def put(store: Store, city: City, *messages: Message) -> None:
    for one in messages:
        with store.transaction() as unit:
            publish(unit, city, one, at=one.sent)


def kept(store: Store, ident: str) -> dict[str, Any]:
    rows = store.frame(Query(LAYER, fids=(ident,))).to_dict("records")
    assert len(rows) == 1
    return {str(k): v for k, v in rows[0].items()}


class TestCap:
    def test_elements_stand_in_the_order_of_the_schema(self) -> None:
        document = write_cap(
            message(kind="Update", refers_to=("a@b,w-0,2021-03-05T11:00:00-00:00",))
        )
        for element in fromstring(document).iter():
            allowed = ORDER.get(element.tag.removeprefix(CAP), "").split()
            if allowed:
                at = [allowed.index(child.tag.removeprefix(CAP)) for child in element]
                assert at == sorted(at)

    def test_times_have_no_z_and_places_are_latitude_first(self) -> None:
        local = AT.astimezone(ZoneInfo("Asia/Shanghai"))
        text = write_cap(message(sent=local)).decode()
        assert "<sent>2021-03-05T20:00:00+08:00</sent>" in text
        assert "<effective>2021-03-05T12:00:00-00:00</effective>" in text
        assert "-42.700000,-75.000000" in text

    def test_what_is_written_is_read_again(self) -> None:
        again = read_cap(write_cap(message()))
        assert again.shape is not None and message().shape is not None
        assert again.shape.equals(message().shape)
        # A polygon's places have one name in CAP, whatever the language.
        told = Text(en="外港", zh="外港")
        assert replace(again, shape=None, area=told) == replace(message(), shape=None, area=told)

    def test_a_circle_becomes_an_area_around_its_middle(self) -> None:
        text = write_cap(message(shape=None)).decode()
        circled = text.replace("<geocode>", "<circle>-42.6,-75.1 2.5</circle><geocode>", 1)
        shape = read_cap(circled.encode()).shape
        assert shape is not None and shape.contains(shapely.Point(-75.1, -42.6))
        assert (shape.bounds[3] - shape.bounds[1]) * 111_132 == pytest.approx(5000, rel=0.01)

    @pytest.mark.parametrize(
        ("find", "put", "reason"),
        [
            (NAMESPACE, "urn:oasis:names:tc:emergency:cap:1.1", "expected a CAP 1.2 alert"),
            ("<scope>Public", "<scope>Private", "scope"),
            ("<urgency>Expected", "<urgency>Soon", "urgency"),
            ("<identifier>w-1", "<identifier>w 1", "ident"),
            ("<status>Actual", "<status>Draft", "status"),
            ("2021-03-05T18:00:00-00:00", "tomorrow", "expires"),
            ("2021-03-05T18:00:00-00:00", "2021-03-05T18:00:00", "zone"),
            ("2021-03-05T18:00:00-00:00", "2021-03-05T11:00:00-00:00", "ends after"),
            ("-42.700000,-75.000000", "-142.7,-75.0", "off the globe"),
            ("-42.700000,-75.000000", "somewhere", "lat,lon"),
            ("<category>Met", "<category>Weather", "category"),
            ("</alert>", "", "not XML"),
        ],
    )
    def test_what_is_wrong_is_named(self, find: str, put: str, reason: str) -> None:
        text = write_cap(message()).decode()
        assert find in text
        with pytest.raises(WarningError, match=reason):
            read_cap(text.replace(find, put).encode())

    def test_entities_are_refused(self) -> None:
        bomb = b'<!DOCTYPE a [<!ENTITY b "bb">]><alert>&b;</alert>'
        with pytest.raises(WarningError, match="not XML"):
            read_cap(bomb)

    @given(st.binary(max_size=200))
    def test_garbage_is_refused(self, garbage: bytes) -> None:
        with pytest.raises(WarningError):
            read_cap(garbage)


class TestKept:
    def test_a_row_gives_the_message_back(self, store: Store, city: City) -> None:
        put(store, city, message())
        again = of_row(kept(store, "w-1"))
        assert replace(again, shape=None) == replace(message(), shape=None)
        assert again.shape is not None and again.shape.equals(message().shape)

    def test_an_end_follows_its_warning(self, store: Store, city: City) -> None:
        put(store, city, message())
        over = ended(message(), "w-2", AT + HOUR, Text(en="The wind eased.", zh="大风减弱。"))
        put(store, city, over)
        assert kept(store, "w-1")["followed_by"] == "w-2"
        assert kept(store, "w-2")["references"] == [message().reference]
        assert read_cap(write_cap(over)).kind == "Cancel"

    def test_a_warning_is_followed_once(self, store: Store, city: City) -> None:
        put(store, city, message())
        put(store, city, ended(message(), "w-2", AT + HOUR, Text(en="over", zh="结束")))
        with pytest.raises(WarningError, match="w-1 was followed by w-2"):
            put(store, city, ended(message(), "w-3", AT + HOUR, Text(en="over", zh="结束")))

    def test_nothing_follows_what_is_not_known(self, store: Store, city: City) -> None:
        with pytest.raises(WarningError, match="no message"):
            put(store, city, ended(message(), "w-2", AT + HOUR, Text(en="over", zh="结束")))

    def test_the_same_message_again_changes_nothing(self, store: Store, city: City) -> None:
        put(store, city, message())
        over = ended(message(), "w-2", AT + HOUR, Text(en="over", zh="结束"))
        put(store, city, over, over)
        assert store.count(Query(LAYER)) == 2
