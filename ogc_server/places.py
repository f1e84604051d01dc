"""Where a row lies, as every layer with places publishes it: its H3 cell and its jurisdiction.

The store keeps both beside the declared properties (`layers.spec.SYSTEM_COLUMNS`).
"""

from __future__ import annotations

from typing import Any

from layers.h3grid import format_cell
from layers.spec import LayerSpec, PropertySpec
from layers.store import Page
from layers.text import Text

CELL, JURISDICTION = "h3", "jurisdiction"
# Names that no declaration may use, so its own check would refuse them.
_COLUMNS = (
    PropertySpec.model_construct(
        name=CELL,
        type="string",
        title=Text(en="H3 cell", zh="H3 格网"),
        description=Text(
            en="Cell of the row's place, hexadecimal; ask by it with cells=.",
            zh="要素所在的 H3 格网编号（十六进制），查询用 cells=。",
        ),
    ),
    PropertySpec.model_construct(
        name=JURISDICTION,
        type="string",
        title=Text(en="Jurisdiction", zh="所属辖区"),
        description=Text(
            en="Code of the smallest administrative unit that the row lies in; codes of units "
            "within a larger one begin with its code.",
            zh="要素所在的最小行政区划的代码；下级区划代码以上级代码开头。",
        ),
    ),
)


def published(spec: LayerSpec) -> LayerSpec:
    """Return the layer with cell and jurisdiction behind its properties; a register as it is."""
    if not spec.has_geometry:
        return spec
    return spec.model_copy(update={"properties": (*spec.properties, *_COLUMNS)})


def readable_rows(page: Page) -> list[tuple[Any, ...]]:
    """Rows of a page with cells as H3 writes them: 15 hexadecimal digits."""
    if CELL not in page.names:
        return page.rows
    at = page.names.index(CELL)
    return [
        row if row[at] is None else (*row[:at], format_cell(row[at]), *row[at + 1 :])
        for row in page.rows
    ]
