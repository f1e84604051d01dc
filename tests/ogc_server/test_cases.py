"""Cases over HTTP: each within his walls, each step once, each refusal with its reason."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from cases.case_log import verify
from layers.accounts import Accounts
from layers.city import City
from layers.roles import Account
from layers.store import Store, open_store
from ogc_server import PUBLIC, create_app
from ogc_server.access.entrance import Entrance
from tests.cases.conftest import LIGHTHOUSE, OLD_HARBOUR, furnish
from tests.ogc_server.conftest import BASE
from tests.postgis import fresh_database

PEOPLE: dict[str, dict[str, Any]] = {
    "chief": {"role": "commander"},
    "desk": {"role": "duty_desk", "jurisdictions": ("PS-OH",)},
    "ana": {"role": "officer", "jurisdictions": ("PS-OH",), "departments": ("council",)},
    "bob": {"role": "officer", "jurisdictions": ("PS-OH",), "departments": ("council",)},
    "far": {"role": "officer", "jurisdictions": ("PS-LP",), "departments": ("council",)},
    "farchief": {"role": "commander", "jurisdictions": ("PS-LP",)},
    "eva": {"role": "inspector", "jurisdictions": ("PS-OH",)},
    "resident": {"role": "resident"},
    "neighbour": {"role": "resident"},
}
RESIDENT = "\n".join(
    (
        "  - id: resident",
        "    title: {en: Resident, zh: 居民}",
        "    reads: [public]",
        "    departments: all",
        "",
    )
)


def photo(colour: str = "red", form: str = "JPEG", **options: Any) -> bytes:
    """A picture; its camera noted the place and who made it."""
    written = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "MAKER-OF-CAMERAS"
    exif[0x8825] = {1: "S", 2: (42.0, 36.0, 18.0), 3: "W", 4: (75.0, 7.0, 30.0)}
    Image.new("RGB", (64, 48), colour).save(written, form, exif=exif.tobytes(), **options)
    return written.getvalue()


class Office:
    """A server of cases, and people who ask it, each by his own name."""

    def __init__(self, city: City, store: Store, folder: Path) -> None:
        self.city, self.store, self.folder = city, store, folder
        accounts = Accounts(folder)
        self.secrets = {}
        for name, told in PEOPLE.items():
            accounts.put(Account(name=name, **told))
            self.secrets[name] = accounts.new_secret(name)
        entrance = Entrance(accounts, city.roles, alone=PUBLIC)
        app = create_app(city, store, entrance=entrance, folder=folder)
        self.client = TestClient(app, base_url=BASE, raise_server_exceptions=False)

    def headers(self, name: str) -> dict[str, str]:
        pair = base64.b64encode(f"{name}:{self.secrets[name]}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def get(self, name: str, path: str) -> Any:
        return self.client.get(path, headers=self.headers(name))

    def post(self, name: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = self.headers(name) | ({"Idempotency-Key": key} if key else {})
        return self.client.post(path, json=body or {}, headers=headers)

    def upload(self, name: str, content: bytes, query: str = "", kind: str = "image/jpeg") -> Any:
        headers = self.headers(name) | {"Content-Type": kind}
        return self.client.post(f"/photos{query}", content=content, headers=headers)

    def report(self, name: str = "desk", key: str = "k1", **more: Any) -> str:
        body = {"kind": "STREET-1", "where": list(OLD_HARBOUR)} | more
        answer = self.post(name, "/cases", body, key)
        assert answer.status_code == 201, answer.text
        case: str = answer.json()["case"]["id"]
        return case

    def bring(self, case: str, state: str) -> None:
        """Bring a reported case to a state, by the usual way."""
        kept = self.upload("ana", photo()).json()["digest"]
        done = {"why": "cleared", "photos": [kept], "where": list(OLD_HARBOUR)}
        for name, action, body, after in (
            ("desk", "confirm", {}, "verified"),
            ("desk", "file", {}, "filed"),
            ("desk", "dispatch", {"details": {"department": "council"}}, "dispatched"),
            ("ana", "take", {}, "accepted"),
            ("ana", "start", {}, "handling"),
            ("ana", "done", done, "handled"),
            ("eva", "verify", {}, "checked"),
            ("eva", "close", {}, "closed"),
        ):
            answer = self.post(name, f"/cases/{case}/{action}", body)
            assert answer.status_code == 200 and answer.json()["after"] == after, answer.text
            if after == state:
                return


@pytest.fixture(scope="session")
def case_city(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("cases") / "city"
    shutil.copytree(tiny_folder, folder)
    own = Path(__file__).parents[2] / "layers" / "access.yaml"
    (folder / "access.yaml").write_text(own.read_text("utf-8") + RESIDENT, "utf-8")
    return City(folder)


@pytest.fixture(scope="session")
def empty(case_city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GeoPackage with towns and no case; each test changes a copy of it."""
    path = tmp_path_factory.mktemp("empty") / "cases.gpkg"
    store = open_store(str(path), case_city)
    furnish(store, case_city)
    store.close()
    return path


@pytest.fixture
def office(case_city: City, empty: Path, tmp_path: Path) -> Iterator[Office]:
    copy = tmp_path / "cases.gpkg"
    shutil.copy(empty, copy)
    store = open_store(str(copy), case_city)
    yield Office(case_city, store, tmp_path)
    store.close()


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def anywhere(request: pytest.FixtureRequest, case_city: City, tmp_path: Path) -> Iterator[Office]:
    """An office over each kind of store."""
    if request.param == "geopackage":
        yield request.getfixturevalue("office")
        return
    with fresh_database(request.getfixturevalue("postgis_server")) as url:
        store = open_store(url, case_city)
        furnish(store, case_city)
        yield Office(case_city, store, tmp_path)
        store.close()


def test_a_case_lives_over_http_and_its_log_is_whole(anywhere: Office) -> None:
    case = anywhere.report(note="crates on the pavement")
    anywhere.bring(case, "closed")
    told = anywhere.get("eva", f"/cases/{case}").json()
    assert told["part"] == "staff" and told["state"] == "closed" and told["actions"]
    assert [one["action"] for one in told["log"]] == [
        "report", "confirm", "file", "dispatch", "take", "start", "done", "verify", "close",
    ]  # fmt: skip
    chain = anywhere.get("eva", f"/cases/{case}/verify").json()
    assert chain["whole"] and chain["entries"] == 9 and chain["broken"] is None
    assert verify(anywhere.store, case).whole


class TestLists:
    def test_mine_are_those_that_i_can_act_on(self, office: Office) -> None:
        fresh, sent = office.report(key="a"), office.report(key="b")
        office.bring(sent, "dispatched")
        mine = office.get("ana", "/cases?mine=true").json()
        assert [one["id"] for one in mine["cases"]] == [sent]
        assert [one["id"] for one in mine["cases"][0]["actions"]] == ["take", "return"]
        assert {one["id"] for one in office.get("desk", "/cases").json()["cases"]} == {fresh, sent}

    def test_by_deadline_or_by_distance(self, anywhere: Office) -> None:
        x, y = OLD_HARBOUR
        places = {"a": (x + 0.003, y), "b": (x + 0.001, y), "c": (x + 0.002, y)}
        ids = {anywhere.report(key=key, where=list(place)): key for key, place in places.items()}
        by_time = anywhere.get("desk", "/cases").json()["cases"]
        assert [one["deadline"] for one in by_time] == sorted(one["deadline"] for one in by_time)
        near = anywhere.get("desk", f"/cases?near={x},{y}&limit=2").json()
        assert [ids[one["id"]] for one in near["cases"]] == ["b", "c"]
        assert near["numberMatched"] == 3 and near["numberReturned"] == 2
        assert 70 < near["cases"][0]["distance_m"] < 90

    @pytest.mark.parametrize(
        "query",
        ["near=1", "near=a,b", "near=200,0", "near=nan,nan", "mine=maybe", "state=lost",
         "limit=0", "limit=x", "limit=99999999999", "colour=red"],
    )  # fmt: skip
    def test_what_cannot_be_read_is_refused(self, office: Office, query: str) -> None:
        assert office.get("desk", f"/cases?{query}").status_code == 400


class TestWalls:
    def test_another_town_neither_sees_nor_counts(self, anywhere: Office) -> None:
        case = anywhere.report()
        anywhere.bring(case, "dispatched")
        here = anywhere.report("farchief", key="z", where=list(LIGHTHOUSE))
        for name in ("far", "farchief"):
            assert anywhere.get(name, f"/cases/{case}").status_code == 404
            assert anywhere.get(name, f"/cases/{case}/verify").status_code == 404
            listed = anywhere.get(name, "/cases").json()
            assert case not in [one["id"] for one in listed["cases"]]
            assert listed["numberMatched"] <= 1
        for action in ("take", "verify", "dispatch", "close"):
            answer = anywhere.post("farchief", f"/cases/{case}/{action}", {"why": "mine"})
            assert answer.status_code == 404, answer.text
        figures = anywhere.get("farchief", "/cases/statistics?by=all").json()["figures"]
        assert sum(one["opened"] for one in figures) == 1
        assert anywhere.get("farchief", "/cases/statistics?unit=PS-OH").status_code == 403
        assert anywhere.get("desk", f"/cases/{here}").status_code == 404
        assert anywhere.get("far", "/inbox").json()["notices"] == []

    def test_a_case_that_is_not_there_answers_like_one_that_is_hidden(self, office: Office) -> None:
        case = office.report()
        hidden = office.get("far", f"/cases/{case}").json()
        absent = office.get("far", "/cases/no-such-case").json()
        assert {**hidden, "detail": 0, "description": 0, "texts": 0} == {
            **absent, "detail": 0, "description": 0, "texts": 0,
        }  # fmt: skip

    def test_without_a_name_there_is_nothing_to_do(self, office: Office) -> None:
        case = office.report()
        for path in ("/cases", f"/cases/{case}", f"/cases/{case}/verify", "/inbox",
                     "/cases/statistics", "/photos/" + "0" * 64):  # fmt: skip
            answer = office.client.get(path)
            assert answer.status_code == 401, path
            assert "Basic" in answer.headers["www-authenticate"] and case not in answer.text[300:]
        for path in ("/cases", f"/cases/{case}/take", "/inbox"):
            assert office.client.post(path, json={}).status_code == 401

    def test_pages_of_other_sites_and_forms_change_nothing(self, office: Office) -> None:
        case = office.report()
        office.bring(case, "dispatched")
        path, own = f"/cases/{case}/take", office.headers("ana")
        foreign = own | {"Origin": "https://evil.example"}
        assert office.client.post(path, json={}, headers=foreign).status_code == 403
        form = own | {"Content-Type": "application/x-www-form-urlencoded"}
        assert office.client.post(path, content="a=b", headers=form).status_code == 415
        assert office.get("ana", f"/cases/{case}").json()["state"] == "dispatched"

    def test_who_reported_it_is_told_how_far_it_is_and_no_more(self, office: Office) -> None:
        case = office.report("resident", note="my way is blocked")
        office.bring(case, "handled")
        told = office.get("resident", f"/cases/{case}").json()
        assert told["part"] == "public" and told["state"] == "handled"
        assert told["state_title"] == {"en": "Handled", "zh": "处置完成"}
        assert not {"log", "assignee", "department", "reporter", "actions"} & told.keys()
        assert "ana" not in str(told)
        assert office.get("neighbour", f"/cases/{case}").status_code == 404
        assert office.get("resident", "/cases").status_code == 404
        assert office.post("resident", f"/cases/{case}/close", {}).status_code == 404

    def test_the_definition_is_for_who_sees_cases(self, office: Office) -> None:
        paths = office.get("desk", "/openapi").json()["paths"]
        assert {"/cases", "/cases/{case}/{action}", "/photos", "/inbox"} <= paths.keys()
        assert "/cases" not in office.client.get("/openapi").json()["paths"]


class TestSteps:
    def test_sent_twice_it_is_done_once(self, office: Office) -> None:
        case = office.report(key="same")
        again = office.post("desk", "/cases", {"kind": "STREET-1", "where": list(OLD_HARBOUR)},
                            "same")  # fmt: skip
        assert again.status_code == 200 and again.json()["replayed"]
        assert again.json()["case"]["id"] == case
        office.bring(case, "dispatched")
        first = office.post("ana", f"/cases/{case}/take", {}, "t1").json()
        second = office.post("ana", f"/cases/{case}/take", {}, "t1").json()
        assert not first["replayed"] and second["replayed"]
        assert first["version"] == second["version"] == 5
        other = office.post("ana", f"/cases/{case}/start", {}, "t1")
        assert other.status_code == 422 and other.json()["type"] == "urn:onemap:case:key-reused"
        assert len(office.get("ana", f"/cases/{case}").json()["log"]) == 5

    def test_of_many_at_once_one_wins_and_the_others_hear_who(self, anywhere: Office) -> None:
        case = anywhere.report()
        anywhere.bring(case, "dispatched")
        version = anywhere.get("ana", f"/cases/{case}").json()["version"]
        answers: list[Any] = []
        start = threading.Barrier(4)

        def take(name: str) -> None:
            start.wait()
            body = {"expectedVersion": version}
            answers.append((name, anywhere.post(name, f"/cases/{case}/take", body, f"key-{name}")))

        threads = [threading.Thread(target=take, args=(n,)) for n in ("ana", "bob") * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = {name for name, answer in answers if answer.status_code == 200}
        assert len(winners) == 1 and len(answers) == 4
        for name, answer in answers:
            if name in winners:
                continue
            told = answer.json()
            assert answer.status_code == 409 and told["type"] == "urn:onemap:case:conflict"
            assert {told["actor"]} == winners and told["action"] == "take"
            assert told["version"] == version + 1
            assert told["actor"] in told["texts"]["en"] and told["actor"] in told["texts"]["zh"]
        log = anywhere.get("eva", f"/cases/{case}").json()["log"]
        assert [one["action"] for one in log].count("take") == 1

    @pytest.mark.parametrize(
        ("name", "action", "body", "status", "kind"),
        [
            ("ana", "start", {}, 409, "not-possible"),
            ("ana", "nonsense", {}, 409, "not-possible"),
            ("ana", "UPPER", {}, 422, "incomplete"),
            ("eva", "take", {}, 403, "not-allowed"),
            ("ana", "find", {}, 403, "not-allowed"),
            ("ana", "return", {}, 422, "incomplete"),
            ("desk", "dispatch", {}, 422, "incomplete"),
            ("ana", "take", {"expectedVersion": 1}, 409, "conflict"),
            ("ana", "take", {"expectedVersion": "4"}, 422, "incomplete"),
            ("ana", "take", {"expectedVersion": True}, 422, "incomplete"),
            ("ana", "take", {"where": [1]}, 422, "incomplete"),
            ("ana", "take", {"where": [1e400, 0]}, 422, "incomplete"),
            ("ana", "take", {"where": "here"}, 422, "incomplete"),
            ("ana", "take", {"why": 7}, 422, "incomplete"),
            ("ana", "take", {"why": "\ud800"}, 422, "incomplete"),
            ("ana", "take", {"why": "x" * 5000}, 422, "incomplete"),
            ("ana", "take", {"photos": ["0" * 64]}, 422, "incomplete"),
            ("ana", "take", {"photos": [7]}, 422, "incomplete"),
            ("ana", "take", {"details": []}, 422, "incomplete"),
            ("ana", "take", {"details": {"A b": 1}}, 422, "incomplete"),
            ("ana", "take", {"surprise": 1}, 422, "incomplete"),
        ],
    )
    def test_each_refusal_says_why_in_both_languages(
        self, office: Office, name: str, action: str, body: Any, status: int, kind: str
    ) -> None:
        case = office.report()
        office.bring(case, "dispatched")
        headers = office.headers(name) | {"Content-Type": "application/json"}
        text = json.dumps(body)
        answer = office.client.post(f"/cases/{case}/{action}", content=text, headers=headers)
        told = answer.json()
        assert answer.status_code in (status, 400), answer.text
        if answer.status_code == 400:
            assert "\\ud800" in text or "Infinity" in text
            return
        assert told["type"] == f"urn:onemap:case:{kind}"
        assert told["texts"]["en"] and told["texts"]["zh"] != told["texts"]["en"]
        assert office.get("ana", f"/cases/{case}").json()["version"] == 4, "nothing has changed"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"{" * 5000])
    def test_garbage_is_refused(self, office: Office, body: bytes) -> None:
        case = office.report()
        headers = office.headers("desk") | {"Content-Type": "application/json"}
        for path in ("/cases", f"/cases/{case}/confirm", "/inbox"):
            assert office.client.post(path, content=body, headers=headers).status_code == 400

    @pytest.mark.parametrize(
        "wrong",
        [{"kind": None}, {"kind": "NO-SUCH"}, {"kind": 7}, {"where": None}, {"where": [0, 0]},
         {"where": [True, False]}, {"severity": "awful"}, {"note": ["x"]}],
    )  # fmt: skip
    def test_a_report_without_what_it_needs_is_refused(self, office: Office, wrong: Any) -> None:
        body = {"kind": "STREET-1", "where": list(OLD_HARBOUR)} | wrong
        answer = office.post("desk", "/cases", body, "k")
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"] in wrong

    def test_a_report_needs_a_key(self, office: Office) -> None:
        body = {"kind": "STREET-1", "where": list(OLD_HARBOUR)}
        for key in (None, " ", "x" * 300):
            assert office.post("desk", "/cases", body, key).status_code == 422


class TestPhotos:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_what_the_camera_wrote_into_it_is_not_kept(self, office: Office, form: str) -> None:
        content = photo(form=form)
        assert b"MAKER-OF-CAMERAS" in content
        query = "?lon=-75.1&lat=-42.6&taken=2026-01-02T03:04:05Z"
        first = office.upload("ana", content, query, kind="image/jpeg")
        assert first.status_code == 201, first.text
        told = first.json()
        assert told["media"] == f"image/{form.lower()}" and (told["width"], told["height"]) == (
            64,
            48,
        )
        kept = office.get("ana", f"/photos/{told['digest']}")
        assert kept.status_code == 200 and kept.headers["content-type"] == told["media"]
        assert b"MAKER-OF-CAMERAS" not in kept.content
        assert not Image.open(io.BytesIO(kept.content)).getexif()
        again = office.upload("ana", content, query)
        assert again.status_code == 200 and again.json() == told
        beside = next((office.folder / "photos").rglob("by-*.json")).read_text("utf-8")
        assert '"lon": -75.1' in beside and "2026-01-02T03:04:05Z" in beside

    def test_it_is_turned_upright(self, office: Office) -> None:
        exif, written = Image.Exif(), io.BytesIO()
        exif[0x0112] = 6
        Image.new("RGB", (64, 48), "blue").save(written, "JPEG", exif=exif.tobytes())
        told = office.upload("ana", written.getvalue()).json()
        assert (told["width"], told["height"]) == (48, 64)

    @pytest.mark.parametrize(
        "content",
        [b"", b"<svg onload=alert(1)>", b"<html>", b"GIF89a" + b"\0" * 50, photo()[:200],
         b"\x89PNG\r\n\x1a\n" + b"\0" * 64, b"RIFF\0\0\0\0WEBPVP8 ", bytes(range(256)) * 20],
    )  # fmt: skip
    def test_what_is_no_photo_is_refused(self, office: Office, content: bytes) -> None:
        answer = office.upload("ana", content)
        assert answer.status_code == 422 and answer.json()["field"] == "photo", answer.text
        assert not (office.folder / "photos").exists()

    def test_too_large_or_of_another_type(self, office: Office) -> None:
        assert office.upload("ana", b"\xff" * (8 * 1024 * 1024 + 1)).status_code == 413
        assert office.upload("ana", photo(), kind="text/html").status_code == 415
        many = io.BytesIO()
        Image.new("1", (13_000, 10)).save(many, "PNG")
        assert office.upload("ana", many.getvalue()).status_code == 422
        for query in ("?lon=x", "?lat=91", "?taken=yesterday", "?colour=red"):
            assert office.upload("ana", photo(), query).status_code == 400

    def test_it_is_seen_with_its_case(self, office: Office) -> None:
        case = office.report()
        office.bring(case, "handled")
        log = office.get("eva", f"/cases/{case}").json()["log"]
        (kept,) = next(one["photos"] for one in log if one["action"] == "done")
        path = kept["href"].removeprefix(BASE)
        assert office.get("eva", path).status_code == 200
        assert office.get("eva", f"/photos/{kept['digest']}").status_code == 404
        assert office.get("far", path).status_code == 404
        other = office.report(key="other")
        assert office.get("eva", f"/photos/{kept['digest']}?case={other}").status_code == 404

    def test_nobody_uses_another_ones(self, office: Office) -> None:
        digest = office.upload("ana", photo()).json()["digest"]
        body = {"kind": "STREET-1", "where": list(OLD_HARBOUR), "photos": [digest]}
        assert office.post("desk", "/cases", body, "k").status_code == 422

    @pytest.mark.parametrize("name", ["..%2f..%2faccess", "%00", "A" * 64, "0" * 63, "é"])
    def test_names_stay_within_the_folder(self, office: Office, name: str) -> None:
        assert office.get("ana", f"/photos/{name}").status_code == 404


class TestInbox:
    def test_a_work_order_is_in_the_inbox_as_soon_as_it_is_sent(self, anywhere: Office) -> None:
        case = anywhere.report()
        anywhere.bring(case, "filed")
        body = {"details": {"department": "council", "assignee": "ana"}}
        anywhere.post("desk", f"/cases/{case}/dispatch", body, "d1")
        anywhere.post("desk", f"/cases/{case}/dispatch", body, "d1")
        told = anywhere.get("ana", "/inbox").json()
        (notice,) = told["notices"]
        assert told["unseen"] == 1 and notice["case"] == case
        assert notice["template"] == "work_order" and notice["seen"] is None
        log = anywhere.get("desk", f"/cases/{case}").json()["log"]
        assert notice["at"] == log[-1]["at"], "at the moment of the step"
        assert anywhere.get("bob", "/inbox").json()["notices"] == []
        keys = {"seen": [notice["key"]]}
        assert anywhere.post("bob", "/inbox", keys).json() == {"seen": 0}
        assert anywhere.post("ana", "/inbox", keys).json() == {"seen": 1}
        assert anywhere.get("ana", "/inbox").json()["unseen"] == 0

    def test_a_department_is_told_within_the_walls(self, office: Office) -> None:
        case = office.report()
        office.bring(case, "dispatched")
        for name, number in (("ana", 1), ("bob", 1), ("far", 0), ("eva", 0)):
            assert len(office.get(name, "/inbox").json()["notices"]) == number, name

    def test_who_reported_it_hears_of_the_end(self, office: Office) -> None:
        case = office.report("resident")
        office.bring(case, "closed")
        (notice,) = office.get("resident", "/inbox").json()["notices"]
        assert notice["template"] == "closed" and case in notice["body"]

    @pytest.mark.parametrize("seen", ["x", [1], ["k"] * 101, ["\0"]])
    def test_what_cannot_be_marked_is_refused(self, office: Office, seen: Any) -> None:
        assert office.post("ana", "/inbox", {"seen": seen}).status_code == 422


def test_whoever_sits_at_the_machine_does_it_all(case_city: City, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "alone.gpkg"), case_city)
    furnish(store, case_city)
    client = TestClient(create_app(case_city, store, folder=tmp_path), base_url=BASE)
    body = {"kind": "STREET-1", "where": list(OLD_HARBOUR)}
    answer = client.post("/cases", json=body, headers={"Idempotency-Key": "1"})
    case = answer.json()["case"]["id"]
    digest = client.post("/photos", content=photo(), headers={"Content-Type": "image/jpeg"}).json()[
        "digest"
    ]
    done = {"why": "cleared", "photos": [digest], "where": list(OLD_HARBOUR)}
    for action, more in (
        ("confirm", {}), ("file", {}), ("dispatch", {"details": {"department": "council"}}),
        ("take", {}), ("start", {}), ("done", done), ("verify", {}), ("close", {}),
    ):  # fmt: skip
        answered = client.post(f"/cases/{case}/{action}", json=more)
        assert answered.status_code == 200, answered.text
    assert client.get(f"/cases/{case}/verify").json()["whole"]
    assert client.get("/inbox").json()["notices"]
    figures = client.get(f"/cases/statistics?last={datetime.now(UTC):%Y-%m-%d}").json()["figures"]
    assert sum(one["closed"] for one in figures) >= 1
    store.close()
