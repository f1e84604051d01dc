"""The report as PDF, of the same content as the HTML.

Chinese is set in the standard font STSong-Light, which PDF viewers have and which is not embedded
(ISO 32000-1, 9.7.5.2, predefined CMap UniGB-UCS2-H), so that no font file travels with the program
and text can be searched and copied.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Group, Line, Polygon, Rect, String
from reportlab.graphics.shapes import Path as PdfPath
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer
from reportlab.platypus import Paragraph as PdfParagraph
from reportlab.platypus import Table as PdfTable

from cases.evidence.picture import (
    HEIGHT_MM,
    RADIUS_MM,
    WIDTH_MM,
    Drawn,
    Picture,
    picture,
    style_of,
)
from cases.evidence.report import Cell, Paragraph, Part, Table, report
from cases.evidence.words import WORDS
from layers.text import Text

_FONT = "STSong-Light"
_MARGIN = 18 * mm
# The font's character map ends with the basic plane.
_LAST_CHARACTER, _UNKNOWN = 0xFFFF, "\ufffd"
_BODY = ParagraphStyle("body", fontName=_FONT, fontSize=9, leading=12.5, wordWrap="CJK")
_HEAD = ParagraphStyle("head", parent=_BODY, fontSize=12.5, leading=16, spaceBefore=12)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=18, leading=24)
_STRONG = ParagraphStyle("strong", parent=_BODY, fontSize=10.5, leading=14)
_WARNING = ParagraphStyle(
    "warning", parent=_STRONG, backColor=colors.HexColor("#fff3b0"), borderPadding=4, spaceAfter=6
)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10.5)
_NAMED_SHARE = 0.32


def pdf(document: dict[str, Any]) -> bytes:
    """Write a package's report; the same document gives the same bytes."""
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    out = io.BytesIO()
    title = f"{WORDS['title'].zh} {WORDS['title'].en}"
    pages = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN, title=f"{title}: {document['case']['id']}", invariant=1,
        author="onemap", lang="zh-CN",
    )  # fmt: skip
    foot = _Foot(str(document["case"]["id"]), document["city"]["synthetic"] is not None)
    story = list(_story(document, title, pages.width))
    pages.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


class _Foot:
    """The last line of each page: whose it is, its number, and whether it is made up."""

    def __init__(self, case: str, synthetic: bool) -> None:
        self._case, self._synthetic = case, synthetic

    def __call__(self, canvas: Canvas, pages: SimpleDocTemplate) -> None:
        canvas.setFont(_FONT, 7.5)
        made_up = WORDS["synthetic"]
        note = f" · {made_up.zh} {made_up.en}" if self._synthetic else ""
        canvas.drawString(_MARGIN, 10 * mm, f"{self._case}{note}")
        number = f"{WORDS['page'].zh} {pages.page}"
        canvas.drawRightString(A4[0] - _MARGIN, 10 * mm, number)


def _story(document: dict[str, Any], title: str, width: float) -> Iterator[Flowable]:
    drawn = picture(document)
    yield PdfParagraph(_safe(title), _TITLE)
    city = Text(**document["city"]["title"])
    yield PdfParagraph(_safe(f"{city.zh} {city.en}"), _BODY)
    for section in report(document):
        heading = PdfParagraph(_safe(f"{section.title.zh} {section.title.en}"), _HEAD)
        heading.keepWithNext = True
        yield heading
        for part in section.parts:
            yield from _part(part, drawn, width)


def _part(part: Part, drawn: Picture | None, width: float) -> Iterator[Flowable]:
    if isinstance(part, Paragraph):
        style = _WARNING if part.text is WORDS["synthetic"] else _STRONG if part.strong else _BODY
        yield Spacer(1, 3)
        yield PdfParagraph(_said(part.text), style)
    elif isinstance(part, Table):
        yield _table(part, width)
    elif drawn is not None:
        yield drawing(drawn)
        words = "；".join(
            f"{WORDS[f'legend_{r}'].zh} {WORDS[f'legend_{r}'].en}" for r in drawn.roles
        )
        yield PdfParagraph(_safe(words), _BODY)


def _table(table: Table, width: float) -> Flowable:
    rows = [[PdfParagraph(_said(cell), _CELL) for cell in row] for row in table.rows]
    columns = len(table.rows[0])
    widths = [width / columns] * columns
    if columns == 2:
        widths = [width * _NAMED_SHARE, width * (1 - _NAMED_SHARE)]
    heads = [[PdfParagraph(_said(cell), _CELL) for cell in table.heads]] if table.heads else []
    made = PdfTable(heads + rows, colWidths=widths, repeatRows=len(heads), splitInRow=1)
    made.spaceBefore = 4
    shade = colors.HexColor("#f0f2f4")
    first = (0, 0), (-1, 0) if heads else (0, -1)
    made.setStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#999999")),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("BACKGROUND", *first, shade),
        ]
    )
    return made


def _said(cell: Cell) -> str:
    if not isinstance(cell, Text):
        return _safe(cell)
    if cell.zh == cell.en:
        return _safe(cell.zh)
    return f"{_safe(cell.zh)}<br/>{_safe(cell.en)}"


def _safe(text: str) -> str:
    """Text without markup of its own, in characters that the font's map has."""
    known = "".join(
        c if ord(c) <= _LAST_CHARACTER and (c.isprintable() or c in "\n\t ") else _UNKNOWN
        for c in text
    )
    return escape(known)


def drawing(drawn: Picture) -> Drawing:
    """Draw a picture for PDF; y goes up as on the picture itself."""
    made = Drawing(WIDTH_MM * mm, HEIGHT_MM * mm)
    frame = Rect(0, 0, WIDTH_MM, HEIGHT_MM, fillColor=colors.white, strokeColor=colors.black)
    frame.strokeWidth = 0.3
    inside = Group(frame, *(_shape(shape) for shape in drawn.shapes), *_furniture(drawn))
    inside.scale(mm, mm)
    made.add(inside)
    return made


def _shape(shape: Drawn) -> Any:
    stroke, width, fill, opacity = style_of(shape)
    shade = colors.Color(*colors.HexColor(fill).rgb(), alpha=opacity) if fill else None
    paint = {"strokeColor": colors.HexColor(stroke), "strokeWidth": width}
    if shape.form == "dot":
        ((x, y),) = shape.paths[0]
        return Circle(x, y, RADIUS_MM.get(shape.role, 1.0), fillColor=shade, **paint)
    area = shape.form == "area"
    made = PdfPath(fillColor=shade if area else None, fillMode=0, **paint)
    for path in shape.paths:
        made.moveTo(*path[0])
        for point in path[1:]:
            made.lineTo(*point)
        if area:
            made.closePath()
    return made


def _furniture(drawn: Picture) -> Iterator[Any]:
    x, y = WIDTH_MM - 10, HEIGHT_MM - 8
    arrow = [x, y + 4, x + 3, y - 6, x, y - 4, x - 3, y - 6]
    yield Polygon(arrow, fillColor=colors.black, strokeWidth=0)
    north = f"{WORDS['north'].zh} {WORDS['north'].en}"
    yield String(x, y - 11, north, fontName=_FONT, fontSize=4, textAnchor="middle")
    length = f"{drawn.bar_m:g} m" if drawn.bar_m < 1000 else f"{drawn.bar_m / 1000:g} km"
    yield Line(6, 8, 6 + drawn.bar_mm, 8, strokeWidth=0.6)
    for end in (6.0, 6 + drawn.bar_mm):
        yield Line(end, 6.5, end, 9.5, strokeWidth=0.6)
    middle = 6 + drawn.bar_mm / 2
    yield String(middle, 10, length, fontName=_FONT, fontSize=4, textAnchor="middle")
