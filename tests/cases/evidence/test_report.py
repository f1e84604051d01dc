"""The report: both languages, nothing from outside, the same in HTML and PDF, made up as such."""

from __future__ import annotations

import io
import re
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from cases.evidence.html import html, svg
from cases.evidence.package import Package
from cases.evidence.pdf import pdf
from cases.evidence.picture import HEIGHT_MM, ROLES, WIDTH_MM, picture
from cases.evidence.report import Map, Paragraph, Table, report
from cases.evidence.words import WORDS
from layers.text import Text
from tests.cases.evidence.yard import Yard

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=["truck", "vessel"])
def package(request: pytest.FixtureRequest, built: Yard) -> Package:
    from layers.store import open_store

    store = open_store(str(built.folder / "city.gpkg"), built.city)
    yard = Yard(built.city, store, built.folder, built.positions, built.truck, built.vessel)
    made = yard.package(getattr(yard, request.param))
    store.close()
    return made


def words_of(package: Package) -> list[str]:
    """Every text that the report says."""
    found: list[str] = []
    for section in report(package.document):
        for part in section.parts:
            cells = [part.text] if isinstance(part, Paragraph) else []
            if isinstance(part, Table):
                cells = [cell for row in (part.heads, *part.rows) for cell in row]
            for cell in (section.title, *cells):
                found += [cell.zh, cell.en] if isinstance(cell, Text) else [cell]
    return [text for text in found if text]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.asked: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        assert not names & {"src", "href", "onclick", "onload", "srcset"}, (tag, attrs)
        assert tag not in ("script", "link", "iframe", "object", "embed", "img"), tag
        if tag not in ("meta", "br", "rect", "circle", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_asks_for_nothing(package: Package) -> None:
    text = html(package.document).decode()
    page = Page()
    page.feed(text)
    assert page.open == []
    outside = [a for a in re.findall(r"https?://[^\s\"'<]+", text) if "w3.org/2000/svg" not in a]
    assert outside == [] and "url(" not in text and "@import" not in text
    assert "@page { size: A4" in text
    for said in words_of(package):
        assert said in page.text, said


def test_what_data_say_is_no_markup(package: Package) -> None:
    text = html(package.document).decode()
    assert "<b>inside</b>" not in text and "<1>" not in text
    assert ("<b>inside</b>" in unescape(text)) or ("wim/<1>.jpg" in unescape(text))


def test_chinese_and_english_can_be_taken_out_of_the_pdf(package: Package) -> None:
    content = pdf(package.document)
    assert content == pdf(package.document), "the same bytes again"
    reader = PdfReader(io.BytesIO(content))
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in reader.pages))
    missing = [said for said in words_of(package) if re.sub(r"\s", "", said)[:12] not in text]
    assert not missing
    assert WORDS["synthetic"].zh in text and "证据材料" in text
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)
    fonts = {f["/BaseFont"] for page in reader.pages for f in _fonts(page)}
    assert "/STSong-Light" in fonts


def _fonts(page: object) -> list[dict[str, str]]:
    resources = page["/Resources"]["/Font"]  # type: ignore[index]
    return [resources[name].get_object() for name in resources]


def test_made_up_data_are_called_so(package: Package) -> None:
    city = package.document["city"]
    assert WORDS["synthetic"].zh in words_of(package)
    real = Package(package.document | {"city": city | {"synthetic": None}})
    assert WORDS["synthetic"].zh not in words_of(real)
    assert WORDS["synthetic"].en not in html(real.document).decode()


def test_the_picture_has_track_fixes_north_and_a_true_scale(package: Package) -> None:
    drawn = picture(package.document)
    assert drawn is not None
    assert {"track", "fix", "alert", "reference"} <= set(drawn.roles) <= set(ROLES)
    for shape in drawn.shapes:
        for path in shape.paths:
            assert all(0 <= x <= WIDTH_MM and 0 <= y <= HEIGHT_MM for x, y in path)
    assert 0.08 * WIDTH_MM < drawn.bar_mm < 0.25 * WIDTH_MM
    root = ElementTree.fromstring(svg(drawn))
    texts = [one.text or "" for one in root.iter(f"{_SVG}text")]
    length = f"{drawn.bar_m:g} m" if drawn.bar_m < 1000 else f"{drawn.bar_m / 1000:g} km"
    assert texts == [f"{WORDS['north'].zh} N", length]
    assert any(isinstance(p, Map) for s in report(package.document) for p in s.parts)


def test_the_scale_bar_measures_what_it_says(package: Package) -> None:
    """Two fixes are as far apart on paper as on the ground."""
    from pyproj import Geod

    drawn = picture(package.document)
    assert drawn is not None
    (line,) = [one.paths[0] for one in drawn.shapes if one.role == "track"]
    fixes = package.document["tracks"][0]["fixes"]
    first, last = fixes[0], fixes[-1]
    _, _, metres = Geod(ellps="WGS84").inv(first["lon"], first["lat"], last["lon"], last["lat"])
    (x, y), (x2, y2) = line[0], line[-1]
    paper = ((x2 - x) ** 2 + (y2 - y) ** 2) ** 0.5
    assert paper / drawn.bar_mm * drawn.bar_m == pytest.approx(metres, rel=0.002)


def test_a_case_without_any_place_has_no_picture(package: Package) -> None:
    bare = {key: [] for key in ("alerts", "records", "tracks", "references", "ground", "extra")}
    document = package.document | bare
    document["case"] = document["case"] | {"geometry": None}
    assert picture(document) is None
    assert b"<svg" not in html(document) and pdf(document).startswith(b"%PDF")


def test_odd_characters_stop_nothing(package: Package) -> None:
    case = package.document["case"]
    odd = case["properties"] | {"title_en": "😀 \x07 & < ñ", "title_zh": "𠮷野家 静"}
    document = package.document | {"case": case | {"properties": odd}}
    assert "😀" in html(document).decode()
    assert "静" in PdfReader(io.BytesIO(pdf(document))).pages[0].extract_text()


def test_words_are_in_both_languages() -> None:
    assert all(text.en and text.zh for text in WORDS.values())
    assert {f"legend_{role}" for role in ROLES} <= set(WORDS)
