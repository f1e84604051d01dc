"""Bodies of JT/T 808 messages, by public examples and by what is wrong with them."""

from __future__ import annotations

import pytest

from ingest.decoders.jt808_frame import Frame, FrameCutter, pack
from ingest.decoders.jt808_messages import (
    MessageError,
    RegisterResult,
    Registration,
    Result,
    answer,
    locations,
    read_code,
    read_items,
    read_registration,
    register_answer,
    resend_question,
)
from tests.ingest.jt808_frames import location, public
from tests.ingest.jt808_frames import locations as batch

PHONE = "012345678901"


def frame_of(name: str) -> Frame:
    (frame,), _ = FrameCutter("peer").feed(public(name))
    return frame


@pytest.mark.parametrize(
    ("year", "model"), [("2011", "tk12345"), ("2013", "smallchi123"), ("2019", "smallchi123")]
)
def test_registrations_of_all_years(year: str, model: str) -> None:
    found = read_registration(frame_of(f"small_chi_register_{year}"))
    assert found == Registration(40, 50, "1234", model, "CHI123", 1, "粤A12345")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("go_authenticate_2013", "17299841738"),
        ("go_authenticate_2019", "17299841738"),
        ("huabao_authenticate", "8300200260432"),
    ],
)
def test_codes(name: str, code: str) -> None:
    assert read_code(frame_of(name)) == code


def test_items_of_a_terminal() -> None:
    found = read_items(frame_of("small_chi_location_of_a_terminal").body[28:])
    assert (found.mileage_m, found.strength, found.satellites) == (34_726_100.0, 29, 13)
    assert (found.fuel_l, found.recorder_mps, found.signals) == (0, 0, 0)
    assert found.others == ((0x2B, bytes(4)),)


def test_units_of_items_and_items_of_another_length() -> None:
    found = read_items(bytes.fromhex("01040000006402020 0370302016801 02ffff".replace(" ", "")))
    assert (found.mileage_m, found.fuel_l) == (10_000.0, 5.5)
    assert found.recorder_mps == pytest.approx(10.0)
    assert found.others == ((1, b"\xff\xff"),)


@pytest.mark.parametrize("data", ["01", "0104000000", "310110e3"])
def test_items_that_end_behind_the_message(data: str) -> None:
    with pytest.raises(MessageError):
        read_items(bytes.fromhex(data))


@pytest.mark.parametrize("name", ["go_locations", "xtream_locations_2019"])
def test_batches(name: str) -> None:
    frame = frame_of(name)
    bodies, failure = locations(frame)
    assert failure is None and [len(body) for body in bodies] == [28, 28]
    assert batch(*bodies)[3:] == frame.body[3:]


def test_a_torn_batch_gives_what_is_whole() -> None:
    body = batch(location(), location(), location())
    found, failure = locations(Frame(0x0704, PHONE, 0, body[:-1]))
    assert len(found) == 2 and failure is not None and failure.field == "length"
    found, failure = locations(Frame(0x0704, PHONE, 0, b"\0\4" + body[2:]))
    assert len(found) == 3 and failure is not None and failure.field == "count"
    assert locations(Frame(0x0704, PHONE, 0, b"\0"))[0] == []


def test_an_answer_to_a_question_has_its_number_first() -> None:
    assert locations(Frame(0x0201, PHONE, 0, b"\0\7" + location())) == ([location()], None)
    found, failure = locations(Frame(0x0201, PHONE, 0, b"\0"))
    assert found == [] and failure is not None


@pytest.mark.parametrize(
    "body",
    [
        bytes(10),
        bytes(37) + "苏A1".encode("gbk") + b"\xff",
        bytes(37) + b"1" * 18,
        bytes(37) + b"A\nB",
    ],
)
def test_registrations_that_name_nobody(body: bytes) -> None:
    with pytest.raises(MessageError):
        read_registration(Frame(0x0100, PHONE, 0, body))


def test_a_code_longer_than_its_message() -> None:
    for body in (b"", b"\5abc"):
        with pytest.raises(MessageError):
            read_code(Frame(0x0102, PHONE.zfill(20), 0, body, 1))


def test_answers_are_those_of_the_public_examples() -> None:
    beat = Frame(2, PHONE, 0x7FFF)
    assert pack(answer(beat, Result.DONE, 0)) == public("go_platform_answer")
    asked = Frame(0x0100, PHONE, 0)
    made = register_answer(asked, RegisterResult.DONE, "12345678901", 0)
    assert pack(made) == public("go_register_answer")
    refused = register_answer(asked, RegisterResult.NO_SUCH_VEHICLE, "12345678901", 0)
    assert refused.body == b"\0\0\2"


def test_parts_are_asked_for_by_the_number_of_the_first() -> None:
    old = resend_question(Frame(0x0704, PHONE, 12, b"", None, 5, 3), [2, 5], 9)
    assert (old.id, old.body.hex()) == (0x8003, "000a" + "02" + "0002" + "0005")
    new = resend_question(Frame(0x0704, PHONE.zfill(20), 0, b"", 1, 5, 2), [1], 9)
    assert (new.version, new.body.hex()) == (1, "ffff" + "0001" + "0001")
