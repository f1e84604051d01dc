"""What was refused is listed until it is accepted, given up or cleared; never twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.rejects import Input, RejectStore
from layers.feeds import Reject
from tests.ingest.conftest import Office

HEAD = "registry_id,name_zh,mmsi,loa_m,registered_from"
REGISTER = "register:vessel_registry"


def table(*rows: str) -> str:
    return "\n".join([HEAD, *rows]) + "\n"


def vessel(number: int, mmsi: str = "7010") -> str:
    return f"R{number},海星,{mmsi},24.5,2019-01-01"


def correct(path: Path, *numbers: int) -> Path:
    """Give vessels of a file a whole MMSI."""
    text = path.read_text(encoding="utf-8-sig")
    for number in numbers:
        assert vessel(number) in text
        text = text.replace(vessel(number), vessel(number, f"70100000{number}"))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def refused(office: Office) -> RejectStore:
    """Vessels 1 to 3 refused from one file, 4 from another."""
    office.take(REGISTER, office.file("a.csv", table(*map(vessel, (1, 2, 3)))))
    office.take(REGISTER, office.file("b.csv", table(vessel(4))))
    return RejectStore(office.home / "rejects")


def listed(rejects: RejectStore) -> list[str]:
    return sorted(row.raw.split(",")[0] for row in rejects.rows())


def test_an_export_that_is_half_corrected_leaves_the_other_half_once(
    office: Office, refused: RejectStore
) -> None:
    out = office.home / "out.csv"
    assert refused.export(None, out) == 4
    office.take(REGISTER, correct(out, 1, 4))
    assert listed(refused) == ["R2", "R3"]
    office.take(REGISTER, out)
    assert listed(refused) == ["R2", "R3"], "the same again"
    office.take(REGISTER, correct(out, 2))
    assert listed(refused) == ["R3"], "corrected in place, without another export"
    assert refused.export(None, out) == 1
    office.take(REGISTER, correct(out, 3))
    assert listed(refused) == [] and len(office.frame("vessel_registry")) == 4


def test_two_exports_of_the_same_rows_are_not_listed_twice(
    office: Office, refused: RejectStore
) -> None:
    one, two = office.home / "one.csv", office.home / "two.csv"
    refused.export(None, one)
    refused.export(None, two)
    office.take(REGISTER, correct(one, 1))
    office.take(REGISTER, correct(two, 1, 2))
    assert listed(refused) == ["R3", "R4"]


def test_what_was_refused_after_the_export_stays(office: Office, refused: RejectStore) -> None:
    out = office.home / "out.csv"
    refused.export(None, out)
    office.take(REGISTER, office.file("c.csv", table(vessel(5))))
    office.take(REGISTER, correct(out, 1, 2, 3, 4))
    assert listed(refused) == ["R5"]


def test_an_export_that_can_not_be_read_closes_nothing(
    office: Office, refused: RejectStore
) -> None:
    out = office.home / "out.csv"
    refused.export(None, out)
    out.write_text("<html></html>\n")
    office.take(REGISTER, out)
    assert listed(refused) == ["", "R1", "R2", "R3", "R4"]


def test_an_accepted_row_closes_those_of_its_id_whatever_file_it_is_in(
    office: Office, refused: RejectStore
) -> None:
    out, copy = office.home / "out.csv", office.home / "mine.csv"
    refused.export(None, out)
    copy.write_bytes(out.read_bytes())
    office.take(REGISTER, correct(copy, 1, 2, 3, 4))
    assert listed(refused) == []


def test_an_export_still_closes_its_rows_after_some_were_closed_by_id(
    office: Office, refused: RejectStore
) -> None:
    out = office.home / "out.csv"
    refused.export(None, out)
    office.take(REGISTER, office.file("c.csv", table(vessel(1, "701000001"))))
    assert listed(refused) == ["R2", "R3", "R4"]
    office.take(REGISTER, correct(out, 2, 4))
    assert listed(refused) == ["R1", "R3"], "R1 was fed as it was"


def test_a_row_whose_id_came_twice_is_not_closed_by_that_id(office: Office) -> None:
    one = vessel(1, "701000001")
    office.take(REGISTER, office.file("a.csv", table(one, one)))
    office.take(REGISTER, office.file("b.csv", table(one)))
    assert [row.reason for row in office.rejects()] == ["duplicate_id"]


def test_lines_without_id_are_closed_only_by_their_export(office: Office) -> None:
    office.take("ais", office.file("a.nmea", "not a sentence\n"))
    office.take("ais", office.file("b.nmea", "not a sentence\n"))
    assert len(office.rejects()) == 2, "two inputs, two happenings"
    out = office.home / "out.nmea"
    RejectStore(office.home / "rejects").export("ais", out)
    office.take("ais", out)
    assert [row.file for row in office.rejects()] == ["out.nmea"] * 2
    out.write_text("")
    office.take("ais", out)
    assert office.rejects() == []


def test_rows_that_can_not_be_exported_stay(tmp_path: Path) -> None:
    rejects, out = RejectStore(tmp_path / "rejects"), tmp_path / "out.nmea"
    with rejects.log(Input("ais", "a.nmea", "1" * 16)) as log:
        log.write([Reject("ais", "a.nmea", 1, "", "malformed", "no sentence", "x")])
        log.write([Reject("ais", "a.nmea", 2, "", "unreadable", "cut off", "")])
    assert rejects.export("ais", out) == 1
    with rejects.log(Input("ais", "out.nmea", "2" * 16)) as fed:
        pass
    assert rejects.supersede("gps", out, fed) == 0
    assert rejects.supersede("ais", out, fed) == 1
    assert [row.reason for row in rejects.rows()] == ["unreadable"]


def test_a_user_can_say_that_they_are_done(office: Office, refused: RejectStore) -> None:
    office.take("ais", office.file("a.nmea", "not a sentence\n"))
    assert refused.clear("gps") == 0
    assert refused.clear("register") == 4
    assert [row.feed for row in refused.rows()] == ["ais"]
    assert refused.clear() == 1 and refused.inputs() == []
    assert office.frame("lineage")["rejected_rows"].sum() == 5, "the account stands"


def test_what_has_no_end_is_kept_piece_by_piece(tmp_path: Path) -> None:
    rejects, about = RejectStore(tmp_path), Input("jt808", "terminals-2020-07-01", "0" * 16)
    rows = [
        Reject("jt808", "tcp://peer#1", 0, "", "bad_checksum", "byte 7", f"{k:02x}")
        for k in range(3)
    ]
    rejects.append(about, [])
    assert rejects.inputs() == []
    rejects.append(about, rows[:1])
    rejects.append(about, rows[1:2])
    assert rejects.rows("jt808") == rows[:2] and rejects.inputs() == [about]
    [path] = tmp_path.glob("*/*.jsonl")
    with path.open("ab") as torn:
        torn.write(b'{"feed": "jt8')
    rejects.append(about, rows[2:])
    assert rejects.rows("jt808") == rows
