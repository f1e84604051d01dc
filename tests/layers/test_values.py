"""A value either becomes the declared type or is refused with a reason; nothing else happens."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.spec import PropertySpec
from layers.text import Text
from layers.values import parse_value

TYPES = ["string", "integer", "number", "boolean", "date", "datetime", "json"]


def declared(kind: str, **more: Any) -> PropertySpec:
    return PropertySpec(name="p", type=kind, title=Text(en="P", zh="属性"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TYPES)
class TestNoValue:
    @pytest.mark.parametrize(
        "nothing", [None, "", math.nan, np.nan, np.float32("nan"), pd.NA, pd.NaT], ids=repr
    )
    def test_is_none(self, kind: str, nothing: Any) -> None:
        assert parse_value(declared(kind), nothing) is None

    def test_is_refused_where_required(self, kind: str) -> None:
        with pytest.raises(ValueError, match="required value is missing"):
            parse_value(declared(kind, required=True), None)


MOMENT = datetime(2020, 6, 30, 19, 42, 20, tzinfo=UTC)
TAKEN = [
    ("string", "井盖", "井盖"),
    ("string", " ", " "),
    ("string", 12, "12"),
    ("string", np.int64(12), "12"),
    ("string", 12.0, "12"),
    ("string", 1.5, "1.5"),
    ("string", date(2020, 7, 1), "2020-07-01"),
    ("integer", 7, 7),
    ("integer", "7", 7),
    ("integer", " -7 ", -7),
    ("integer", "7.00", 7),
    ("integer", 7.0, 7),
    ("integer", np.uint8(7), 7),
    ("integer", np.float32(7), 7),
    ("integer", 2**63 - 1, 2**63 - 1),
    ("integer", str(-(2**63)), -(2**63)),
    ("integer", 9007199254740993, 9007199254740993),
    ("integer", "9007199254740993", 9007199254740993),
    ("number", "1.5", 1.5),
    ("number", "-1e3", -1000.0),
    ("number", ".5", 0.5),
    ("number", 3, 3.0),
    ("number", np.float32(0.5), 0.5),
    ("boolean", True, True),
    ("boolean", np.bool_(False), False),
    ("boolean", "True", True),
    ("boolean", "no", False),
    ("boolean", "是", True),
    ("boolean", "否", False),
    ("boolean", 0, False),
    ("boolean", 1.0, True),
    ("date", "2020-07-01", date(2020, 7, 1)),
    ("date", date(2020, 7, 1), date(2020, 7, 1)),
    ("date", "2020-07-01T00:00:00", date(2020, 7, 1)),
    ("date", "2020-07-01T23:59:59+08:00", date(2020, 7, 1)),
    ("date", pd.Timestamp("2020-07-01"), date(2020, 7, 1)),
    ("datetime", "2020-07-01T03:42:20+08:00", MOMENT),
    ("datetime", "2020-06-30T19:42:20Z", MOMENT),
    ("datetime", "2020-06-30 19:42:20+00:00", MOMENT),
    ("datetime", MOMENT.astimezone(timezone(timedelta(hours=8))), MOMENT),
    ("datetime", pd.Timestamp("2020-07-01T03:42:20+08:00"), MOMENT),
    ("json", '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
    ("json", [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ("json", np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
    ("json", True, True),
]


@pytest.mark.parametrize(("kind", "given_value", "kept"), TAKEN)
def test_what_is_taken(kind: str, given_value: Any, kept: Any) -> None:
    parsed = parse_value(declared(kind), given_value)
    assert parsed == kept
    assert type(parsed) is type(kept)


BAD: dict[str, list[Any]] = {
    "string": [True, b"x", [1], {"a": 1}, "a\x00b", "\ud800", 1j, 10**5000, object()],
    "integer": [
        "abc", True, np.bool_(True), "1_000", "1.5", 1.5, "1e3", "nan", "inf", math.inf, "１２",
        2**63, -(2**63) - 1, str(2**63), "9" * 10_000, 10**5000, 1e300, 1 + 2j, b"1", [1], date.max,
    ],
    "number": [
        "abc", True, np.bool_(False), "nan", "NaN", "inf", "-Infinity", math.inf, -math.inf, "1_0",
        "1e999", 10**400, "1,5", "0x10", "٣", b"1", [1.0], {}, 1j, "--1", ".", "1e", date.max,
    ],
    "boolean": ["maybe", 2, -1, 0.5, "2", b"true", [True], {}, math.inf, "tr ue", 10**400],
    "date": [
        "abc", "2020-02-30", "2020-13-01", "20200701", "2020-W01-1", "01.07.2020", "2020-07-01x",
        "2020-07-01Tx", 20200701, 1.0, True, [2020], b"2020-07-01", "99999-01-01", "2020-07",
    ],
    "datetime": [
        "abc", "2020-07-01T03:42:20", "2020-07-01", datetime(2020, 7, 1), date(2020, 7, 1),
        "2020-07-01T25:00:00Z", "2020-07-01T03:42:60Z", "2020-07-01T00:00:00+99:00",
        "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", 1593546140, 1.5, True, [], b"x",
        "20200701T034220Z", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        np.datetime64("2020-07-01"), "2020-07-01T03:42:20 Mars",
    ],
    "json": [
        "{", "abc", "NaN", "[1,]", '{"a": Infinity}', "[" * 100_000, object(), {1: 2}, {"a": 2**70},
        b"\xff", 1j, "\ud800", {"a": "\ud800"}, {"a": object()},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value"),
    [(kind, value) for kind, values in BAD.items() for value in values],
    ids=lambda given_value: type(given_value).__name__,
)
def test_what_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_value(declared(kind), value)


class TestBounds:
    @pytest.mark.parametrize("value", [0, 100, "0", "100.0", 50])
    def test_are_inclusive(self, value: Any) -> None:
        assert 0 <= parse_value(declared("number", minimum=0, maximum=100), value) <= 100

    @pytest.mark.parametrize(
        ("value", "said"),
        [(-0.001, "at least 0"), (100.001, "at most 100"), ("1e308", "at most 100")],
    )
    def test_refuse_what_lies_outside(self, value: Any, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            parse_value(declared("number", minimum=0, maximum=100), value)

    def test_may_be_one_sided(self) -> None:
        assert parse_value(declared("integer", minimum=1), 10**9) == 10**9
        with pytest.raises(ValueError, match="at least 1"):
            parse_value(declared("integer", minimum=1), 0)


class TestAllowedValues:
    def test_are_named_in_the_refusal(self) -> None:
        p = declared("string", values=["left", "right"])
        assert parse_value(p, "left") == "left"
        with pytest.raises(ValueError, match="expected one of left, right, found 'up'"):
            parse_value(p, "up")

    def test_of_numbers_are_compared_as_numbers(self) -> None:
        assert parse_value(declared("integer", values=[1, 2]), "2.0") == 2


class TestPattern:
    def test_holds_for_the_whole_text(self) -> None:
        p = declared("string", pattern="[0-9]{9}")
        assert parse_value(p, "412345678") == "412345678"
        for text in ("4123456789", "41234567a", "412345678\n"):
            with pytest.raises(ValueError, match=re.escape("[0-9]{9}")):
                parse_value(p, text)

    def test_with_alternatives_holds_for_the_whole_text(self) -> None:
        with pytest.raises(ValueError, match="expected a text like"):
            parse_value(declared("string", pattern="a|b"), "ab")


def test_a_refusal_never_repeats_a_huge_value() -> None:
    for kind in TYPES[1:]:
        with pytest.raises(ValueError, match="expected") as refused:
            parse_value(declared(kind), "x" * 10_000_000)
        assert len(str(refused.value)) < 300


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
anything = (
    json_like | st.binary() | st.datetimes() | st.dates() | st.complex_numbers() | st.just(pd.NA)
)


@given(st.sampled_from(TYPES), anything)
def test_only_value_error_leaves(kind: str, value: Any) -> None:
    try:
        parse_value(declared(kind), value)
    except ValueError as refusal:
        assert "expected" in str(refusal)


@given(st.sampled_from(TYPES[:-1]), anything)
def test_what_was_taken_is_taken_again_unchanged(kind: str, value: Any) -> None:
    try:
        once = parse_value(declared(kind), value)
    except ValueError:
        return
    assert parse_value(declared(kind), once) == once


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_64_bit_number_survives_text(number: int) -> None:
    assert parse_value(declared("integer"), str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_survives_text(number: float) -> None:
    assert parse_value(declared("number"), repr(number)) == number


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))
def test_a_time_keeps_its_moment_in_utc(moment: datetime) -> None:
    kept = parse_value(declared("datetime"), moment.isoformat())
    assert kept == moment.astimezone(UTC)
    assert kept.tzinfo is UTC
