"""The office's page in a real browser: a case to its dispatch, and a joint task to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pytest
import shapely

from cases.case_log import verify
from tests.clients import pages
from tests.clients.phone import Phone
from tests.clients.staff import READY, Staff
from tests.test_stories import DOOR, seen, street

pytestmark = [pytest.mark.client, pytest.mark.xdist_group("web")]
KIND = "0504"
# Whose parts the four are, and what each finds.
FOUND = {"D02": "cleared", "D04": "cleared", "D05": "licence missing", "D06": "cleared"}
PEOPLE: dict[str, dict[str, Any]] = {
    "desk": {"role": "duty_desk"},
    "chief": {"role": "commander"},
    "ana": {"role": "officer", "departments": ("D02",)},
    "town": {"role": "duty_desk", "jurisdictions": ("310115132",)},
}
STATIC = Path(__file__).parents[2] / "ogc_server" / "static" / "desk"
MAPPED = "document.querySelector('.map').dataset.ready === 'yes'"


class Office(Staff):
    """A server over a city, and people of the office."""

    def report(self, number: int) -> str:
        """Report a matter a few steps from the door, and confirm it; the case's id."""
        where = [DOOR[0] + number / 20_000, DOOR[1]]
        body = {"kind": KIND, "where": where, "note": f"goods outside, {number}"}
        made = self.ask("desk", "POST", "/cases", body, f"r{number}")["case"]["id"]
        self.ask("desk", "POST", f"/cases/{made}/confirm", {})
        return str(made)


@pytest.fixture
def office(pudong_folder: Path, tmp_path: Path) -> Iterator[Office]:
    with Office.at_work(tmp_path, pudong_folder, PEOPLE) as made:
        yield made


@pytest.fixture
def screen(program: Callable[[str], str], tmp_path: Path) -> Iterator[Phone]:
    pages.install(program("npm"))
    with Phone(program("node"), program("chromium"), tmp_path / "screen") as opened:
        opened.do("size", width=1360, height=900)
        yield opened


def enter(screen: Phone, office: Office, name: str, language: str, view: str = "work") -> None:
    screen.open(f"{office.url}/desk?lang={language}#{view}")
    screen.do("until", script=READY)
    screen.sign_in(name, office.secrets[name])
    screen.do("until", script="document.querySelector('#top nav') !== null")


def shows(screen: Phone, view: str) -> None:
    screen.do(
        "until", script=f"document.getElementById('main').dataset.drawn.startsWith('#{view}')"
    )


def count(screen: Phone, step: str, number: int) -> None:
    mark = f"document.querySelector('[data-step={step}] b')?.innerText === '{number}'"
    screen.do("until", script=mark)


def force(office: Office) -> None:
    """Ana stands a few steps from the shop."""
    spec = office.place.city.layer("field_force")
    row = {"force_id": ["ana"], "role": ["patrol officer"], "state": ["free"],
           "time": [datetime.now(UTC)]}  # fmt: skip
    point = [shapely.Point(DOOR[0] + 0.001, DOOR[1])]
    office.place.store.create(spec)
    with office.place.store.transaction() as unit:
        frame = gpd.GeoDataFrame(row, geometry=point, crs="EPSG:4326")
        unit.upsert(spec, frame, at=datetime.now(UTC), source="test")


def quiet(screen: Phone) -> None:
    said = [one for one in screen.do("said") if "pageerror" in one or "Security Policy" in one]
    assert said == []


def test_a_case_is_screened_filed_and_dispatched_on_the_page(office: Office, screen: Phone) -> None:
    street(office.place)
    office.place.take("camera", "seen.jsonl", seen("goods", 0.8, 240))
    assert len(office.place.find("shopfront_encroachment")) == 1
    force(office)
    enter(screen, office, "chief", "zh")
    count(screen, "screen", 1)
    screen.do("until", script=MAPPED)
    # By keyboard: what is in focus stays so when the page is drawn anew.
    screen.do("run", script="document.querySelector('[data-step=late]').focus()")
    screen.do("press", key="Enter")
    shows(screen, "work/late")
    assert screen.do("run", script="document.activeElement.dataset.step") == "late"
    screen.do("run", script="document.querySelector('a.card[data-case]').focus()")
    screen.do("press", key="Enter")
    shows(screen, "case")
    screen.wait("依据：预警理由")
    case = str(screen.do("run", script="location.hash")).partition("/")[2]
    for action in ("confirm", "file", "dispatch"):
        screen.do("touch", selector=f"button[data-action={action}]")
    # Who, and why: the nearest officer first, with her reasons.
    screen.wait("步行")
    screen.do("until", script="document.querySelector('[name=assignee]').value === 'ana'")
    screen.do("choose", selector="select[name=department]", value="D02")
    screen.do("touch", selector="form.panel button.main")
    screen.do("until", script="document.querySelector('form.panel') === null")
    told = office.ask("chief", "GET", f"/cases/{case}")
    assert (told["state"], told["assignee"]) == ("dispatched", "ana")
    assert told["department"]["id"] == "D02"
    assert [one["action"] for one in told["log"]] == ["find", "confirm", "file", "dispatch"]
    (order,) = office.ask("ana", "GET", "/inbox")["notices"]
    assert order["template"] == "work_order"
    quiet(screen)


def test_many_cases_become_one_task_that_a_ruling_ends(office: Office, screen: Phone) -> None:
    cases = [office.report(number) for number in range(5)]
    answer = httpx.get(f"{office.url}/desk?lang=zh")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "/desk" in httpx.get(f"{office.url}/?f=html&lang=zh").text
    # A town's desk is told of no other town's unit.
    refused = httpx.get(
        f"{office.url}/cases/statistics?unit=310115104", auth=("town", office.secrets["town"])
    )
    assert refused.status_code == 403
    enter(screen, office, "chief", "en", "joint")
    screen.wait("5 cases of “")
    screen.tap("Make a joint task")
    shows(screen, "group")
    # One of the five stays a case of its own; four departments share the rest.
    screen.do("touch", selector=f"input[name=case][value='{cases[4]}']")
    screen.do(
        "run", script="document.querySelectorAll('.part button').forEach((one) => one.click())"
    )
    for number, department in enumerate(FOUND, 1):
        screen.tap("Another department")
        row = f".part:nth-child({number})"
        screen.do("choose", selector=f"{row} select", value=department)
        screen.do("fill", selector=f"{row} input", value=f"part of {department}")
    screen.do("touch", selector="form.panel > .row button.main")
    shows(screen, "task")
    task = str(screen.do("run", script="location.hash")).partition("/")[2]

    for department, finding in FOUND.items():
        screen.do("touch", selector=f"tr[data-department={department}] button")
        screen.do("fill", selector="input[name=finding]", value=finding)
        screen.do("fill", selector="textarea[name=why]", value=f"{department} was there")
        screen.do("touch", selector="form.panel button.main")
        cell = f"document.querySelector('tr[data-department={department}] td b')?.innerText"
        screen.do("until", script=f"{cell} === '{finding}'")
    screen.wait("The departments differ")
    screen.tap("Rule")
    screen.do("fill", selector="input[name=finding]", value="cleared")
    screen.do("fill", selector="textarea[name=why]", value="the licence is in the register")
    screen.do("touch", selector="form.panel button.main")
    screen.tap("Conclude and close all cases")
    screen.do("touch", selector="form.panel button.main")
    screen.do("until", script="document.querySelector('.chip.concluded') !== null")

    told = office.ask("chief", "GET", f"/joint/{task}")
    assert told["conclusion"] == "cleared" and told["ruling"] == "the licence is in the register"
    assert sorted(one["id"] for one in told["cases"]) == sorted(cases[:4])
    assert {one["state"] for one in told["cases"]} == {"closed"}
    assert office.ask("chief", "GET", f"/cases/{cases[4]}")["state"] == "verified"
    assert all(verify(office.place.store, one).whole for one in (*cases, task))

    screen.do("touch", selector="#top nav a[href='#figures']")
    shows(screen, "figures")
    total = "document.querySelector('tfoot [data-figure={}]').innerText"
    assert screen.do("run", script=total.format("opened")) == "5"
    assert screen.do("run", script=total.format("closed")) == "4"
    quiet(screen)


def test_both_languages_have_all_words() -> None:
    rows = (STATIC / "words.js").read_text("utf-8").splitlines()
    words = [row for row in rows if row.startswith("  ")]
    assert len(words) > 60
    assert all(row.count('", "') == 1 for row in words)
