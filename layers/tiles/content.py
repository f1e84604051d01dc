"""What a tile of a layer holds: which attributes, and when rows give way to counts of cells."""

from __future__ import annotations

from layers.spec import SYSTEM_COLUMNS, LayerSpec
from layers.text import LANGUAGES

# Levels, in Web Mercator, from which rows have all their plain attributes.
ALL_ATTRIBUTES_FROM = 14
# A tile holds no more rows than a browser draws at once; beyond, it counts them by cell. Close by,
# where each row can be pointed at, it holds more.
_MOST_AFAR, _MOST_NEAR = 5_000, 50_000
# Of areas and lines that are too many, so many of the largest are drawn beside the counts, if they
# are at least so large, in tile units.
LARGEST, LEAST_UNITS = 2_000, 16.0
FID, COUNT, CELL = "fid", "count", "h3"
_LABELS = ("title_{}", "name_{}")


def most_rows(level: int) -> int:
    """Rows that a tile of a level holds at most."""
    return _MOST_NEAR if level >= ALL_ATTRIBUTES_FROM else _MOST_AFAR


def cells_name(layer: str) -> str:
    """Name, inside a tile, of the layer that holds the counts of another by cells."""
    return f"{layer}_cells"


def label_of(spec: LayerSpec, language: str) -> str | None:
    """Property that names a row: as declared, else the usual ones, first in the language."""
    if spec.style.label is not None:
        return spec.style.label
    names = {p.name for p in spec.properties}
    usual = [pattern.format(language) for pattern in _LABELS]
    return next((name for name in (*usual, "name_zh", "name") if name in names), None)


def attributes(spec: LayerSpec, level: int) -> tuple[str, ...]:
    """Properties that rows have in tiles of a level, beside their ``fid``.

    Nested values are in no tile; far off there are only those that drawing needs, and those that
    the declaration names in ``style.overview``.
    """
    plain = [p.name for p in spec.properties if p.type != "json" and p.name not in SYSTEM_COLUMNS]
    if level >= ALL_ATTRIBUTES_FROM:
        return tuple(plain)
    labels = {label_of(spec, language) for language in LANGUAGES}
    wanted = {spec.style.by, *labels, *spec.style.overview}
    return tuple(name for name in plain if name in wanted)
