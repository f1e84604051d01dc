"""Which movers were inside a box within a span of time: between two fixes, too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from layers.query import Box
from layers.trajectory import Floats, Truths, breaks

Span = tuple[int | None, int | None]
_EVERYWHERE: Box = (-np.inf, -np.inf, np.inf, np.inf)


def meeting(fixes: pa.Table, visible: Truths, span: Span, box: Box | None) -> set[str]:
    """Movers that were, or are interpolated to have been, inside of a box in a closed span.

    Parameters
    ----------
    fixes : ``mover``, ``t`` (ms), ``lon``, ``lat`` (EPSG:4326), sorted by mover and time, n rows.
    visible : which fixes count, shape (n,); from what does not, nothing is interpolated.
    span : ms, None for an open end.
    box : minx > maxx crosses the antimeridian; None is everywhere.
    """
    if not fixes.num_rows:
        return set()
    mover = fixes["mover"].combine_chunks().dictionary_encode()
    codes = mover.indices.to_numpy(zero_copy_only=False)
    t = fixes["t"].to_numpy()
    lon, lat = fixes["lon"].to_numpy(), fixes["lat"].to_numpy()
    low = -np.inf if span[0] is None else float(span[0])
    high = np.inf if span[1] is None else float(span[1])
    linked = (codes[1:] == codes[:-1]) & visible[1:] & visible[:-1] & ~breaks(t, lon, lat)
    found = np.zeros(len(t), bool)
    for part in _boxes(box):
        inside = (lon >= part[0]) & (lon <= part[2]) & (lat >= part[1]) & (lat <= part[3])
        found |= visible & inside & (t >= low) & (t <= high)
        found[:-1] |= linked & _crossing(t, lon, lat, (low, high), part)
    names = mover.dictionary.to_pylist()
    return {names[code] for code in np.unique(codes[found]).tolist()}


def _boxes(box: Box | None) -> list[Box]:
    if box is None:
        return [_EVERYWHERE]
    minx, miny, maxx, maxy = box
    if minx <= maxx:
        return [box]
    return [(minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy)]


def _crossing(
    t: npt.NDArray[np.int64], lon: Floats, lat: Floats, span: tuple[float, float], box: Box
) -> Truths:
    """Whether the line from each fix to the next meets a box of space and time; shape (n - 1,).

    Clipping by parameter (Liang & Barsky 1984), with time as the third axis.
    """
    enter, leave = np.zeros(len(t) - 1), np.ones(len(t) - 1)
    axes = ((lon, box[0], box[2]), (lat, box[1], box[3]), (t.astype(np.float64), *span))
    with np.errstate(divide="ignore", invalid="ignore"):
        for values, low, high in axes:
            begin, step = values[:-1], np.diff(values)
            a, b = (low - begin) / step, (high - begin) / step
            still = step == 0
            held = still & (begin >= low) & (begin <= high)
            a = np.where(still, np.where(held, -np.inf, np.inf), a)
            b = np.where(still, np.where(held, np.inf, -np.inf), b)
            enter = np.maximum(enter, np.minimum(a, b))
            leave = np.minimum(leave, np.maximum(a, b))
    # A line that stands outside of a slab has both ends turned: entered at -inf, left at inf.
    return np.asarray((enter <= leave) & _inside_slabs(axes), np.bool_)


def _inside_slabs(axes: tuple[tuple[Floats, float, float], ...]) -> Truths:
    ok = np.ones(len(axes[0][0]) - 1, bool)
    for values, low, high in axes:
        begin, end = values[:-1], values[1:]
        ok &= (np.maximum(begin, end) >= low) & (np.minimum(begin, end) <= high)
    return ok
