"""What a terminal is answered, and when a connection is given up; no socket, no clock but ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders.jt808_frame import Frame, FrameCutter
from ingest.decoders.jt808_messages import RegisterResult, Registration, Result
from ingest.sources.terminal_codes import Codes, secret_of
from ingest.sources.terminal_parts import Parts, PartsError
from ingest.sources.terminal_session import Entrance, Heard, Limits, Session
from tests.ingest.jt808_frames import Terminal, location, locations

CODES = Codes(b"secret")
NUMBER = "13800000001"
MS = 1_772_337_600_000


def session(entrance: Entrance | None = None, limits: Limits | None = None) -> Session:
    return Session("tcp://peer#1", entrance or Entrance(CODES), limits or Limits(), 0.0)


def read(frames: list[bytes]) -> list[Frame]:
    return FrameCutter("us").feed(b"".join(frames))[0]


def results(frames: list[bytes]) -> list[tuple[int, int]]:
    """Message and result of general answers."""
    return [(int.from_bytes(f.body[2:4]), f.body[4]) for f in read(frames) if f.id == 0x8001]


def hear(one: Session, *data: bytes, now_s: float = 1.0) -> Heard:
    return one.receive(b"".join(data), now_s, MS)


def logged_in(
    truck: Terminal, entrance: Entrance | None = None, limits: Limits | None = None
) -> Session:
    one = session(entrance, limits)
    assert results(hear(one, truck.authenticate(CODES.of(NUMBER))).answers) == [(0x0102, 0)]
    return one


@pytest.mark.parametrize("version", [None, 1])
def test_register_authenticate_locate(version: int | None) -> None:
    truck, one = Terminal(version=version), session()
    heard = hear(one, truck.register())
    assert heard.plates == {NUMBER: "苏A12345"} and heard.answers == []
    (told,) = read(heard.later)
    assert (told.id, told.version, told.body[:3]) == (0x8100, version, b"\0\0\0")
    code = told.body[3:].decode()
    assert code == CODES.of(NUMBER)
    heard = hear(one, truck.authenticate(code))
    assert results(heard.answers) == [(0x0102, Result.DONE)] and one.authenticated == NUMBER
    heard = hear(one, truck.locate())
    assert heard.answers == [] and results(heard.later) == [(0x0200, Result.DONE)]
    (report,) = heard.reports
    assert (report.mover, report.terminal, report.body) == ("苏A12345", NUMBER, location())
    assert (report.sender, report.received_ms) == ("tcp://peer#1", MS)


def test_a_terminal_without_a_plate_is_not_lost() -> None:
    truck = Terminal()
    heard = hear(logged_in(truck), truck.locate())
    assert heard.reports[0].mover == f"T{NUMBER}"


def test_the_plate_is_known_on_the_next_connection() -> None:
    entrance, truck = Entrance(CODES), Terminal()
    hear(session(entrance), truck.register())
    heard = hear(logged_in(truck, entrance), truck.locate())
    assert heard.reports[0].mover == "苏A12345"


def test_locations_count_only_with_the_code() -> None:
    truck, one = Terminal(), session()
    heard = hear(one, truck.authenticate("guessed"), truck.locate())
    assert results(heard.answers) == [(0x0102, Result.FAILED), (0x0200, Result.FAILED)]
    assert heard.reports == [] and heard.later == []
    assert [r.reason for r in heard.rejects] == ["wrong_code", "not_authenticated"]
    assert heard.rejects[1].raw == location().hex()


def test_the_code_of_one_terminal_is_not_anothers() -> None:
    truck = Terminal()
    one = logged_in(truck)
    other = Terminal(phone="013800000002")
    assert results(hear(one, other.locate()).answers) == [(0x0200, Result.FAILED)]
    answers = hear(one, other.authenticate(CODES.of(NUMBER))).answers
    assert results(answers) == [(0x0102, Result.FAILED)]


def test_an_open_entrance_asks_for_no_code() -> None:
    truck, one = Terminal(), session(Entrance(CODES, open=True))
    assert len(hear(one, truck.locate()).reports) == 1
    assert results(hear(one, truck.authenticate("x")).answers) == [(0x0102, Result.DONE)]


def test_who_is_not_admitted_gets_no_code() -> None:
    def nobody(told: Registration, terminal: str) -> RegisterResult:
        return RegisterResult.NO_SUCH_TERMINAL

    heard = hear(session(Entrance(CODES, admit=nobody)), Terminal().register())
    assert read(heard.later)[0].body == b"\0\0\4"
    assert heard.plates == {} and [r.reason for r in heard.rejects] == ["not_admitted"]


def test_a_code_ends_with_its_truck() -> None:
    truck = Terminal()
    one = session(Entrance(CODES, serves=lambda terminal: False))
    heard = hear(one, truck.authenticate(CODES.of(NUMBER)))
    assert results(heard.answers) == [(0x0102, Result.FAILED)]


def test_everything_else_is_answered_at_once() -> None:
    truck = Terminal()
    one = logged_in(truck)
    heard = hear(
        one, truck.frame(0x0002), truck.frame(0x0801, b"photo"), truck.frame(0x0001, bytes(5)),
        truck.frame(0x0200, location(), encryption=1), truck.frame(0x0100, b""),
        truck.frame(0x0003),
    )  # fmt: skip
    assert results(heard.answers) == [
        (0x0002, Result.DONE), (0x0801, Result.NOT_SUPPORTED), (0x0200, Result.NOT_SUPPORTED),
        (0x0100, Result.WRONG_MESSAGE), (0x0003, Result.DONE),
    ]  # fmt: skip
    assert [r.reason for r in heard.rejects] == ["encrypted", "bad_message"]
    assert heard.accepted == {"heartbeat": 1, "unsupported": 1, "answer": 1, "unregister": 1}
    assert one.authenticated is None


def test_answers_carry_the_number_of_what_they_answer() -> None:
    truck = Terminal(serial=41)
    heard = hear(session(), truck.frame(0x0002), truck.frame(0x0002))
    assert [(f.serial, f.body[:2]) for f in read(heard.answers)] == [(0, b"\0\x2a"), (1, b"\0\x2b")]


def test_batches() -> None:
    truck = Terminal()
    one = logged_in(truck)
    body = locations(location(), location(alarm=1), location()[:20])
    heard = hear(one, truck.frame(0x0704, body), truck.frame(0x0704, body[:-3]))
    assert [len(r.body) for r in heard.reports] == [28, 28, 20, 28, 28]
    assert [r.reason for r in heard.rejects] == ["bad_message"]
    assert results(heard.later) == [(0x0704, Result.WRONG_MESSAGE)] * 2


def parts_of(truck: Terminal, body: bytes, many: int) -> list[bytes]:
    size = -(-len(body) // many)
    return [
        truck.frame(0x0704, body[k * size : (k + 1) * size], parts=many, part=k + 1)
        for k in range(many)
    ]


@given(st.permutations(range(4)))
def test_parts_in_any_order_are_one_message(order: list[int]) -> None:
    truck = Terminal()
    one = logged_in(truck)
    frames = parts_of(truck, locations(location(), location(alarm=1)), 4)
    heard = hear(one, *(frames[k] for k in order))
    assert [r.body for r in heard.reports] == [location(), location(alarm=1)]
    assert len(results(heard.answers)) == 3 and len(results(heard.later)) == 1
    assert heard.accepted["part"] == 4


def test_missing_parts_are_asked_for_and_then_given_up() -> None:
    truck = Terminal()
    one = logged_in(truck, limits=Limits(parts_s=10))
    frames = parts_of(truck, locations(location(), location()), 3)
    hear(one, frames[0], frames[2])
    assert one.sweep(10.9).answers == []
    (asked,) = read(one.sweep(11).answers)
    assert (asked.id, asked.body.hex()) == (0x8003, "0001" + "01" + "0002")
    assert len(hear(one, frames[1], now_s=12).reports) == 2
    hear(one, frames[0], now_s=20)
    assert one.sweep(30).rejects == []
    given_up = one.sweep(40)
    assert [r.reason for r in given_up.rejects] == ["incomplete"]


def test_parts_are_bounded() -> None:
    parts = Parts(most_bytes=300, wait_s=1)
    frame = Frame(0x0704, "1" * 12, 0, b"", None, 60_000, 1)
    for number in range(1, 5):
        assert parts.add(frame._replace(part=number, serial=number), 0) is None
    with pytest.raises(PartsError):
        parts.add(frame._replace(part=5, serial=5), 0)
    assert parts.close() == []


def test_parts_without_the_code_are_not_held() -> None:
    truck = Terminal()
    heard = hear(session(), parts_of(truck, locations(location()), 2)[0])
    assert results(heard.answers) == [(0x0704, Result.FAILED)]
    assert [r.reason for r in heard.rejects] == ["not_authenticated"]


def test_garbage_ends_a_connection() -> None:
    one = session(limits=Limits(garbage_bytes=100))
    assert not hear(one, b"\x01" * 90).hang_up
    heard = hear(one, b"\x01" * 20 + b"\x7e")
    assert "110 bytes" in heard.hang_up and len(heard.rejects) == 1


def test_guessing_ends_a_connection() -> None:
    truck, one = Terminal(), session(limits=Limits(garbage_bytes=1000))
    tries = [hear(one, truck.authenticate(f"{k:016x}")).hang_up for k in range(20)]
    assert tries[-1] and not tries[0]


def test_registering_without_end_ends_a_connection() -> None:
    one = session(limits=Limits(garbage_bytes=1000))
    ended = [hear(one, Terminal(phone=f"0138000000{k:02d}").register()).hang_up for k in range(20)]
    assert ended[-1] and not ended[0]


def test_garbage_before_a_good_frame_of_a_known_terminal_is_forgiven() -> None:
    truck = Terminal()
    one = logged_in(truck, limits=Limits(garbage_bytes=100))
    assert not any(hear(one, b"\x01" * 60, truck.locate()).hang_up for _ in range(5))


def test_who_shows_no_code_in_time_is_hung_up_on() -> None:
    truck, one = Terminal(), session(limits=Limits(login_s=30))
    for byte in truck.authenticate(CODES.of(NUMBER))[:-1]:
        # A slow one, byte for byte.
        hear(one, bytes([byte]), now_s=29)
    assert not one.sweep(29.9).hang_up
    assert "not authenticated" in one.sweep(30).hang_up
    assert [r.reason for r in one.close().rejects] == ["truncated"]


def test_heartbeats_alone_are_no_login() -> None:
    truck, one = Terminal(), session(limits=Limits(login_s=30))
    hear(one, truck.frame(0x0002), now_s=29)
    assert one.sweep(31).hang_up


def test_a_silent_terminal_is_hung_up_on() -> None:
    truck = Terminal()
    one = logged_in(truck, limits=Limits(idle_s=300, login_s=30))
    hear(one, truck.frame(0x0002), now_s=200)
    hear(one, b"\x7e\x02", now_s=450)
    assert not one.sweep(499).hang_up
    assert "silent" in one.sweep(500).hang_up


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_no_bytes_break_a_session(data: list[bytes]) -> None:
    one = session(Entrance(CODES, open=True))
    for some in data:
        hear(one, some)
    one.sweep(1e6)
    one.close()


def test_the_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "access" / "jt808.key"
    made = secret_of(None, file)
    assert len(made) == 64 and secret_of("", file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret_of("given", file) == b"given"
    assert Codes(b"a").of("1") != Codes(b"b").of("1") and Codes(b"a").fit("1", Codes(b"a").of("1"))
    assert not Codes(b"a").fit("1", "é")
