"""The declared life of a case: what it says, and what is refused as a declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cases.notices import read_notices
from cases.process import DEFAULT, FILE, Process, default_process, process_of
from cases.refusals import TransitionError
from cases.states import DONE, FINAL, PAUSED, TITLES
from layers.city import City
from layers.errors import DeclarationError


def written() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(DEFAULT.read_text("utf-8"))
    return content


def own(folder: Path, content: dict[str, Any]) -> City:
    text = yaml.safe_dump(content, allow_unicode=True)
    (folder / FILE).write_text(text, encoding="utf-8")
    return City(folder)


def test_states_are_those_of_the_layer(tiny_folder: Path) -> None:
    city = City(tiny_folder)
    declared = city.layer("case_event").property("state").values
    assert declared is not None
    assert set(default_process().transitions) == set(TITLES) == set(declared)
    assert set(TITLES) > FINAL and set(TITLES) > DONE and PAUSED in TITLES


def test_steps_that_are_not_declared_are_refused_in_both_languages() -> None:
    process = default_process()
    assert process.step("screen", "found") == "triage"
    assert process.step("resume", "suspended", "accepted") == "accepted"
    with pytest.raises(TransitionError, match=r"'close' is not possible .* found; possible: screen,"
                       ) as refused:  # fmt: skip
        process.step("close", "found")
    assert "发现" in refused.value.text.zh and "结案" in refused.value.text.zh
    with pytest.raises(TransitionError, match="no action 'explode'"):
        process.step("explode", "found")
    with pytest.raises(TransitionError):
        process.step("resume", "suspended", None)


def test_every_parameter_has_a_source() -> None:
    process, content = default_process(), written()
    for part in ("choice", "joint"):
        for name in content[part]:
            assert process.sources[f"{part}.{name}"]
    assert all(limit.source for limit in process.limits)


def test_what_is_told_has_its_words(tiny_folder: Path) -> None:
    words = read_notices(City(tiny_folder)).templates
    for action in default_process().actions:
        assert {telling.template for telling in action.tells} <= set(words)


def test_the_most_telling_limit_holds() -> None:
    content = written()
    content["limits"] = [
        {"state": "found", "hours": 1, "source": "t"},
        {"state": "found", "hours": 2, "level": "village", "source": "t"},
        {"state": "found", "hours": 3, "event_type": "04", "source": "t"},
        {"state": "found", "hours": 4, "event_type": "0403", "source": "t"},
    ]
    process = Process.model_validate(content)
    asked = [("town", "0102"), ("village", "0102"), ("village", "0401"), ("town", "0403")]
    assert [process.limit_hours("found", *one) for one in asked] == [1, 2, 3, 4]  # type: ignore[arg-type]
    assert process.limit_hours("handling", "town", "0102") is None


def without(action: str) -> dict[str, Any]:
    content = written()
    content["actions"] = [one for one in content["actions"] if one["id"] != action]
    return content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (without("start"), "no action leads to checked, handled, handling"),
        (without("take"), "no action leads to accepted"),
        (without("merge"), "no action leads to merged"),
        ({**written(), "opens_at": "moon"}, "opens_at"),
        ({**written(), "actions": written()["actions"] * 2}, "action given twice"),
        ({**without("report"), "actions": without("report")["actions"][1:]}, "no action opens"),
    ],
)
def test_a_process_with_a_hole_is_refused(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Process.model_validate(content)


def test_a_loop_without_an_end_is_refused() -> None:
    content = written()
    for action in content["actions"]:
        action["steps"] = {
            before: after
            for before, after in action["steps"].items()
            if not (before == "suspended" and after in ("back", "closed"))
        }
    with pytest.raises(ValueError, match="no way to an end from suspended"):
        Process.model_validate(content)


def test_guards_name_known_rights() -> None:
    content = written()
    content["actions"][3]["right"] = "fly"
    with pytest.raises(ValueError, match="right"):
        Process.model_validate(content)


def test_a_city_replaces_parts(tiny_copy: Path) -> None:
    assert process_of(City(tiny_copy)) == default_process()
    duty = {"event_type": "SEA", "departments": ["harbour_master", "police"], "source": "t"}
    process = process_of(own(tiny_copy, {"version": "7", "duties": [duty]}))
    assert process.version == "7" and process.actions == default_process().actions
    assert process.departments_for("SEA-1") == ("harbour_master", "police")
    assert process.departments_for("ROAD-1") == ()


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"duties": [{"event_type": "SEA", "departments": ["navy"], "source": "t"}]}, "navy"),
        ({"duties": [{"event_type": "SKY", "departments": ["police"], "source": "t"}]}, "SKY"),
        ({"round_the_clock": ["SKY"]}, "round_the_clock.0"),
        ({"told_subjects": ["SKY"]}, "told_subjects.0"),
        ({"limits": [{"state": "found", "hours": 1, "event_type": "S-", "source": "t"}]}, "S-"),
        ({"limits": [{"state": "found", "hours": 0, "source": "t"}]}, "limits.0.hours"),
        ({"stages": []}, "stages"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tiny_copy: Path, part: dict[str, Any], reason: str
) -> None:
    city = own(tiny_copy, part)
    with pytest.raises(DeclarationError, match=reason) as refused:
        process_of(city)
    assert refused.value.line >= 1 and refused.value.file.name == FILE


def test_the_demo_city_has_a_process(pudong_folder: Path) -> None:
    city = City(pudong_folder)
    process = process_of(city)
    for code in city.event_types:
        assert process.departments_for(code), code
