"""Open311 GeoReport v2 over HTTP: applications report and follow; nothing else comes out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from layers.access import PUBLIC
from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from layers.store.notices import NoticeRecords
from ogc_server import create_app
from ogc_server.access.entrance import Entrance
from ogc_server.georeport.documents import to_xml
from ogc_server.georeport.rate import HourlyRate
from tests.cases.conftest import furnish
from tests.ogc_server.conftest import BASE

HOME = "/open311/v2"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
REPORT = {
    "api_key": "geheim", "service_code": "STREET-1", "lat": "-42.605", "long": "-75.125",
    "description": "Crates on the pavement 占道", "email": "mar@example.net", "phone": "91234567",
    "first_name": "Mar", "last_name": "Sol", "device_id": "device-1", "account_id": "acc-7",
}  # fmt: skip
DECLARED = """
keys: [{id: city_app, digest_env: ONEMAP_TEST_APP}]
limits: {address_per_hour: 5, key_per_hour: 40}
attributes:
  - kinds: [ROAD]
    code: AXLES
    title: {en: Axles, zh: 轴数}
    datatype: singlevaluelist
    required: true
    values: [{key: "2", name: {en: two, zh: 二}}, {key: "6", name: {en: six, zh: 六}}]
"""
NOTICES = """
channels: [{id: inbox, kind: inbox}, {id: hook, kind: webhook, url: "https://system.example/"}]
retry: {first_s: 5, longest_s: 60, attempts: 3}
templates: {}
subscriptions: [{id: other, channel: hook, event_types: [STREET]}]
"""


class Node:
    def __init__(self, city: City, store: Store) -> None:
        self.city, self.store = city, store
        self.client = self.served(Entrance(alone=PUBLIC))

    def served(self, entrance: Entrance | None = None) -> TestClient:
        app = create_app(self.city, self.store, base_url=BASE, entrance=entrance)
        return TestClient(app, base_url=BASE, raise_server_exceptions=False)

    def get(self, path: str, **query: str) -> Any:
        return self.client.get(HOME + path, params=query)

    def post(self, client: TestClient | None = None, **fields: str | None) -> Any:
        sent = {k: v for k, v in {**REPORT, **fields}.items() if v is not None}
        target = client or self.client
        return target.post(f"{HOME}/requests.json", content=urlencode(sent), headers=FORM)

    def report(self, **fields: str | None) -> str:
        answer = self.post(**fields)
        assert answer.status_code == 200, answer.text
        ident: str = answer.json()[0]["service_request_id"]
        return ident


@pytest.fixture
def node(tiny_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    digest = hashlib.sha256(b"geheim").hexdigest()
    monkeypatch.setenv("ONEMAP_TEST_APP", digest)
    (tiny_copy / "open311.yaml").write_text(DECLARED, encoding="utf-8")
    (tiny_copy / "notices.yaml").write_text(NOTICES, encoding="utf-8")
    city = City(tiny_copy)
    store = open_store(str(tmp_path / "s.gpkg"), city)
    furnish(store, city)
    store.create(city.layer("service_request"))
    yield Node(city, store)
    store.close()


def refused(answer: Any, status: int, *words: str) -> None:
    """An answer in the specification's form of errors."""
    assert answer.status_code == status, answer.text
    (error,) = answer.json()
    assert error["code"] == status
    for word in words:
        assert word in error["description"]


class TestServices:
    def test_discovery_leads_to_the_endpoint(self, node: Node) -> None:
        told = node.get("/discovery.json").json()
        (endpoint,) = told["endpoints"]
        assert endpoint["url"] == f"{BASE}{HOME}" and endpoint["type"] == "test"
        assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
        assert endpoint["formats"] == ["text/xml", "application/json"]
        root = fromstring(node.get("/discovery.xml").content)
        assert root.find("endpoints/endpoint/formats/format").text == "text/xml"
        assert told["changeset"] == root.findtext("changeset")

    def test_services_are_listed_in_both_forms_alike(self, node: Node) -> None:
        answer = node.get("/services.json")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        rows = answer.json()
        by_code = {row["service_code"]: row for row in rows}
        assert list(by_code) == list(node.city.event_types)
        assert by_code["ROAD-1"]["metadata"] is True and by_code["STREET-1"]["metadata"] is False
        in_xml = node.get("/services.xml")
        assert in_xml.headers["content-type"] == "text/xml; charset=utf-8"
        assert in_xml.content.lower().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
        services = fromstring(in_xml.content)
        assert services.tag == "services"
        for row, service in zip(rows, services, strict=True):
            assert service.tag == "service" and service.findtext("type") == "realtime"
            for name, value in row.items():
                text = str(value).lower() if isinstance(value, bool) else value
                assert (service.findtext(name) or "") == text

    def test_names_are_in_the_readers_language(self, node: Node) -> None:
        rows = node.get("/services.json", lang="zh").json()
        names = {row["service_code"]: row["service_name"] for row in rows}
        assert names["STREET-1"] == "占用人行道"

    def test_a_definition_tells_what_more_is_asked(self, node: Node) -> None:
        told = node.get("/services/ROAD-1.json").json()
        (attribute,) = told["attributes"]
        assert attribute["code"] == "AXLES" and attribute["required"] is True
        assert attribute["values"][1] == {"key": "6", "name": "six"}
        root = fromstring(node.get("/services/ROAD-1.xml").content)
        assert root.tag == "service_definition"
        keys = [key.text for key in root.findall("attributes/attribute/values/value/key")]
        assert keys == ["2", "6"]
        assert node.get("/services/STREET-1.json").json()["attributes"] == []

    def test_what_is_not_there_is_not_found(self, node: Node) -> None:
        paths = [
            "/services/NONE.json", "/services/..%2F..%2Fcity.yaml.json", "/services.yaml",
            "/services", "/services/STREET-1", "/tokens/unknown.json", "/requests/unknown.json",
            "/requests/%00.json", "/requests/..%2F..%2Fetc%2Fpasswd.json",
        ]  # fmt: skip
        for path in paths:
            assert node.get(path).status_code == 404, path

    def test_another_jurisdiction_is_not_found(self, node: Node) -> None:
        refused(node.get("/services.json", jurisdiction_id="elsewhere"), 404, "elsewhere")
        assert node.get("/services.json", jurisdiction_id="tiny").status_code == 200
        assert node.get("/services.json", jurisdiction_id="").status_code == 200
        root = fromstring(node.get("/services.xml", jurisdiction_id="elsewhere").content)
        assert root.tag == "errors" and root.findtext("error/code") == "404"


class TestReporting:
    def test_a_report_is_seen_at_once(self, node: Node) -> None:
        answer = node.post()
        (row,) = answer.json()
        assert row["account_id"] == "acc-7" and row["service_notice"]
        (shown,) = node.get(f"/requests/{row['service_request_id']}.json").json()
        assert shown["status"] == "open" and shown["service_code"] == "STREET-1"
        assert shown["description"] == "Crates on the pavement 占道"
        assert (shown["lat"], shown["long"]) == (-42.605, -75.125)
        for name in ("requested_datetime", "updated_datetime", "expected_datetime"):
            assert datetime.fromisoformat(shown[name]).utcoffset() is not None

    def test_xml_says_the_same(self, node: Node) -> None:
        ident = node.report(description='a < b & "c" ]]> \U0001f4a9 \ufffe')
        (row,) = node.get(f"/requests/{ident}.json").json()
        root = fromstring(node.get(f"/requests/{ident}.xml").content)
        (request,) = root.findall("request")
        assert root.tag == "service_requests"
        assert [child.tag for child in request] == list(row)
        assert request.findtext("description") == row["description"].replace("\ufffe", "\ufffd")

    def test_nothing_of_the_reporter_is_told(self, node: Node) -> None:
        ident = node.report()
        pages = [node.get(f"/requests{tail}").text for tail in (".json", ".xml", f"/{ident}.xml")]
        local = node.served()
        for path in ("case_event/items", "case_log/items", "service_request/items",
                     "case_event/items?f=html", "service_request"):  # fmt: skip
            pages.append(local.get(f"/collections/{path}").text)
        pages.append(local.get("/collections?f=json").text)
        for secret in ("mar@example.net", "91234567", "Mar", "Sol", "device-1", "acc-7", "geheim"):
            assert secret not in "".join(pages)
        assert local.get("/collections/service_request/items").status_code == 404

    def test_it_is_told_to_other_systems_once(self, node: Node) -> None:
        ident = node.report()
        assert node.report() == ident
        (told,) = NoticeRecords(node.store).listed()
        assert (told.channel, told.about) == ("hook", ident)

    def test_reports_are_not_taken_from_nobody(self, node: Node) -> None:
        refused(node.post(api_key=None), 403, "api_key")
        refused(node.post(api_key="wrong"), 403, "api_key")
        assert node.store.count(Query("case_event")) == 0

    def test_nobody_may_report_where_that_is_declared(self, tiny_copy: Path, node: Node) -> None:
        text = DECLARED + "anonymous: true\n"
        (tiny_copy / "open311.yaml").write_text(text, encoding="utf-8")
        open_node = Node(City(tiny_copy), node.store)
        assert open_node.post(api_key=None).status_code == 200
        refused(open_node.post(api_key="wrong"), 403)

    def test_who_sits_at_the_machine_needs_no_key(self, node: Node) -> None:
        assert node.post(node.served(), api_key=None).status_code == 200

    def test_too_many_are_refused(self, node: Node) -> None:
        for _ in range(5):
            refused(node.post(api_key="guess"), 403)
        refused(node.post(api_key="guess"), 429)
        for number in range(40):
            assert node.post(description=str(number)).status_code == 200
        refused(node.post(description="one more"), 429)

    def test_what_does_not_fit_is_refused_with_its_name(self, node: Node) -> None:
        wrong: list[tuple[dict[str, str | None], int, str]] = [
            ({"service_code": None}, 400, "service_code"),
            ({"service_code": "NONE"}, 404, "NONE"),
            ({"service_code": "' OR 1=1 --"}, 404, "OR"),
            ({"service_code": "ROAD-1"}, 400, "AXLES"),
            ({"lat": None}, 400, "lat"),
            ({"lat": None, "long": None}, 400, "address"),
            ({"lat": "ninety"}, 400, "lat"),
            ({"lat": "nan"}, 400, "lat"),
            ({"lat": "1e999"}, 400, "lat"),
            ({"lat": "91"}, 400, "lat"),
            ({"long": "-181"}, 400, "long"),
            ({"lat": "10"}, 400, "outside"),
            ({"lat": None, "long": None, "address_id": "../../1"}, 400, "address_id"),
            ({"description": "x" * 4001}, 400, "4000"),
            ({"description": "\x00"}, 400, "description"),
            ({"media_url": "file:///etc/passwd"}, 400, "media_url"),
            ({"attribute[NO]": "1"}, 400, "attribute"),
            ({"jurisdiction_id": "elsewhere"}, 404, "jurisdiction"),
        ]
        for fields, status, word in wrong:
            refused(node.post(**fields), status, word)
        assert node.store.count(Query("case_event")) == 0

    def test_garbage_is_refused(self, node: Node) -> None:
        bodies = [
            (b"service_code=%FF%FE", FORM["content-type"], 400),
            ("service_code=跨".encode("gbk"), FORM["content-type"], 400),
            (b"a=1&" * 1000, FORM["content-type"], 400),
            (b"service_code=A&service_code=B", FORM["content-type"], 400),
            (b"description=" + b"x" * 300_000, FORM["content-type"], 413),
            (b'{"service_code": "STREET-1"}', "application/json", 400),
            (b"<!DOCTYPE x [<!ENTITY a 'a'>]><x>&a;</x>", "text/xml", 400),
            (b"service_code=A", "application/x-www-form-urlencoded; charset=gbk", 400),
            (b"", FORM["content-type"], 400),
            (b"\x00\x01\x02", FORM["content-type"], 400),
        ]
        path = f"{HOME}/requests.json?api_key=geheim"
        for body, media, status in bodies:
            headers = {"content-type": media}
            refused(node.client.post(path, content=body, headers=headers), status)

    def test_answers_to_questions_are_kept_with_the_words(self, node: Node) -> None:
        ident = node.report(**{"service_code": "ROAD-1", "attribute[AXLES]": "6"})
        (row,) = node.get(f"/requests/{ident}.json").json()
        assert row["description"].endswith("轴数 Axles: 六 six")

    def test_a_token_leads_to_its_request(self, node: Node) -> None:
        ident = node.report()
        frame = node.store.frame(Query("service_request"))
        token = frame["token"].iloc[0]
        assert node.get(f"/tokens/{token}.json").json() == [
            {"service_request_id": ident, "token": token}
        ]


class TestFollowing:
    def test_lists_are_filtered(self, node: Node) -> None:
        street = node.report()
        sea = node.report(service_code="SEA-1", lat="-42.585", long="-75.075")

        def seen(**query: str) -> set[str]:
            return {r["service_request_id"] for r in node.get("/requests.json", **query).json()}

        assert seen() == {street, sea} == seen(unknown="x", status="")
        assert seen(service_code="SEA-1,NONE") == {sea}
        assert seen(service_request_id=f"{sea},{street},none", service_code="NONE") == {street, sea}
        assert seen(status="closed") == set() and seen(status="open,closed") == {street, sea}
        assert seen(lat="-42.605", long="-75.125", radius="300") == {street}
        assert len(seen(page_size="1")) == 1 and not seen(page_size="1", page="3")
        assert seen(page_size="1") | seen(page_size="1", page="2") == {street, sea}
        assert seen(end_date="2021-01-01T00:00:00Z") == set()
        soon = datetime.now(UTC) + timedelta(hours=1)
        assert seen(end_date=soon.isoformat()) == {street, sea}
        assert seen(start_date=(soon - timedelta(days=2)).isoformat().replace("+", " ")) == {
            street, sea,
        }  # fmt: skip

    def test_what_makes_no_sense_is_refused(self, node: Node) -> None:
        wrong: list[tuple[dict[str, str], str]] = [
            ({"status": "done"}, "status"),
            ({"start_date": "2010-01-01"}, "zone"),
            ({"start_date": "2010-01-01T00:00:00"}, "zone"),
            ({"start_date": "yesterday"}, "start_date"),
            ({"start_date": "9999-12-31T00:00:00Z"}, "start_date"),
            ({"end_date": "0001-01-01T00:00:00Z"}, "end_date"),
            ({"start_date": "2010-01-01T00:00:00Z", "end_date": "2010-04-02T00:00:00Z"}, "90"),
            ({"start_date": "2010-01-02T00:00:00Z", "end_date": "2010-01-01T00:00:00Z"}, "after"),
            ({"page": "0"}, "page"), ({"page_size": "1001"}, "page_size"),
            ({"page": "١"}, "page"), ({"lat": "1"}, "together"),
            ({"lat": "1", "long": "1", "radius": "-1"}, "radius"),
            ({"lat": "1", "long": "1", "radius": "inf"}, "radius"),
            ({"service_request_id": ",".join(map(str, range(1001)))}, "1,000"),
            ({"service_code": "A\x00"}, "characters"),
        ]  # fmt: skip
        for query, word in wrong:
            refused(node.get("/requests.json", **query), 400, word)

    @given(query=st.dictionaries(
        st.sampled_from(["service_request_id", "service_code", "start_date", "end_date", "status",
                         "lat", "long", "radius", "page", "page_size", "jurisdiction_id", "lang"]),
        st.text(max_size=30), max_size=4))  # fmt: skip
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_query_breaks_it(self, node: Node, query: dict[str, str]) -> None:
        text = urlencode(query, errors="surrogatepass")
        for extension in ("json", "xml"):
            answer = node.client.get(f"{HOME}/requests.{extension}?{text}")
            assert answer.status_code in (200, 400, 404)


class TestForms:
    @given(st.text())
    def test_every_text_makes_xml(self, text: str) -> None:
        root = fromstring(to_xml("errors", [{"code": 400, "description": text}]))
        read = root.findtext("error/description") or ""
        assert len(read) == len(text.replace("\r\n", "\n"))

    def test_a_sliding_hour_is_counted_for_each_name(self) -> None:
        rate, at = HourlyRate(), datetime(2021, 3, 5, tzinfo=UTC)
        times = [at + timedelta(minutes=m) for m in (0, 20, 40, 59, 60, 61, 80)]
        allowed = [rate.allows("a", 3, time) for time in times]
        assert allowed == [True, True, True, False, True, False, True]
        assert rate.allows("b", 1, at)

    def test_very_many_names_are_forgotten(self) -> None:
        rate, at = HourlyRate(), datetime(2021, 3, 5, tzinfo=UTC)
        for name in itertools.chain(["first"], map(str, range(20_000))):
            assert rate.allows(name, 1, at)
        assert rate.allows("first", 1, at)

    def test_it_is_in_the_definition_and_on_the_landing_page(self, node: Node) -> None:
        client = node.served()
        client.get("/collections/case_event/items")
        links = [link["href"] for link in client.get("/?f=json").json()["links"]]
        assert f"{BASE}{HOME}/discovery.json" in links
        paths = client.get("/openapi?f=json").json()["paths"]
        assert set(paths[f"{HOME}/requests.{{format}}"]) == {"get", "post"}
