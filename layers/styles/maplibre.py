"""Styles as MapLibre and Mapbox write them (MapLibre Style Specification 8), over our tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from layers.spec import LayerSpec
from layers.tiles.content import COUNT, cells_name, label_of

Layer = dict[str, Any]
# A mixed collection is drawn thrice, each geometry by its own layer.
_KINDS = {"Point": ("Point", "MultiPoint"), "LineString": ("LineString", "MultiLineString"),
          "Polygon": ("Polygon", "MultiPolygon")}  # fmt: skip
_LABELS_FROM = 13
_LAND, _TEXT, _HALO = "#eeece6", "#2c4356", "#ffffff"
# Opacity of a cell by the power of ten of its count. Of lines most are drawn, so cells stay faint.
_COUNT_OPACITY = ((0, 0.2), (2, 0.55), (4, 0.85))
_FAINT_OPACITY = ((0, 0.05), (2, 0.15), (4, 0.3))
# Between these zooms symbols grow from a part of their size to the whole.
_SMALL_UNTIL, _WHOLE_FROM = 9, 14


def style(
    name: str, specs: Sequence[LayerSpec], sources: dict[str, str], language: str, background: bool
) -> dict[str, Any]:
    """Style of some layers, the first drawn lowest.

    Parameters
    ----------
    specs : layers with geometry.
    sources : address of the TileJSON of each layer.
    background : whether there is nothing beneath, so that land is painted.
    """
    painted: list[Layer] = [
        {"id": "background", "type": "background", "paint": {"background-color": _LAND}}
    ]
    drawn = [one for spec in specs for one in layers(spec)]
    labels = [one for spec in specs for one in _labels(spec, language)]
    return {
        "version": 8,
        "name": name,
        "sources": {spec.id: {"type": "vector", "url": sources[spec.id]} for spec in specs},
        "layers": [*(painted if background else []), *drawn, *labels],
    }


def layers(spec: LayerSpec) -> list[Layer]:
    """Counts of cells lowest, then the rows."""
    rows: list[Layer] = []
    if spec.sensitivity != "personal":
        kind = spec.geometry.removeprefix("Multi")
        if kind in _KINDS:
            rows = _rows(spec, kind, mixed=False)
        else:
            rows = [one for k in ("Polygon", "LineString", "Point") for one in _rows(spec, k, True)]
    return [_cells(spec), *rows]


def _rows(spec: LayerSpec, kind: str, mixed: bool) -> list[Layer]:
    colour, size, opacity = colour_of(spec), spec.style.size_px, spec.style.opacity
    made: dict[str, dict[str, Any]]
    if kind == "Polygon":
        outline = min(size, 3.0)
        made = {
            "fill": {"fill-color": colour, "fill-opacity": opacity},
            "line": {
                "line-color": colour,
                "line-width": _growing(0.3, outline),
                "line-opacity": 0.9,
            },
        }
    elif kind == "LineString":
        width = _growing(0.3 * size, size)
        made = {"line": {"line-color": colour, "line-width": width, "line-opacity": opacity}}
    else:
        made = {
            "circle": {
                "circle-color": colour, "circle-radius": _growing(0.4 * size, size),
                "circle-opacity": opacity,
                "circle-stroke-color": _HALO, "circle-stroke-width": _growing(0, 1),
            }
        }  # fmt: skip
    chosen = ["match", ["geometry-type"], list(_KINDS[kind]), True, False]
    return [
        {
            "id": f"{spec.id}-{kind.lower()}-{what}",
            "type": what,
            "source": spec.id,
            "source-layer": spec.id,
            **({"filter": chosen} if mixed else {}),
            **({"layout": {"line-cap": "round", "line-join": "round"}} if what == "line" else {}),
            "paint": paint,
        }
        for what, paint in made.items()
    ]


def _growing(far: float, near: float) -> list[Any]:
    """Size by zoom, so that thousands of symbols do not hide each other far off."""
    return ["interpolate", ["linear"], ["zoom"], _SMALL_UNTIL, round(far, 2), _WHOLE_FROM, near]


def _cells(spec: LayerSpec) -> Layer:
    by_count: list[Any] = ["interpolate", ["linear"], ["log10", ["max", 1, ["get", COUNT]]]]
    for power, opacity in _FAINT_OPACITY if "Line" in spec.geometry else _COUNT_OPACITY:
        by_count += [power, opacity]
    return {
        "id": f"{spec.id}-cells",
        "type": "fill",
        "source": spec.id,
        "source-layer": cells_name(spec.id),
        "paint": {
            "fill-color": colour_of(spec),
            "fill-opacity": by_count,
            "fill-outline-color": _HALO,
        },
    }


def _labels(spec: LayerSpec, language: str) -> Iterable[Layer]:
    """Names beside rows, close by; of areas and points, whose places are clear."""
    label = label_of(spec, language)
    if label is None or spec.sensitivity == "personal" or "Line" in spec.geometry:
        return []
    # Without glyphs of a server, MapLibre takes the fonts of the machine: nothing to be fetched.
    layout = {
        "text-field": ["to-string", ["get", label]], "text-size": 12, "text-optional": True,
        "text-variable-anchor": ["top", "bottom"], "text-radial-offset": 0.6,
        "text-font": ["Noto Sans", "sans-serif"],
    }  # fmt: skip
    return [
        {
            "id": f"{spec.id}-label",
            "type": "symbol",
            "source": spec.id,
            "source-layer": spec.id,
            "minzoom": _LABELS_FROM,
            "layout": layout,
            "paint": {"text-color": _TEXT, "text-halo-color": _HALO, "text-halo-width": 1.4},
        }
    ]


def colour_of(spec: LayerSpec) -> Any:
    """Colour of a row: fixed, or chosen by the value of a property."""
    style = spec.style
    if style.by is None or not style.colours:
        return style.colour
    pairs = [part for pair in style.colours.items() for part in pair]
    return ["match", ["to-string", ["get", style.by]], *pairs, style.colour]
