"""Fixes of movers behind the walls of their readers.

Fixes are rows of no layer, so the store's own walls do not stand around them. They are shown to
whoever sees both layers that are made of them, and of a reader who sees some jurisdictions only,
each fix is asked where it lies: what lies in none of his does not exist for him.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.movers import Kind, declared
from layers.position_store import Where, summary
from layers.positions import FIXES, PositionStore
from layers.query import EVERYTHING, Box, Scope
from layers.store import Store
from layers.trajectory import GAP_MS, MOST_FIXES, Run, Truths, runs_of
from ogc_server.catalogue import Catalogue, Memory
from ogc_server.moving.meeting import Span, meeting
from ogc_server.problem import RequestError

_FILES_KEPT, _LISTS_KEPT = 20_000, 200
_DAY_MS = 86_400_000
# Days that a calendar can name, with room for a gap at both ends.
_FIRST_MS, _LAST_MS = -62_135_510_400_000, 253_402_214_400_000


@dataclass(frozen=True)
class Seen:
    """What a reader sees of movers in some files, an entry each.

    Attributes
    ----------
    start, end : ms of the first and last fix.
    box : lon/lat (EPSG:4326) around the fixes.
    """

    start: int
    end: int
    box: Box

    def __or__(self, other: Seen) -> Seen:
        a, b = self.box, other.box
        box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
        return Seen(min(self.start, other.start), max(self.end, other.end), box)


class Movers:
    """Movers for one audience.

    Parameters
    ----------
    folder : of the positions.
    store : knows where units lie.
    scope : what the audience sees.
    """

    def __init__(self, folder: Path, store: Store, scope: Scope) -> None:
        self._positions, self._store, self._scope = PositionStore(folder), store, scope
        self._files, self._lists = Memory(_FILES_KEPT), Memory(_LISTS_KEPT)

    def state(self, kind: Kind, span: Span = (None, None)) -> Hashable:
        """What answers about a span depend on: equal states give equal answers."""
        return self._positions.state(kind.feed, *_around(_wider(span))), self._outlines()

    def _outlines(self) -> Hashable:
        if self._scope == EVERYTHING:
            return ()
        present = set(self._store.layers())
        return tuple((a, self._store.revision(a)) for a in ADMINISTRATIVE_LAYERS if a in present)

    def overview(self, kind: Kind, span: Span = (None, None)) -> dict[str, Seen]:
        """Movers with fixes on the days of a span, and where and when they were, by id."""
        outlines, found = self._outlines(), dict[str, Seen]()
        for name in self._positions.state(kind.feed, *_around(span)):
            key = (kind.feed, name, outlines)
            for mover, seen in self._files.get(key, lambda n=name: self._seen(kind, n)).items():  # type: ignore[misc]
                found[mover] = found[mover] | seen if mover in found else seen
        return found

    def listed(self, kind: Kind, span: Span, box: Box | None) -> list[str]:
        """Ids of movers that were inside a box in a closed span, sorted; None is everywhere.

        A mover was where it is interpolated to have been, too.
        """
        key = (kind.feed, self.state(kind, span), span, box)
        return self._lists.get(key, lambda: self._listed(kind, span, box))

    def _listed(self, kind: Kind, span: Span, box: Box | None) -> list[str]:
        overview = self.overview(kind, _wider(span))
        if box is None and span == (None, None):
            return sorted(overview)
        open_ = {mover for mover, seen in overview.items() if _may_meet(seen, span, box)}
        met: set[str] = set()
        for day in self._days(kind, span):
            asked = sorted(open_ - met)
            if not asked:
                break
            fixes = self._scan(kind, _wider(day), asked, [])
            met |= meeting(fixes, self._visible(fixes), (day[0], day[1]), box)
        return sorted(met)

    def _days(self, kind: Kind, span: Span) -> Iterator[tuple[int, int]]:
        """Parts of a span by UTC day, as far as there are fixes; with a gap at both ends."""
        start, end = span
        for day in self._positions.days(kind.feed):
            first = (day.toordinal() - 719_163) * _DAY_MS
            low = first - GAP_MS if start is None else max(start, first - GAP_MS)
            high = first + _DAY_MS + GAP_MS - 1
            high = high if end is None else min(end, high)
            if low <= high:
                yield low, high

    def runs(self, kind: Kind, mover: str, span: Span = (None, None)) -> list[Run]:
        """Runs of a mover that meet a closed span, in order of time.

        Of a run at the ends of the span there is as much as interpolation needs.
        """
        found = self._runs(kind, [mover], _wider(span)).get(mover, [])
        return [run for run in found if run.meets(*span)]

    def paths(self, kind: Kind, movers: list[str], span: Span) -> dict[str, list[Run]]:
        """Return `runs` of many movers at once, without what was measured."""
        found = self._runs(kind, movers, _wider(span), measured=False)
        return {mover: [run for run in runs if run.meets(*span)] for mover, runs in found.items()}

    def _runs(
        self, kind: Kind, movers: list[str], span: Span, measured: bool = True
    ) -> dict[str, list[Run]]:
        names = [one.column for one in kind.measured] if measured else []
        fixes = self._scan(kind, span, movers, names)
        visible = self._visible(fixes)
        t, lon, lat = (fixes[name].to_numpy() for name in ("t", "lon", "lat"))
        columns = {name: fixes[name].to_numpy().astype(np.float64) for name in names}
        found = {}
        for mover, part in _by_mover(fixes):
            kept = {name: values[part] for name, values in columns.items()}
            runs = runs_of(t[part], lon[part], lat[part], kept, visible=visible[part])
            found[mover] = runs
        return found

    def fixes(self, kind: Kind, movers: list[str], span: tuple[int, int]) -> pa.Table:
        """Fixes of movers in a closed span, with all columns, where the reader may see.

        Returns
        -------
        as `layers.positions.FIXES`, sorted by (mover, t, pid).
        """
        found = self._scan(kind, span, movers, FIXES.names)
        return found.select(FIXES.names).filter(pa.array(self._visible(found)))

    def run(self, kind: Kind, mover: str, first: int, number: int = 1) -> Run | None:
        """Run that begins with the fix at an instant, None where the reader sees no such fix.

        Parameters
        ----------
        number : of several that begin at that instant, as those of two vessels on one identity.
        """
        length = _DAY_MS
        while True:
            # Further days are read until there is a gap.
            span = first, first + length + GAP_MS
            found = self._runs(kind, [mover], span).get(mover, [])
            begun = [run for run in found if run.first == first]
            if len(begun) < number:
                return None
            run = begun[number - 1]
            whole = run.t[-1] <= first + length or len(run.t) == MOST_FIXES
            if whole or first + length > _LAST_MS:
                return run
            length *= 4

    def _scan(self, kind: Kind, span: Span, movers: list[str], more: list[str]) -> pa.Table:
        start, end = _around(span)
        columns = ["lon", "lat", *more]
        return self._positions.scan(
            kind.feed, start_ms=start, end_ms=end, movers=movers, columns=columns
        )

    def _seen(self, kind: Kind, name: str) -> dict[str, Seen]:
        try:
            found = self._positions.movers(kind.feed, name)
            if self._scope != EVERYTHING:
                if not self._near(found):
                    return {}
                fixes = self._positions.part(kind.feed, name, ["mover", "t", "lon", "lat"])
                found = summary(fixes.filter(pa.array(self._visible(fixes))))
        except FileNotFoundError:
            return {}
        return {mover: Seen(a, b, (x, y, z, w)) for mover, (a, b, x, y, z, w) in found.items()}

    def _near(self, told: dict[str, Where]) -> bool:
        """Whether any of some movers may have been where the reader sees."""
        boxes = self._store.locator.boxes(self._scope.jurisdictions or ())
        return any(
            low <= maxx and high >= minx and south <= maxy and north >= miny
            for _, _, low, south, high, north in told.values()
            for minx, miny, maxx, maxy in boxes
        )

    def _visible(self, fixes: pa.Table) -> Truths:
        allowed = self._scope.jurisdictions
        if self._scope == EVERYTHING:
            return np.ones(fixes.num_rows, bool)
        # Whatever else a scope may say one day, it is not understood here.
        if allowed is None or replace(self._scope, jurisdictions=None) != EVERYTHING:
            return np.zeros(fixes.num_rows, bool)
        lon, lat = fixes["lon"].to_numpy(), fixes["lat"].to_numpy()
        return self._store.locator.within(lon, lat, allowed)


def _by_mover(fixes: pa.Table) -> Iterator[tuple[str, slice]]:
    """Rows of each mover in fixes that are sorted by mover."""
    if not fixes.num_rows:
        return
    mover = fixes["mover"].combine_chunks().dictionary_encode()
    codes, names = mover.indices.to_numpy(zero_copy_only=False), mover.dictionary.to_pylist()
    first = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    for start, stop in pairwise(first.tolist()):
        yield names[codes[start]], slice(start, stop)


def _around(span: Span) -> tuple[int | None, int | None]:
    """Half-open span of ms, kept to what a calendar can name."""
    start, end = span
    return (
        None if start is None else min(max(start, _FIRST_MS), _LAST_MS),
        None if end is None else min(max(end + 1, _FIRST_MS), _LAST_MS),
    )


def _wider(span: Span) -> Span:
    start, end = span
    return None if start is None else start - GAP_MS, None if end is None else end + GAP_MS


def _may_meet(seen: Seen, span: Span, box: Box | None) -> bool:
    start, end = span
    if (start is not None and seen.end < start) or (end is not None and seen.start > end):
        return False
    if box is None:
        return True
    minx, miny, maxx, maxy = box
    if seen.box[1] > maxy or seen.box[3] < miny:
        return False
    if minx > maxx:
        return seen.box[2] >= minx or seen.box[0] <= maxx
    return seen.box[0] <= maxx and seen.box[2] >= minx


_KNOWN: WeakKeyDictionary[Catalogue, Movers] = WeakKeyDictionary()


def movers_of(catalogue: Catalogue) -> Movers | None:
    """Return the movers of a catalogue's readers, None where no positions are kept."""
    if catalogue.folder is None:
        return None
    if catalogue not in _KNOWN:
        scope = catalogue.audience.scope
        _KNOWN[catalogue] = Movers(catalogue.folder / "positions", catalogue.store, scope)
    return _KNOWN[catalogue]


def kinds(catalogue: Catalogue) -> tuple[Kind, ...]:
    """Kinds of movers that the readers may see: both layers that are made of them exist for them.

    Whose collection would have the name of a layer of the city is left out.
    """
    if catalogue.folder is None:
        return ()
    return tuple(
        kind
        for kind in declared(catalogue.city)
        if kind.collection not in catalogue.city.layers
        and _has(catalogue, kind.positions)
        and _has(catalogue, kind.tracks)
    )


def _has(catalogue: Catalogue, layer: str) -> bool:
    try:
        catalogue.layer(layer)
    except RequestError:
        return False
    return True
