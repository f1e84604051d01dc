"""A chain shows every change; its form of JSON is that of RFC 8785."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.chain import GENESIS, ChainError, Link, canonical, digest_of, extend, link, verify

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def chain(contents: list[Any]) -> list[Link]:
    made: list[Link] = []
    for content in contents:
        made.append(extend(made, content))
    return made


# RFC 8785, appendix B: bits of the number and what is written.
@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_lists_them(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(value).decode() == text


def test_keys_are_in_the_order_of_the_standard() -> None:
    # RFC 8785, 3.2.3.
    said = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    order = ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(said))) == order


def test_texts_are_written_as_the_standard_shows() -> None:
    # RFC 8785, 3.2.2.
    said = {
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(said).decode() == expected


@given(PLAIN)
def test_what_is_written_reads_back_and_is_written_the_same(value: Any) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text
    assert json.loads(text, parse_int=float) == value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53 + 1,
        -(2**53) - 1,
        10**400,
        {1: 2},
        "\ud800",
        {"\udfff": 1},
        b"",
        set(),
    ],
)
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(ChainError):
        canonical(value)


def test_what_is_nested_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ChainError, match="deep"):
        canonical(deep)


def test_a_digest_is_what_the_module_says() -> None:
    packed = b'{"content":{"a":1},"previous":"' + GENESIS.encode() + b'","seq":1}'
    made = link(GENESIS, {"a": 1})
    assert made.digest == hashlib.sha256(packed).hexdigest()
    assert digest_of({"b": 1.0, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()


@given(st.lists(PLAIN, max_size=4))
def test_a_chain_is_whole_and_survives_a_file(contents: list[Any]) -> None:
    made = chain(contents)
    assert verify(made) is None
    read = [Link.from_dict(json.loads(json.dumps(one.as_dict()))) for one in made]
    assert verify(read) is None


@given(st.lists(PLAIN, min_size=1, max_size=4), st.data())
def test_any_change_is_shown_where_it_is(contents: list[Any], data: st.DataObject) -> None:
    made = chain(contents)
    at = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(PLAIN.filter(lambda v: canonical(v) != canonical(contents[at])))
    wrong = "f" * 64
    for changes in ({"content": other}, {"digest": wrong}, {"previous": wrong}, {"seq": at + 2}):
        broken = [*made]
        broken[at] = replace(made[at], **changes)
        assert verify(broken) == at
    if at + 1 < len(made):
        # A link of new content that is whole in itself: the next one does not follow it.
        forged = link(made[at].previous, other, seq=made[at].seq)
        assert verify([*made[:at], forged, *made[at + 1 :]]) == at + 1
        assert verify([*made[:at], *made[at + 1 :]]) == at, "one left out"
    assert verify([*made[: at + 1], *made[at:]]) == at + 1, "one put in"


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64, "A" * 64, None, 7])
def test_digests_are_digests(digest: Any) -> None:
    with pytest.raises(ChainError):
        link(digest, {})
    kept = link(GENESIS, {}).as_dict() | {"previous": digest}
    with pytest.raises(ChainError):
        Link.from_dict(kept)


@pytest.mark.parametrize("kept", [{}, {"seq": 1}, link(GENESIS, 1).as_dict() | {"seq": "1"}, []])
def test_links_are_links(kept: Any) -> None:
    with pytest.raises(ChainError):
        Link.from_dict(kept)


def test_links_are_numbered_from_one() -> None:
    with pytest.raises(ChainError, match="from 1"):
        link(GENESIS, {}, seq=0)
