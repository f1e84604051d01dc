"""A few of the streams that `python -m tests.fuzz.jt808` makes, always the same."""

from __future__ import annotations

from tests.fuzz.jt808 import fuzz


def test_damaged_streams_break_no_law() -> None:
    told = fuzz(1, rounds=200)
    assert told["streams"] == 200
    assert told["frames"] > 300 and told["refused"] > 300
    assert told["fixes"] > 50 and told["answers"] > 500
