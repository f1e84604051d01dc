"""Two nodes exchange cases: queued while one is away, taken once, followed to the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from cases.case_log import verify
from cases.channels.channel import DeliveryError
from cases.channels.http import sign
from cases.channels.peer import PeerChannel
from cases.outbox import Delivered
from cases.peers import read_peers
from cases.refusals import IncompleteError, NotAllowedError, TransitionError, UnknownCaseError
from layers.city import City
from layers.errors import DeclarationError
from layers.store.notice import Notice
from ogc_server.blocks.exchange import LARGEST
from tests.cases.conftest import person
from tests.cases.receiver import receiving
from tests.ogc_server.nodes import OLD_HARBOUR, SECRET, Node, two_nodes
from tests.postgis import fresh_database

Pair = tuple[Node, Node]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def nodes(tiny_folder: Path, pudong_folder: Path, tmp_path: Path, secrets: None) -> Iterator[Pair]:
    urls = str(tmp_path / "south.gpkg"), str(tmp_path / "north.gpkg")
    pair = two_nodes(tiny_folder, pudong_folder, tmp_path, urls)
    yield pair
    for node in pair:
        node.store.close()


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def stores(
    request: pytest.FixtureRequest,
    tiny_folder: Path,
    pudong_folder: Path,
    tmp_path: Path,
    secrets: None,
) -> Iterator[Pair]:
    """Two nodes, one of which keeps its rows in each back end."""
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _pair(tiny_folder, pudong_folder, tmp_path, url)
    else:
        yield from _pair(tiny_folder, pudong_folder, tmp_path, str(tmp_path / "s.gpkg"))


def _pair(tiny: Path, pudong: Path, home: Path, url: str) -> Iterator[Pair]:
    pair = two_nodes(tiny, pudong, home, (url, str(home / "n.gpkg")))
    yield pair
    for node in pair:
        node.store.close()


class TestTwoServers:
    def test_a_case_goes_over_and_its_end_comes_back_whoever_is_away(self, stores: Pair) -> None:
        south, north = stores
        case = south.report("STREET-1", OLD_HARBOUR)
        south.hand_over(case, "it stands on your quay")
        (waiting,) = south.records.listed()
        assert south.deliver() == Delivered(postponed=1), "the other node is away"
        assert south.cases()[0]["state"] == "suspended" and north.cases() == []

        with north.serving():
            assert south.deliver() == Delivered(sent=1)
            (peer,) = south.peers.peers
            channel = PeerChannel(south.peers.node, peer, SECRET)
            channel.send(waiting)  # the answer was lost, so it is sent again
            channel.close()
        (taken,) = north.cases()
        assert (taken["event_type"], taken["state"]) == ("0506", "found")
        assert taken["note"].splitlines()[0].endswith("it stands on your quay")
        assert taken["photos"] == ["photo/1"] and taken["geometry"].x == OLD_HARBOUR[0]

        there = taken["case_id"]
        assert north.deliver() == Delivered(postponed=1), "now this one is away"
        north.close_case(there, "D19")
        with south.serving():
            assert north.deliver() == Delivered(sent=9)
            assert north.deliver() == Delivered()
        (ended,) = south.cases()
        assert ended["state"] == "closed" and south.steps(case)[-1] == "peer_closed"
        assert verify(south.store, case).whole and verify(north.store, there).whole
        (out,), (came,) = south.exchanges(), north.exchanges()
        assert (out["peer_case"], out["peer_state"], out["peer_entry"]) == (there, "closed", 9)
        assert out["digest"] == came["digest"] and came["peer_case"] == case
        assert out["peer_digest"] == taken_digest(north)
        assert len(north.cases()) == 1

    def test_what_the_other_node_rejects_comes_back(self, nodes: Pair) -> None:
        south, north = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        south.hand_over(case)
        with north.serving():
            south.deliver()
        (taken,) = north.cases()
        with south.serving():
            north.deliver()
            north.act(taken["case_id"], "reject_false", why="not on our side")
            north.deliver()
        (back,) = south.cases()
        assert back["state"] == "filed"
        assert south.steps(case)[-2:] == ["peer_told", "peer_gave_back"]


def taken_digest(node: Node) -> str:
    (row,) = node.cases()
    digest: str = row["log_digest"]
    return digest


def passed(sender: Node, receiver: Node) -> list[Any]:
    """Pass on what waits without a network; the answers."""
    client = TestClient(receiver.app, base_url="http://127.0.0.1")
    answers = []
    for notice in reversed(sender.records.listed(status="waiting")):
        answer = client.post(
            notice.recipient,
            content=notice.body.encode(),
            headers=signed(sender.peers.node, notice.key, notice.body.encode()),
        )
        sender.records.sent(notice.key, datetime.now(UTC))
        answers.append(answer)
    return answers


def signed(node: str, ident: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    stamp = str(int((at or datetime.now(UTC)).timestamp()))
    return {
        "content-type": "application/json",
        "onemap-node": node,
        "webhook-id": ident,
        "webhook-timestamp": stamp,
        "webhook-signature": sign(SECRET["ONEMAP_TEST_PEER"], ident, stamp, body),
    }


class TestHandingOver:
    def test_a_ring_stops_after_three(self, nodes: Pair) -> None:
        south, north = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        here, there = south, north
        for _ in range(3):
            here.hand_over(case)
            passed(here, there)
            (case,) = [row["case_id"] for row in there.cases() if row["state"] == "found"]
            for action in ("confirm", "file"):
                there.act(case, action)
            here, there = there, here
        with pytest.raises(NotAllowedError, match="3 times"):
            here.hand_over(case)
        assert [row["state"] for row in here.cases() if row["case_id"] == case] == ["filed"]
        hops = max((list(row["hops"]) for row in here.exchanges()), key=len)
        assert hops == ["south", "north", "south"]

    def test_an_end_goes_all_the_way_back(self, nodes: Pair) -> None:
        south, north = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        south.hand_over(case)
        passed(south, north)
        (middle,) = [row["case_id"] for row in north.cases()]
        north.act(middle, "confirm")
        north.act(middle, "file")
        north.hand_over(middle)
        passed(north, south)
        (last,) = [row["case_id"] for row in south.cases() if row["case_id"] != case]
        south.close_case(last, "council")
        passed(south, north)
        passed(north, south)
        assert {row["state"] for row in (*south.cases(), *north.cases())} == {"closed"}

    def test_the_same_key_hands_over_once(self, nodes: Pair) -> None:
        south, _ = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        first, again = south.hand_over(case, key="k"), south.hand_over(case, key="k")
        assert (first.replayed, again.replayed) == (False, True)
        assert len(south.records.listed()) == 1 == len(south.exchanges())

    def test_who_may_not_suspend_may_not_hand_over(self, nodes: Pair) -> None:
        south, _ = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        officer = person(south.city, "ana", "officer", "PS", departments="council")
        for who in (officer, person(south.city, "eva", "inspector")):
            with pytest.raises((UnknownCaseError, NotAllowedError)):
                south.hand_over(case, actor=who)
        with pytest.raises(IncompleteError):
            south.hand_over(case, why=" ")
        south.act(case, "suspend", why="wait")
        with pytest.raises(TransitionError):
            south.hand_over(case)
        assert south.records.listed() == []

    def test_nothing_personal_and_no_notes_of_staff_go_over(self, nodes: Pair) -> None:
        south, _ = nodes
        case = south.report("STREET-1", OLD_HARBOUR, reporter="open311:private")
        south.act(case, "dispatch", details={"department": "council", "assignee": "ana"})
        south.act(case, "suspend", why="SECRET of staff")
        south.act(case, "resume")
        south.hand_over(case)
        (notice,) = south.records.listed()
        for private in ("SECRET", "ana", "private", "local"):
            assert private not in notice.body
        log = orjson.loads(notice.body)["log"]
        assert [step["action"] for step in log] == south.steps(case)
        assert log[0]["previous"] == "0" * 64 and log[1]["previous"] == log[0]["digest"]


class TestFollowing:
    def test_a_case_that_was_taken_back_follows_no_more(self, nodes: Pair) -> None:
        south, north = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        south.hand_over(case)
        passed(south, north)
        south.act(case, "resume")
        south.act(case, "suspend", why="for another reason")
        north.close_case(north.cases()[0]["case_id"], "D19")
        assert {answer.status_code for answer in passed(north, south)} == {200}
        assert south.cases()[0]["state"] == "suspended"
        assert south.exchanges()[0]["peer_state"] == "closed"

    def test_only_newer_entries_count(self, nodes: Pair) -> None:
        south, north = nodes
        case = south.report("STREET-1", OLD_HARBOUR)
        south.hand_over(case)
        passed(south, north)
        passed(north, south)
        north.act(north.cases()[0]["case_id"], "confirm")
        north.act(north.cases()[0]["case_id"], "file")
        late, newest = sorted(
            north.records.listed(status="waiting"), key=lambda n: orjson.loads(n.body)["entry"]
        )
        client = TestClient(south.app, base_url="http://127.0.0.1")

        def send(notice: Notice) -> None:
            body = notice.body.encode()
            answer = client.post(
                notice.recipient, content=body, headers=signed("north", notice.key, body)
            )
            assert answer.status_code == 200

        for notice in (newest, late, newest, late):
            send(notice)
        assert south.exchanges()[0]["peer_state"] == "filed"
        assert south.steps(case)[-2:] == ["peer_told", "peer_told"]


class Door:
    """The north's door, and a case as the south would send it."""

    def __init__(self, nodes: Pair) -> None:
        self.south, self.north = nodes
        self.case = self.south.report("STREET-1", OLD_HARBOUR)
        self.south.hand_over(self.case)
        (self.notice,) = self.south.records.listed()
        self.document: dict[str, Any] = orjson.loads(self.notice.body)
        self.client = TestClient(
            self.north.app, base_url="http://127.0.0.1", raise_server_exceptions=False
        )

    def post(self, content: Any = None, path: str = "/exchange/cases", **more: Any) -> Any:
        body = content if isinstance(content, bytes) else orjson.dumps(content or self.document)
        headers = signed(more.pop("node", "south"), "id", body, more.pop("at", None)) | more
        return self.client.post(path, content=body, headers=headers)


@pytest.fixture
def door(nodes: Pair) -> Door:
    return Door(nodes)


class TestTheDoor:
    def test_a_receipt_names_what_came(self, door: Door) -> None:
        first, again = door.post(), door.post()
        assert first.status_code == 200 and first.json() == again.json()
        (row,) = door.north.exchanges()
        assert first.json()["digest"] == row["digest"]
        assert first.json()["case"] == door.north.cases()[0]["case_id"]

    def test_the_same_hand_over_with_another_content_is_refused(self, door: Door) -> None:
        assert door.post().status_code == 200
        assert door.post(door.document | {"reason": "another"}).status_code == 422
        assert len(door.north.cases()) == 1

    def test_who_proves_nothing_is_refused_alike(self, door: Door) -> None:
        now = datetime.now(UTC)
        answers = [
            door.post(node="nobody"),
            door.post(node="north"),
            door.post(at=now - timedelta(minutes=6)),
            door.post(at=now + timedelta(minutes=6)),
            door.post(**{"webhook-signature": "v1,AAAA"}),
            door.post(**{"webhook-signature": ""}),
            door.post(node=""),
            door.post(**{"webhook-timestamp": "-1"}),
            door.post(**{"webhook-id": "other"}),
            door.client.post("/exchange/cases", json=door.document),
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        assert door.north.cases() == [] == door.north.exchanges()

    def test_what_does_not_fit_is_refused(self, door: Door) -> None:
        changes: list[tuple[dict[str, Any], int]] = [
            ({"version": 2}, 422), ({"format": "other"}, 422), ({"sender": "north"}, 422),
            ({"receiver": "south"}, 422), ({"hops": []}, 422), ({"hops": ["other"]}, 422),
            ({"hops": ["a", "b", "c", "south"]}, 403), ({"exchange": "x" * 201}, 422),
            ({"exchange": "a\x00b"}, 422), ({"reason": "nul\x00"}, 422), ({"log": 3}, 422),
            ({"photos": [{"ref": "../../etc/passwd", "sha256": "no"}]}, 422),
            ({"case": {"place": [999, 0]}}, 422), ({"case": {"place": ["NaN", 0]}}, 422),
            ({"case": {"event_type": "0101"}}, 422), ({"case": {"event_type": "' OR 1=1"}}, 422),
            ({"case": {"opened_at": "yesterday"}}, 422), ({"case": None}, 422),
            ({"case": {"note": "x" * 4001}}, 422),
        ]  # fmt: skip
        for change, status in changes:
            content = dict(door.document)
            for name, value in change.items():
                inner = isinstance(value, dict)
                content[name] = content[name] | value if inner else value
            answer = door.post(content)
            assert answer.status_code == status, (change, answer.text)
        assert door.north.cases() == [] == door.north.exchanges()

    def test_hostile_texts_are_only_texts(self, door: Door) -> None:
        words = "Robert'); DROP TABLE case_event;-- <script>"
        content = door.document | {"reason": words, "exchange": "../../../x'; DROP TABLE y"}
        assert door.post(content).status_code == 200
        assert words in door.north.cases()[0]["note"]

    def test_garbage_is_refused(self, door: Door) -> None:
        bodies = [
            (b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b"\xff\xfe{}", 422),
            ('{"format": "跨"}'.encode("gbk"), 422), (b"[" * 100_000, 422),
            (b'{"format": "\\ud800"}', 422), (b" " * (LARGEST + 1), 413),
            (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", 422),
        ]  # fmt: skip
        for body, status in bodies:
            for path in ("/exchange/cases", f"/exchange/cases/{door.case}/status"):
                assert door.post(body, path=path).status_code == status, body[:20]

    def test_other_forms_are_refused(self, door: Door) -> None:
        assert door.post(**{"content-type": "text/xml"}).status_code == 415
        assert door.client.get("/exchange/cases").status_code == 405

    def test_only_who_has_a_case_tells_of_it(self, door: Door) -> None:
        assert door.post().status_code == 200
        (told,) = door.north.records.listed()
        content = orjson.loads(told.body)
        south = TestClient(door.south.app, base_url="http://127.0.0.1")

        def tell(case: str = door.case, **change: Any) -> int:
            body = orjson.dumps(content | change)
            path = f"/exchange/cases/{case}/status"
            answer = south.post(path, content=body, headers=signed("north", "i", body))
            return int(answer.status_code)

        assert tell(case="other") == 404
        assert tell(exchange="in.south.x") == 404
        assert tell(exchange="' OR 1=1") == 404
        assert tell(sender="south") == 422
        assert tell(state="gone") == 422
        assert tell(entry=0) == 422
        assert tell(case="..%2F..%2Fx") == 404
        assert tell() == 200
        assert tell(peer_case="another", entry=9) == 404

    def test_a_page_instead_of_a_receipt_is_no_delivery(self, door: Door) -> None:
        with receiving() as receiver:
            (peer,) = door.south.peers.peers
            elsewhere = peer.model_copy(update={"url": receiver.url})
            channel = PeerChannel("south", elsewhere, SECRET)
            with pytest.raises(DeliveryError, match="receipt"):
                channel.send(door.notice)
            channel.close()


class TestDeclaration:
    @pytest.mark.parametrize(
        ("find", "put", "reason"),
        [
            ("kinds: {A: STREET-1}", "kinds: {A: NONE}", "NONE"),
            ("https://", "http://", "url"),
            ("id: north", "id: south", "same id"),
            ("secret_env: ONEMAP_X", "secret: abc", "secret_env"),
        ],
    )
    def test_mistakes_are_told_with_their_place(
        self, tiny_copy: Path, find: str, put: str, reason: str
    ) -> None:
        text = """
node: south
peers:
  - id: north
    title: {en: North, zh: 北}
    url: https://north.example
    secret_env: ONEMAP_X
    kinds: {A: STREET-1}
"""
        (tiny_copy / "peers.yaml").write_text(text, encoding="utf-8")
        assert read_peers(City(tiny_copy)).find("north") is not None
        (tiny_copy / "peers.yaml").write_text(text.replace(find, put), encoding="utf-8")
        with pytest.raises(DeclarationError, match=reason):
            read_peers(City(tiny_copy))

    def test_a_city_without_peers_exchanges_nothing(self, city: City) -> None:
        assert read_peers(city).peers == ()
