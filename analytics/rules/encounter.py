"""Two vessels lie close together at sea for hours: a meeting, perhaps a transfer.

Every track is brought to a grid of ``step_s``, straight between positions at most ``max_gap_s``
apart. Where two vessels slower than ``max_speed_mps`` are within ``max_distance_m`` of each other
at a slot, they touch; touches at slots that follow each other (``skipped`` may be missing)
are a run, and one of ``min_duration_s`` is told, at that slot. Nothing ends at midnight: state goes
on, so that meetings across 00:00 UTC, which daily processing loses, are found. Places in
``exempt_kinds`` (ports, anchorages) do not count, nor do two that both lie at anchor. Method and
thresholds: Global Fishing Watch's encounters (10 min, 500 m, 2 h, median below 2 kn).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field
from scipy.spatial import KDTree

from analytics.calendar import city_days
from analytics.event import Event, Evidence, above, below
from analytics.rounding import rounded
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Tracks, forget, tracks_of
from analytics.vessel_wording import between, duration, knots
from analytics.vessels import LYING
from analytics.wording import place
from analytics.zones import inside_at
from layers.text import Text

Longs = npt.NDArray[np.int64]
_PLACE = ("t", "x", "y", "lon", "lat")


class EncounterParameters(Parameters):
    """See the module.

    Attributes
    ----------
    exempt_ship_types : AIS types whose work brings them alongside, such as tugs and pilots.
    """

    step_s: int = Field(default=600, ge=60)
    max_gap_s: float = Field(default=3600, gt=0)
    max_distance_m: float = Field(default=500, gt=0)
    max_speed_mps: float = Field(default=1.03, gt=0)
    min_duration_s: float = Field(default=7200, gt=0)
    skipped: int = Field(default=1, ge=0)
    exempt_kinds: tuple[str, ...] = ("port", "anchorage")
    exempt_ship_types: tuple[int, ...] = ()
    confidence: float = Field(default=0.7, ge=0, le=1)


class Spot(NamedTuple):
    """A slow vessel at a slot: track, place (metres, degrees), speed, position after it, who."""

    track: str
    x: float
    y: float
    lon: float
    lat: float
    speed_mps: float
    lying: bool
    pid: str
    name: str
    ship_type: int


@register
class Encounter(Rule):
    """See the module."""

    kind = "encounter"
    feed = "ais"
    title = Text(en="Meetings at sea", zh="海上会船")
    parameters_model = EncounterParameters
    compares = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._exempt = self.references.zones_of(self.parameters.exempt_kinds)
        self._step_ms = self.parameters.step_s * 1000

    def start(self) -> State:
        """Nobody was heard: last positions of tracks, slow vessels by slot, runs by pair."""
        return {"last": {}, "slots": {}, "runs": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        if not len(tracks.rows):
            return []
        events = []
        for slot, new in self._spots(state["last"], tracks):
            held = state["slots"].get(str(slot), [])
            spots = state["slots"][str(slot)] = [*held, *new]
            for i, j, far in _touches(spots, len(held), self.parameters.max_distance_m):
                a, b = Spot(*spots[i]), Spot(*spots[j])
                event = self._touch(state["runs"], slot, a, b, far)
                events += [] if event is None else [event]
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget slots, tracks and runs that no later row reaches."""
        oldest = watermark_ms - self.parameters.max_gap_s * 1000
        forget(state["last"], oldest)
        first = oldest // self._step_ms
        for slot in [name for name in state["slots"] if int(name) < first]:
            del state["slots"][slot]
        ended = first - 1 - self.parameters.skipped
        for pair in [name for name, run in state["runs"].items() if run["last"] < ended]:
            del state["runs"][pair]
        return []

    def _spots(self, last: State, tracks: Tracks) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
        """Slots between positions, and at each the slow vessels outside of exempt places."""
        pairs = _Pairs(last, tracks, self._step_ms)
        a, b = pairs.before, pairs.after
        wait = (b["t"] - a["t"]) / 1000
        with np.errstate(divide="ignore", invalid="ignore"):
            speed = np.hypot(b["x"] - a["x"], b["y"] - a["y"]) / wait
        slow = np.flatnonzero(
            (wait > 0)
            & (wait <= self.parameters.max_gap_s)
            & (speed <= self.parameters.max_speed_mps)
        )
        first = a["t"][slow] // self._step_ms + 1
        count = b["t"][slow] // self._step_ms + 1 - first
        own = np.repeat(slow, count)
        slot = np.repeat(first - np.cumsum(count) + count, count) + np.arange(len(own))
        share = (slot * self._step_ms - a["t"][own]) / (1000 * wait[own])
        at = {n: a[n][own] + share * (b[n][own] - a[n][own]) for n in _PLACE[1:]}
        days = city_days(slot * self._step_ms, self.references.zone)
        counts = self.applies(days)
        if self._exempt and len(own):
            counts &= ~inside_at(self._exempt, at["lon"], at["lat"], days).any(axis=0)
        reached = pairs.places[own]
        track = np.searchsorted(tracks.bounds, reached, side="right") - 1
        ranks = np.argsort(np.argsort(np.array(tracks.keys)))
        order = np.lexsort((ranks[track], slot))
        order = order[counts[order]]
        places = (
            rounded(at[n][order], digits).tolist()
            for n, digits in (("x", 2), ("y", 2), ("lon", 7), ("lat", 7))
        )
        spots = list(
            zip(
                [tracks.keys[number] for number in track[order].tolist()],
                *places,
                rounded(speed[own[order]], 3).tolist(),
                *_ends(tracks.columns, tracks.rows[reached[order]]),
                strict=True,
            )
        )
        slots, starts = np.unique(slot[order], return_index=True)
        ends = [*starts[1:].tolist(), len(spots)]
        for when, first, end in zip(slots.tolist(), starts.tolist(), ends, strict=bool(spots)):
            yield when, spots[first:end]

    def _touch(self, runs: State, slot: int, a: Spot, b: Spot, far: float) -> Event | None:
        exempt = self.parameters.exempt_ship_types
        mmsi = sorted((a.track.split("/")[0], b.track.split("/")[0]))
        if mmsi[0] == mmsi[1] or (a.lying and b.lying):
            return None
        if a.ship_type in exempt or b.ship_type in exempt:
            return None
        a, b = sorted((a, b))
        pair = f"{a.track}|{b.track}"
        run = runs.get(pair)
        if run is None or slot - run["last"] > 1 + self.parameters.skipped:
            run = runs[pair] = {
                "first": slot,
                "worst": 0.0,
                "sum": 0.0,
                "n": 0,
                "points": [],
                "told": 0,
            }
        run["last"] = slot
        run["worst"], run["n"] = max(run["worst"], round(far, 1)), run["n"] + 1
        run["sum"] += a.speed_mps + b.speed_mps
        run["points"] = list(dict.fromkeys([*run["points"], a.pid, b.pid]))[:60]
        seconds = (slot - run["first"]) * self.parameters.step_s
        if run["told"] or seconds < self.parameters.min_duration_s:
            return None
        run["told"] = 1
        return self._tell(run, slot, a, b, seconds)

    def _tell(self, run: State, slot: int, a: Spot, b: Spot, seconds: float) -> Event:
        p = self.parameters
        span = (int(run["first"]) * self._step_ms, slot * self._step_ms)
        mean = float(run["sum"]) / (2 * int(run["n"]))
        ids = [spot.track.split("/")[0] for spot in (a, b)]
        names = [spot.name or "-" for spot in (a, b)]
        evidence = Evidence(
            measures=(
                above("time_together", seconds, "s", p.min_duration_s),
                below("largest_distance", float(run["worst"]), "m", p.max_distance_m),
                below("mean_speed", mean, "m/s", p.max_speed_mps),
            ),
            points=tuple(run["points"]),
            quality={
                "subjects": sorted(ids),
                "names_sent": dict(zip(ids, names, strict=True)),
                "slots": int(run["n"]),
                "slots_missing": slot - int(run["first"]) + 1 - int(run["n"]),
            },
            doubts=_DOUBTS,
        )
        when, lasted = between(*span, self.references.zone), duration(seconds)
        middle = ((a.lon + b.lon) / 2, (a.lat + b.lat) / 2)
        where = place(*middle)
        sentence = Text(
            en=(
                f"Suspected meeting, possible transfer: {names[0]} (MMSI {ids[0]}) and {names[1]}"
                f" (MMSI {ids[1]}) were within {run['worst']:,.0f} m of each other for {lasted.en},"
                f" {when.en}, at {knots(mean)} on average, at {where.en}."
            ),
            zh=(
                f"疑似海上会船转载：{names[0]}（MMSI {ids[0]}）与{names[1]}（MMSI {ids[1]}）于"
                f"{when.zh}相距不超过{run['worst']:,.0f}米达{lasted.zh}，平均航速{knots(mean)}，"
                f"位置{where.zh}。"
            ),
        )
        point = shapely.Point(*middle)
        both = tuple(sorted(ids))
        pair = f"{a.track}|{b.track}"
        return self.event(both[0], span, point, p.confidence, evidence, sentence, both, pair)


class _Pairs:
    """Positions with a slot between them and the one before in their track.

    Attributes
    ----------
    places : of the positions, in the tracks' rows; shape (n,).
    before, after : columns `_PLACE` of the one before and the position itself.
    """

    def __init__(self, last: State, tracks: Tracks, step_ms: int) -> None:
        n, firsts, keys = len(tracks.rows), tracks.bounds[:-1], tracks.keys
        taken = [tracks.take(name) for name in _PLACE]
        held = [last.get(key) for key in keys]
        known = np.array([one is not None for one in held], bool)
        records = np.array([one for one in held if one is not None], np.float64)
        records = records.reshape(-1, len(_PLACE))
        # The last positions held of tracks stand behind those of the batch.
        before = np.arange(n) - 1
        before[firsts] = np.where(known, n + np.cumsum(known) - 1, firsts)
        columns = {
            name: np.append(values, records[:, k].astype(values.dtype))
            for k, (name, values) in enumerate(zip(_PLACE, taken, strict=True))
        }
        slots = columns["t"] // step_ms
        self.places = np.flatnonzero(slots[:n] > slots[before])
        self.before = {name: values[before[self.places]] for name, values in columns.items()}
        self.after = {name: values[self.places] for name, values in columns.items()}
        ends = (values[tracks.bounds[1:] - 1].tolist() for values in taken)
        last.update(zip(keys, map(list, zip(*ends, strict=True)), strict=True))


def _ends(columns: Columns, rows: Longs) -> Iterator[list[Any]]:
    """Whether lying, id, name and type of ship in rows, a list of each."""
    yield np.isin(columns["nav"][rows], LYING).tolist()
    yield columns["pid"][rows].tolist()
    _, one, number = np.unique(columns["version"][rows], return_index=True, return_inverse=True)
    said = columns["said"][rows[one]].tolist()
    for name, missing in (("name", ""), ("ship_type", 0)):
        values = [missing if own is None else getattr(own, name) for own in said]
        yield [values[n] for n in number.tolist()]


def _touches(spots: list[Any], held: int, within_m: float) -> list[tuple[int, int, float]]:
    """Pairs within a distance of which at least one is not held from before, in order of tracks."""
    if len(spots) < 2:
        return []
    xy = np.array([spot[1:3] for spot in spots])
    finite = np.isfinite(xy).all(axis=1)
    own = np.flatnonzero(finite)
    pairs = own[KDTree(xy[own]).query_pairs(within_m, output_type="ndarray")]
    pairs = pairs[pairs.max(axis=1, initial=-1) >= held]
    far = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    found = [(int(i), int(j), float(d)) for (i, j), d in zip(pairs, far, strict=True)]
    return sorted(found, key=lambda pair: sorted((spots[pair[0]][0], spots[pair[1]][0])))


_DOUBTS = (
    Text(
        en="Fishing boats work side by side, and gear marked by transponders may lie between them.",
        zh="渔船可能并排作业，其间可能有带信标的渔具。",
    ),
    Text(
        en="Rescue, pilotage and supply bring vessels together lawfully.",
        zh="救助、引航和补给亦会使船舶合法靠近。",
    ),
)
