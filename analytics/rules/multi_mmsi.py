"""One hull sends under several MMSIs: a call sign or IMO number comes under two within a day.

What is compared is what cannot well belong to two: the IMO number with a right check digit (IMO
resolution A.1117(30)), and a call sign of the declared form. One event for each pair of MMSIs and
day of the city; its subject is the one heard later, since that is the new one, and both are named.
Whether one hull can have been at both places is told, not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field, field_validator

from analytics.calendar import city_days
from analytics.event import Event, Evidence, Measure, above
from analytics.preparation.statics import Statics
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Longs, distance_m
from analytics.vessel_wording import told, who
from analytics.vessels import Fix, fix_at, fixes_at
from analytics.wording import place
from layers.text import Text


class MultiMmsiParameters(Parameters):
    """See the module.

    Attributes
    ----------
    callsign_pattern : a call sign that says anything matches it as a whole.
    max_speed_mps : faster than that no hull goes from one place to the other.
    """

    window_s: float = Field(default=86_400, gt=0)
    callsign_pattern: str = "[A-Z0-9]*[A-Z][A-Z0-9]*[1-9][A-Z0-9]*"
    min_callsign: int = Field(default=4, ge=1)
    max_speed_mps: float = Field(default=31, gt=0)
    confidence: float = Field(default=0.8, ge=0, le=1)

    @field_validator("callsign_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as failure:
            raise ValueError(f"not a regular expression: {value!r} ({failure})") from failure
        return value


@register
class MultiMmsi(Rule):
    """See the module."""

    kind = "multi_mmsi"
    feed = "ais"
    title = Text(en="Several MMSIs on one hull", zh="一船多码")
    parameters_model = MultiMmsiParameters
    compares = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._callsign = re.compile(self.parameters.callsign_pattern)

    def start(self) -> State:
        """Nothing said. By key (call sign or IMO number) the last position of each MMSI."""
        return {"keys": {}, "raised": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in; in the order of time, since it compares vessels."""
        rows = np.flatnonzero(columns["turn"])
        days = city_days(columns["t"][rows], self.references.zone)
        counts = self.applies(days)
        turns = _Turns(columns, rows[counts], days[counts], self._keys)
        apart, together = turns.split(state["keys"])
        for key, mmsi, heard in apart:
            state["keys"].setdefault(key, {})[mmsi] = heard
        events = []
        # Rows of this batch stand for what was heard until it is asked for, or the batch ends.
        touched: dict[str, State] = {}
        for when, mmsi, row, day, keys in together:
            said: Statics = columns["said"][row]
            for key in keys:
                heard = touched[key] = state["keys"].setdefault(key, {})
                others = heard.keys() - {mmsi} if len(heard) > (mmsi in heard) else ()
                for other in sorted(others):
                    last = heard[other] = _heard(columns, heard[other])
                    pair = "|".join(sorted((mmsi, other)))
                    fresh = when - last[0] <= self.parameters.window_s * 1000
                    if not fresh or state["raised"].get(pair) == day:
                        continue
                    state["raised"][pair] = day
                    fix = fix_at(columns, row)
                    events.append(self._tell(key, mmsi, said, fix, other, last))
                heard[mmsi] = row
        for heard in touched.values():
            heard.update([(mmsi, _heard(columns, last)) for mmsi, last in heard.items()])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what is older than the window."""
        oldest = watermark_ms - self.parameters.window_s * 1000
        for key, heard in list(state["keys"].items()):
            old = [mmsi for mmsi, last in heard.items() if last[0] < oldest]
            if len(old) == len(heard):
                del state["keys"][key]
            for mmsi in old:
                del heard[mmsi]
        return []

    def _keys(self, said: Statics | None) -> list[str]:
        if said is None:
            return []
        callsign = said.callsign.strip().upper()
        keys = [f"IMO {said.imo}"] if is_imo(said.imo) else []
        if len(callsign) >= self.parameters.min_callsign and self._callsign.fullmatch(callsign):
            keys.append(f"call sign {callsign}")
        return keys

    def _tell(
        self, key: str, mmsi: str, said: Statics, fix: Fix, other: str, last: Sequence[Any]
    ) -> Event:
        p, before = self.parameters, Fix(*last[:6])
        far, seconds = distance_m(before, fix), (fix.t - before.t) / 1000
        speed = far / seconds if seconds > 0 else (float("inf") if far > 100 else 0.0)
        fast = speed > p.max_speed_mps
        measures = [
            above("time_between", seconds, "s", 0.0),
            Measure("distance", round(far, 1), "m"),
        ]
        if seconds > 0:
            measures.append(above("implied_speed", speed, "m/s", p.max_speed_mps))
        evidence = Evidence(
            measures=tuple(measures),
            points=(before.pid, said.pid, fix.pid),
            quality={
                **told(said),
                "subjects": sorted((mmsi, other)),
                "shared": key,
                "name_under_other": last[6] or None,
            },
            doubts=_DOUBTS,
        )
        name, where = who(said, mmsi), place(fix.lon, fix.lat)
        told_zh = key.replace("call sign", "呼号")
        sentence = Text(
            en=(
                f"Suspected second MMSI of one hull: {name.en} at {where.en} sends {key}, as MMSI"
                f" {other} did {seconds / 60:,.0f} min before, {far / 1000:,.1f} km away"
                + ("; no vessel is that fast: one of the two is not the hull." if fast else ".")
            ),
            zh=(
                f"疑似一船多码：{name.zh}（{where.zh}）发送的{told_zh}，{seconds / 60:,.0f}分钟前由"
                f"MMSI {other}在{far / 1000:,.1f}公里外发送"
                + ("；航速不可能达到，两者之一并非该船。" if fast else "。")
            ),
        )
        span = (min(before.t, fix.t), fix.t)
        point = shapely.Point(fix.lon, fix.lat)
        both = tuple(sorted((mmsi, other)))
        apart = f"{other}|{fix.t}"
        return self.event(mmsi, span, point, p.confidence, evidence, sentence, both, apart)


class _Turns:
    """Positions of a batch at which vessels are looked at, by version of the static data.

    Parameters
    ----------
    rows, days : of the positions, and their days.
    keys_of : keys of static data.
    """

    def __init__(
        self, columns: Columns, rows: Longs, days: Longs, keys_of: Callable[[Any], list[str]]
    ) -> None:
        self._columns, self._rows, self._days = columns, rows, days
        numbers = columns["version"][rows]
        _, first, self._version = np.unique(numbers, return_index=True, return_inverse=True)
        self._movers: list[str] = columns["mover"][rows[first]].tolist()
        self._said: list[Statics] = columns["said"][rows[first]].tolist()
        self._keys = [keys_of(said) for said in self._said]

    def split(
        self, held: State
    ) -> tuple[Iterator[tuple[str, str, Any]], list[tuple[int, str, int, int, list[str]]]]:
        """What needs no comparison, since no other MMSI has a key of the vessel; and the others.

        Parameters
        ----------
        held : what was heard before, by key and MMSI.

        Returns
        -------
        of the ones key, MMSI and the last position in this batch, in the order of time; of the
        others, sorted, time, MMSI, row, day and keys of every position.
        """
        senders: dict[str, set[str]] = {}
        for mmsi, keys in zip(self._movers, self._keys, strict=True):
            for key in keys:
                senders.setdefault(key, set(held.get(key, ()))).add(mmsi)
        shared = {mmsi for own in senders.values() if len(own) > 1 for mmsi in own}
        compared = np.array([mmsi in shared for mmsi in self._movers], bool)
        return self._apart(np.flatnonzero(~compared)), self._together(compared)

    def _apart(self, versions: Longs) -> Iterator[tuple[str, str, Any]]:
        last = np.zeros(len(self._keys), np.int64)
        # Of positions of one version the last stays.
        last[self._version] = self._rows
        fixes = fixes_at(self._columns, last[versions])
        for version, fix in zip(versions.tolist(), fixes, strict=True):
            for key in self._keys[version]:
                yield key, self._movers[version], (*fix, self._said[version].name)

    def _together(self, compared: npt.NDArray[np.bool_]) -> list[Any]:
        chosen = np.flatnonzero(compared[self._version])
        rows, versions = self._rows[chosen], self._version[chosen].tolist()
        t, days = self._columns["t"][rows].tolist(), self._days[chosen].tolist()
        movers, keys = [self._movers[k] for k in versions], [self._keys[k] for k in versions]
        return sorted(zip(t, movers, rows.tolist(), days, keys, strict=True))


def _heard(columns: Columns, last: Any) -> Sequence[Any]:
    """What is kept of a row of a batch: its position and the name; else what was kept."""
    return (*fix_at(columns, last), columns["said"][last].name) if isinstance(last, int) else last


def is_imo(number: int) -> bool:
    """Whether a number is an IMO ship number: seven digits, the last one checks the others."""
    digits = [int(digit) for digit in str(number)]
    if len(digits) != 7:
        return False
    return sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=False)) % 10 == digits[6]


_DOUBTS = (
    Text(
        en="A ship may lawfully carry two transponders, or have got a new number that day.",
        zh="船舶可能合法配备两台设备，或当日更换了码号。",
    ),
    Text(
        en="Call signs and IMO numbers are entered by hand and may be mistyped.",
        zh="呼号与IMO编号由人工录入，可能有误。",
    ),
)
