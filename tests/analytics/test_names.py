"""Vessel names: scripts, prefixes, confusables, and the nearest in a register."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from rapidfuzz.distance import Levenshtein

from analytics.calendar import date_of
from analytics.names import Names, NameTables, RegisterIndex
from analytics.references import RegisterEntry, RegisterOn, VesselRegister
from tests.analytics.columns import NAMES

NAME = Names(NameTables(**NAMES))


def index(*names: str) -> RegisterIndex:
    entries = [RegisterEntry(f"R{n}", name_pinyin=name) for n, name in enumerate(names)]
    return RegisterIndex(VesselRegister(tuple(entries)).on(date_of(0)), NAME)


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("滬浦漁00358-HUPUYU00358", ("HUPUYU00358",)),
        ("滬浦漁00358HUPUYU00358", ("HUPUYU00358",)),
        ("HUPUYU00358(沪浦渔00358)", ("HUPUYU00358",)),
        ("沪浦渔 00358", ("HUPUYU00358",)),
        ("沪浦渔0O358", ("HUPUYU0O358",)),
        ("HUPUYU00358 沪浦渔00359", ("HUPUYU00358", "HUPUYU00359")),
        ("浙岱渔12345", ("浙岱渔12345",)),
        ("Hu-Pu-Yu 00358@@@", ("HUPUYU00358",)),
        ("ＨＵＰＵＹＵ　００３５８", ("HUPUYU00358",)),
        ("", ()),
        ("@@ --", ()),
    ],
)
def test_keys_of_names(sent: str, keys: tuple[str, ...]) -> None:
    assert NAME.keys(sent) == keys


@given(st.text(max_size=30))
@example("一0A-A")
def test_any_text_has_keys_and_keys_are_their_own_keys(text: str) -> None:
    for key in NAME.keys(text):
        assert NAME.keys(key) == (key,)


@given(st.text(alphabet="HUPY0358OIL ", min_size=1, max_size=14))
def test_blanks_and_hyphens_do_not_matter(text: str) -> None:
    assert NAME.keys(text) == NAME.keys("-" + "- ".join(text) + "@")


def test_claims_and_buoys() -> None:
    assert NAME.claims_fishing("HUPUYU0O358") and NAME.claims_fishing("滬浦漁00358")
    assert not NAME.claims_fishing("XIN HAI 12")
    assert NAME.is_buoy("HUPUYU00358-85%") and NAME.is_buoy("NET 11.4V")
    assert not NAME.is_buoy("HUPUYU00358")


def test_confusables_come_first_then_distance() -> None:
    near = index("HUPUYU00359", "HUPUYU00O5B", "HUPUYU0035B", "HUPUYU0O358").nearest(
        "HUPUYU00358", 3
    )
    assert [(c.name, c.distance, c.confusable) for c in near] == [
        ("HUPUYU0O358", 1, True),
        ("HUPUYU00359", 1, False),
        ("HUPUYU0035B", 1, False),
    ]


@given(st.lists(st.text("01O", min_size=1, max_size=5), min_size=1, max_size=12, unique=True))
def test_the_nearest_is_the_nearest(names: list[str]) -> None:
    wanted = "X0101"
    near = index(*names).nearest(wanted, len(names))
    plain = [c.distance for c in near if not c.confusable]
    assert plain == sorted(plain)
    assert {c.name: c.distance for c in near} == {n: Levenshtein.distance(wanted, n) for n in names}


def test_two_scripts_of_one_entry_are_both_registered() -> None:
    entry = RegisterEntry("R1", name_zh="沪浦渔00001", name_pinyin="HUPUYU00001", callsign="b1")
    both = RegisterIndex(RegisterOn(date_of(0), "v", (entry,)), NAME)
    assert both.holds(NAME.keys("滬浦漁00001")) and both.holds(NAME.keys("HUPUYU00001"))
    assert not both.holds(NAME.keys("HUPUYU00002"))
    assert both.by_callsign(" B1 ") == entry and both.by_callsign("") is None


@pytest.mark.parametrize(
    ("tables", "said"),
    [({"fishing": ["("]}, "not a regular expression"), ({"confusables": {"OO": "0"}}, "one char")],
)
def test_bad_tables_are_refused(tables: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        NameTables(**tables)
