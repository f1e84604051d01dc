"""Scores against a truth file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely

from analytics.evaluate import Found, TruthError, evaluate, read_truth, score
from analytics.event import to_frame
from tests.analytics.columns import (
    UNREGISTERED,
    ais,
    at,
    fix,
    found,
    references,
    register,
    rule,
    said,
    zone,
)

T = at("2020-07-01T00:00:00Z")


def planted(key: str, subject: str, expect: str = "event", **changes: Any) -> dict[str, Any]:
    row = {
        "id": key,
        "rule": "r",
        "subject": subject,
        "start": "2020-07-01T08:00:00+08:00",
        "end": "2020-07-01T09:00:00+08:00",
        "lon": 121.6,
        "lat": 31.2,
        "expect": expect,
        "why": {"en": f"because {key}", "zh": "因"},
    }
    return row | changes


def truth(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "truth.json"
    file.write_bytes(orjson.dumps({"city": "c", "seed": 1, "planted": rows}))
    return file


def event(subject: str, minutes: float = 30, name: str = "r") -> Found:
    t = T + round(minutes * 60_000)
    return Found(f"e-{subject}-{minutes}", name, subject, t, t)


def test_everything_found_and_nothing_else(tmp_path: Path) -> None:
    rows = read_truth(truth(tmp_path, planted("a", "A"), planted("n", "N", "silent")))
    (row,) = score([event("A"), event("A", 40)], rows)
    assert (row.planted, row.found, row.events, row.matched) == (1, 1, 2, 2)
    assert (row.precision, row.recall, row.near_misses, row.silent) == (1.0, 1.0, 1, 1)
    assert row.perfect


def test_misses_and_false_alarms_are_named(tmp_path: Path) -> None:
    rows = read_truth(
        truth(tmp_path, planted("a", "A"), planted("b", "B"), planted("n", "N", "silent"))
    )
    (row,) = score([event("A"), event("N"), event("X")], rows)
    assert (row.precision, row.recall, row.silent) == (1 / 3, 0.5, 0)
    assert row.missed == ("missed b (B): because b",)
    assert "near miss n: because n" in row.false_alarms[0]
    assert "(X, 2020-07-01T00:30:00+00:00)" in row.false_alarms[1]
    assert not row.perfect


@pytest.mark.parametrize(("minutes", "met"), [(-2, 1), (-2.01, 0), (62, 1), (62.01, 0)])
def test_times_may_be_two_minutes_off(tmp_path: Path, minutes: float, met: int) -> None:
    (row,) = score([event("A", minutes)], read_truth(truth(tmp_path, planted("a", "A"))))
    assert row.found == met


def test_rules_are_scored_apart(tmp_path: Path) -> None:
    rows = read_truth(truth(tmp_path, planted("a", "A"), planted("b", "B", rule="s")))
    scores = score([event("A"), event("B", name="q")], rows)
    assert [(s.rule, s.precision, s.recall) for s in scores] == [
        ("q", 0.0, None),
        ("r", 1.0, 1.0),
        ("s", None, 0.0),
    ]


def test_alerts_are_scored_as_the_layer_has_them(tmp_path: Path) -> None:
    watch = zone("watch", shapely.box(121.8, 30.8, 122.0, 30.95))
    refs = references(register=register("HUPUYU1"), marine_zones=(watch,))
    rows = [fix("412990358", T, 121.9, 30.9), said("412990358", T, "HUPUYU2", 30)]
    events = found(rule("unregistered_vessel", UNREGISTERED, refs), ais(*rows))
    seed = planted("seed", "412990358", rule="unregistered_vessel")
    (row,) = evaluate(to_frame(events), read_truth(truth(tmp_path, seed)))
    assert row.perfect and row.as_dict()["precision"] == 1.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"planted": [{}]}',
        orjson.dumps({"planted": [planted("a", "A", "maybe")]}),
        orjson.dumps({"planted": [planted("a", "A", start="2020-07-01T08:00:00")]}),
    ],
)
def test_what_is_no_truth_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(content)
    with pytest.raises(TruthError, match="not a truth file"):
        read_truth(file)


def test_a_truth_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"absent\.json"):
        read_truth(tmp_path / "absent.json")
