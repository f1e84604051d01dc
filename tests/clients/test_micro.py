"""The page for phones in a real browser of that size: the story of the shop, offline and on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from cases.case_log import verify
from layers.query import Query
from layers.store.notices import NoticeRecords
from tests.clients import pages
from tests.clients.phone import Phone
from tests.clients.staff import READY, Staff
from tests.test_stories import DOOR, SHOP, seen, street

pytestmark = [pytest.mark.client, pytest.mark.xdist_group("web")]
DEPARTMENT = "D02"
PEOPLE: dict[str, dict[str, Any]] = {
    "desk": {"role": "duty_desk"},
    "ana": {"role": "officer", "departments": (DEPARTMENT,)},
    "bob": {"role": "officer", "departments": (DEPARTMENT,)},
    "eva": {"role": "inspector"},
}
STATIC = Path(__file__).parents[2] / "ogc_server" / "static" / "micro"
# Bytes of the first load as they come over the network, and of the page's own files.
FIRST_LOAD, OWN_FILES = 60_000, 60_000
KEPT = "navigator.serviceWorker.controller !== null"


class Station(Staff):
    """A server over a city in which a camera has seen a shop's goods on the pavement."""

    def act(self, name: str, case: str, action: str, **body: Any) -> Any:
        return self.ask(name, "POST", f"/cases/{case}/{action}", body)

    def log(self, case: str) -> list[str]:
        return [one["action"] for one in self.ask("eva", "GET", f"/cases/{case}")["log"]]

    def dispatch(self, case: str, assignee: str | None = None) -> None:
        self.act("desk", case, "confirm")
        self.act("desk", case, "file")
        self.act("desk", case, "dispatch", details={"department": DEPARTMENT, "assignee": assignee})


@pytest.fixture
def station(pudong_folder: Path, tmp_path: Path) -> Iterator[Station]:
    with Station.at_work(tmp_path, pudong_folder, PEOPLE) as made:
        yield made


@pytest.fixture
def phone(program: Callable[[str], str], tmp_path: Path) -> Iterator[Phone]:
    pages.install(program("npm"))
    with Phone(program("node"), program("chromium"), tmp_path / "phone") as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    ramp = Image.linear_gradient("L").resize((2400, 1800))
    Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180))).save(path, quality=95)
    return path


def enter(phone: Phone, station: Station, name: str, language: str) -> None:
    """Open the page at the shop's door, sign in, and wait until it is kept on the phone."""
    phone.open(f"{station.url}/micro?lang={language}", DOOR)
    phone.do("until", script=READY)
    phone.sign_in(name, station.secrets[name])
    phone.do("until", script="document.querySelector('nav') !== null")
    phone.do("until", script=KEPT)


def report(station: Station, number: int) -> str:
    body = {"kind": "0102", "where": [DOOR[0] + number / 1000, DOOR[1]], "note": f"heap {number}"}
    case: str = station.ask("desk", "POST", "/cases", body, str(number))["case"]["id"]
    return case


def test_the_story_of_the_shop_from_the_camera_to_the_closed_case(
    station: Station, phone: Phone, picture: Path
) -> None:
    place = station.place
    street(place)
    place.take("camera", "seen.jsonl", seen("goods", 0.8, 240))
    assert len(place.find("shopfront_encroachment")) == 1
    (case,) = place.store.frame(Query("case_event"))["case_id"]
    station.dispatch(case, "ana")

    # The shop and the officer are told in the step itself: one transaction, one time.
    (order,) = station.ask("ana", "GET", "/inbox")["notices"]
    (asked,) = NoticeRecords(place.store).inbox("inbox", SHOP)
    sent = station.ask("eva", "GET", f"/cases/{case}")["log"][-1]
    assert (order["template"], asked.template) == ("work_order", "put_right")
    assert order["at"] == sent["at"] and sent["action"] == "dispatch"
    assert asked.created.isoformat().replace("+00:00", "Z") == sent["at"]

    # The officer takes it, does it and proves it without a network; nothing reaches the server.
    enter(phone, station, "ana", "zh")
    phone.do("touch", selector="a.card")
    phone.wait("流转记录")
    before = station.log(case)
    phone.do("offline", on=True)
    phone.tap("接单")
    phone.wait("1条待发送")
    phone.tap("开始处置")
    phone.wait("2条待发送")
    phone.tap("处置完成")
    phone.do("fill", selector="textarea", value="货物已搬回店内")
    phone.do("upload", selector="input[type=file]", path=str(picture))
    phone.do("until", script="document.querySelector('.photos img') !== null")
    phone.wait("±8米")
    phone.do("touch", selector="#bar button.main")
    phone.wait("3条待发送")
    phone.do("reload")
    phone.do("until", script=READY)
    phone.wait("3条待发送")
    phone.wait("尚未发送")
    assert station.log(case) == before

    # With the network it arrives, once, in order.
    phone.do("offline", on=False)
    phone.wait("已全部发送")
    assert station.log(case) == [*before, "take", "start", "done"]
    done = station.ask("eva", "GET", f"/cases/{case}")["log"][-1]
    assert done["why"] == "货物已搬回店内" and done["distance_m"] < 50 and len(done["photos"]) == 1

    # Somebody else checks and closes it; the log is whole.
    station.act("eva", case, "verify")
    station.act("eva", case, "close")
    assert station.ask("eva", "GET", f"/cases/{case}")["state"] == "closed"
    whole = verify(place.store, case)
    assert whole.whole and whole.entries == len(before) + 5
    errors = [one for one in phone.do("said") if "pageerror" in one or "Security Policy" in one]
    assert errors == []


def test_who_was_slower_is_told_who_was_faster_and_loses_nothing(
    station: Station, phone: Phone
) -> None:
    case = report(station, 1)
    station.dispatch(case)
    enter(phone, station, "ana", "en")
    phone.do("touch", selector="a.card")
    phone.wait("What was done")
    phone.do("offline", on=True)
    phone.tap("Take")
    phone.wait("1 waiting")
    phone.tap("Start")
    phone.wait("2 waiting")
    station.act("bob", case, "take")
    phone.do("offline", on=False)
    phone.wait("2 refused")
    phone.do("touch", selector="#pill")
    phone.wait("bob was faster: Take")
    phone.wait("Somebody was faster. Look at the case, then discard this.")
    phone.wait("Waits for the refused step before it")
    assert station.log(case)[-1] == "take" and "start" not in station.log(case)
    phone.do("run", script="document.querySelectorAll('.card.held .danger')[0].click()")
    phone.wait("1 refused")
    phone.tap("Discard")
    phone.wait("All sent")
    assert station.log(case).count("take") == 1


def test_an_answer_that_is_lost_does_not_double_what_was_done(
    station: Station, phone: Phone, picture: Path
) -> None:
    enter(phone, station, "ana", "en")
    # The server does it, but its answer never comes.
    phone.do(
        "run",
        script="""(() => {
          const real = window.fetch;
          window.lost = 0;
          window.fetch = async (url, options = {}) => {
            const answer = await real(url, options);
            if (options.method === "POST" && String(url).endsWith("/cases") && window.lost < 1) {
              window.lost += 1;
              throw new TypeError("the answer was lost");
            }
            return answer;
          };
        })()""",
    )
    phone.tap("Report")
    phone.do("choose", selector="select[name=kind]", value="0102")
    phone.do("fill", selector="textarea", value="a heap of rubbish")
    phone.do("upload", selector="input[type=file]", path=str(picture))
    phone.do("until", script="document.querySelector('.photos img') !== null")
    phone.wait("± 8 m")
    phone.tap("Send")
    phone.do("until", script="window.lost === 1")
    phone.wait("1 waiting")
    phone.do("run", script="window.dispatchEvent(new Event('online'))")
    phone.wait("All sent")
    rows = station.place.store.frame(Query("case_event"))
    assert len(rows) == 1 and rows.iloc[0]["note"] == "a heap of rubbish"
    assert len(rows.iloc[0]["photos"]) == 1 and rows.iloc[0]["reporter"] == "ana"
    kept = next((station.place.folder / "photos").rglob("jpeg"))
    with Image.open(kept) as small:
        assert max(small.size) == 1600, "made small on the phone"


def test_the_first_load_is_light_and_names_no_other_machine(station: Station, phone: Phone) -> None:
    phone.open(f"{station.url}/micro?lang=zh", DOOR)
    phone.do("until", script=READY)
    assert phone.do("received") < FIRST_LOAD
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < OWN_FILES
    answer = httpx.get(f"{station.url}/micro")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    worker = httpx.get(f"{station.url}/micro/worker.js")
    assert worker.headers["service-worker-allowed"] == "/micro"
    manifest = httpx.get(f"{station.url}/micro/manifest.webmanifest?lang=zh").json()
    assert manifest["display"] == "standalone" and "工单" in manifest["name"]


def test_both_languages_have_all_words() -> None:
    rows = (STATIC / "words.js").read_text("utf-8").splitlines()
    words = [row for row in rows if row.startswith("  ")]
    assert len(words) > 60
    for row in words:
        assert row.count('", "') == 1 and any("\u4e00" <= sign <= "\u9fff" for sign in row), row
