"""The report as one HTML file: nothing outside of it is needed, and A4 comes out of the printer."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from cases.evidence.picture import (
    HEIGHT_MM,
    RADIUS_MM,
    ROLES,
    WIDTH_MM,
    Drawn,
    Picture,
    picture,
    style_of,
)
from cases.evidence.report import Cell, Paragraph, Part, Section, Table, report
from cases.evidence.words import WORDS
from layers.text import Text

_STYLE = """
@page { size: A4; margin: 18mm 18mm 20mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.45 "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei",
  "SimSun", sans-serif; color: #111; max-width: 174mm; margin: 0 auto; padding: 6mm 0; }
h1 { font-size: 18pt; margin: 0 0 2mm; }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; border-bottom: 0.3mm solid #111; break-after: avoid; }
.sub { color: #444; margin: 0 0 4mm; }
p { margin: 1.5mm 0; }
.strong { font-weight: 600; }
.synthetic { background: #fff3b0; border: 0.5mm solid #b38600; padding: 2mm 3mm; font-weight: 700; }
.en { color: #333; }
table { border-collapse: collapse; width: 100%; margin: 2mm 0; }
th, td { border: 0.2mm solid #999; padding: 1mm 1.6mm; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; font-weight: 400; }
th { background: #f0f2f4; }
tbody th { width: 32%; }
tr { break-inside: avoid; }
svg { width: 100%; height: auto; border: 0.3mm solid #111; display: block; break-inside: avoid; }
.legend { display: flex; flex-wrap: wrap; gap: 1mm 5mm; margin: 2mm 0; padding: 0; }
.legend li { list-style: none; }
.swatch { display: inline-block; width: 4mm; height: 2.4mm; margin-right: 1.5mm;
  border: 0.3mm solid; }
@media screen { body { padding: 10mm; max-width: 200mm; } }
"""


def html(document: dict[str, Any]) -> bytes:
    """Write a package's report."""
    drawn = picture(document)
    title, case = WORDS["title"], document["case"]["id"]
    lines = [
        "<!doctype html>",
        '<html lang="zh-CN">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title.zh} {title.en}: {escape(case)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{title.zh} <span class=en>{title.en}</span></h1>",
        f"<p class=sub>{escape(document['city']['title']['zh'])}"
        f" {escape(document['city']['title']['en'])}</p>",
    ]
    for section in report(document):
        lines += _section(section, drawn)
    return "\n".join([*lines, "</body>", "</html>", ""]).encode()


def _section(section: Section, drawn: Picture | None) -> Iterator[str]:
    yield f"<h2>{_inline(section.title)}</h2>"
    for part in section.parts:
        yield from _part(part, drawn)


def _part(part: Part, drawn: Picture | None) -> Iterator[str]:
    if isinstance(part, Paragraph):
        named = "synthetic" if part.text is WORDS["synthetic"] else "strong" if part.strong else ""
        yield f'<p class="{named}">{_block(part.text)}</p>'
    elif isinstance(part, Table):
        yield from _table(part)
    elif drawn is not None:
        yield svg(drawn)
        yield from _legend(drawn)


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    if table.heads:
        heads = "".join(f"<th>{_block(head)}</th>" for head in table.heads)
        yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for first, *rest in table.rows:
        cells = "".join(f"<td>{_block(cell)}</td>" for cell in rest)
        tag = "td" if len(table.heads) > 2 else "th"
        yield f"<tr><{tag}>{_block(first)}</{tag}>{cells}</tr>"
    yield "</tbody></table>"


def _block(cell: Cell) -> str:
    if not isinstance(cell, Text):
        return escape(cell)
    if cell.zh == cell.en:
        return escape(cell.zh)
    return f"{escape(cell.zh)}<br><span class=en>{escape(cell.en)}</span>"


def _inline(text: Text) -> str:
    return f"{escape(text.zh)} <span class=en>{escape(text.en)}</span>"


def _legend(drawn: Picture) -> Iterator[str]:
    yield "<ul class=legend>"
    for role in drawn.roles:
        stroke, _, fill, opacity = ROLES[role]
        shade = "transparent" if fill is None else f"{fill}{round(opacity * 255):02x}"
        swatch = f'<span class=swatch style="border-color:{stroke};background:{shade}"></span>'
        yield f"<li>{swatch}{_inline(WORDS[f'legend_{role}'])}</li>"
    yield "</ul>"


def svg(drawn: Picture) -> str:
    """Write a picture as SVG, one unit a millimetre."""
    width, height = f"{WIDTH_MM:g}", f"{HEIGHT_MM:g}"
    bar, north = f"{drawn.bar_mm:.2f}", WORDS["north"]
    length = f"{drawn.bar_m:g} m" if drawn.bar_m < 1000 else f"{drawn.bar_m / 1000:g} km"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{_plain_title()}</title>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *map(_shape, drawn.shapes),
            # North arrow.
            f'<g transform="translate({WIDTH_MM - 10:g} 8)"><path d="M0 -4 L3 6 L0 4 L-3 6 Z"'
            ' fill="#111" stroke="#fff" stroke-width="0.3"/><text y="11" font-size="4"'
            f' text-anchor="middle">{north.zh} {north.en}</text></g>',
            # Scale bar.
            f'<g transform="translate(6 {HEIGHT_MM - 8:g})"><path d="M0 -1.5 V1.5 M0 0 H{bar}'
            f' M{bar} -1.5 V1.5" stroke="#111" stroke-width="0.6" fill="none"/>'
            f'<text x="{drawn.bar_mm / 2:.2f}" y="-2" font-size="4" text-anchor="middle">'
            f"{length}</text></g>",
            "</svg>",
        ]
    )


def _plain_title() -> str:
    return f"{WORDS['map'].zh} {WORDS['map'].en}"


def _shape(shape: Drawn) -> str:
    stroke, width, fill, opacity = style_of(shape)
    paint = f'stroke="{stroke}" stroke-width="{width:g}"'
    shade = f'fill="{fill}" fill-opacity="{opacity:g}"' if fill else 'fill="none"'
    if shape.form == "dot":
        ((x, y),) = shape.paths[0]
        radius = RADIUS_MM.get(shape.role, 1.0)
        at = f'cx="{x:g}" cy="{HEIGHT_MM - y:g}" r="{radius:g}"'
        return f'<circle class="{shape.role}" {at} {paint} {shade}/>'
    paths = []
    for path in shape.paths:
        points = " L".join(f"{x:g} {round(HEIGHT_MM - y, 2):g}" for x, y in path)
        paths.append(f"M{points}{' Z' if shape.form == 'area' else ''}")
    shade = shade if shape.form == "area" else 'fill="none"'
    drawn = f'd="{" ".join(paths)}" fill-rule="evenodd" stroke-linejoin="round"'
    return f'<path class="{shape.role}" {drawn} {paint} {shade}/>'
