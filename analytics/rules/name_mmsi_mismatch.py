"""A fishing boat sends a registered name under an MMSI that the register gives to another.

One event for each MMSI, name and day of the city, at the first position of that day under the name.
A name that no register knows is the business of `unregistered_vessel`; an entry without MMSI says
nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day, city_days
from analytics.event import Comparison, Event, Evidence
from analytics.names import Names, NameTables
from analytics.preparation.statics import Statics
from analytics.references import RegisterEntry
from analytics.register_on import RegistersByDay
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.vessel_wording import told, who
from analytics.vessels import Fix, fix_at
from analytics.wording import place
from layers.text import Text

_DAY_MS = 86_400_000


class NameMmsiMismatchParameters(Parameters):
    """See the module; ``names`` are the tables about names."""

    names: NameTables
    confidence: float = Field(default=0.8, ge=0, le=1)


@register
class NameMmsiMismatch(Rule):
    """See the module."""

    kind = "name_mmsi_mismatch"
    feed = "ais"
    title = Text(en="Registered name under another MMSI", zh="船名与登记MMSI不符")
    parameters_model = NameMmsiMismatchParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._names = Names.under(self.parameters.names)
        self._registers = RegistersByDay(self.references, self._names)

    def start(self) -> State:
        """Nothing told."""
        return {"raised": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        rows = np.flatnonzero(columns["turn"])
        days = city_days(columns["t"][rows], self.references.zone)
        # Who goes on saying the same on a day is told once, or never.
        version = columns["version"][rows]
        new = np.append(True, (version[1:] != version[:-1]) | (days[1:] != days[:-1]))[: len(rows)]
        rows, days = rows[new], days[new]
        counts = self.applies(days)
        events = []
        for row, day, counted in zip(rows.tolist(), days.tolist(), counts.tolist(), strict=True):
            said: Statics | None = columns["said"][row]
            if said is None or not counted or not self._names.claims_fishing(said.name):
                continue
            mmsi = str(columns["mover"][row])
            name = "|".join(self._names.keys(said.name))
            raised = state["raised"].setdefault(mmsi, {})
            entry = self._other(said, mmsi, day) if raised.get(name) != day else None
            if entry is not None:
                raised[name] = day
                events.append(self._tell(mmsi, said, entry, fix_at(columns, row), day))
            if not raised:
                del state["raised"][mmsi]
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget the days that are over."""
        if watermark_ms >= 2**61:
            state["raised"].clear()
            return []
        since = city_day(watermark_ms - _DAY_MS, self.references.zone)
        for mmsi, raised in list(state["raised"].items()):
            kept = {name: day for name, day in raised.items() if day >= since}
            state["raised"][mmsi] = kept
            if not kept:
                del state["raised"][mmsi]
        return []

    def _other(self, said: Statics, mmsi: str, day: int) -> RegisterEntry | None:
        """The entry of the name, where it has an MMSI and that is another one."""
        index = self._registers.on(day)
        for key in self._names.keys(said.name):
            entry = index.by_name(key)
            if entry is not None and entry.mmsi:
                return None if entry.mmsi == mmsi else entry
        return None

    def _tell(self, mmsi: str, said: Statics, entry: RegisterEntry, fix: Fix, day: int) -> Event:
        index = self._registers.on(day)
        owner = index.by_mmsi(mmsi)
        version = index.register.version
        entries = [entry] if owner is None else [entry, owner]
        evidence = Evidence(
            points=(said.pid, fix.pid),
            references=tuple(
                {
                    "layer": "vessel_registry",
                    "id": one.registry_id,
                    "version": version,
                    "mmsi": one.mmsi,
                }
                for one in entries
            ),
            quality=told(said),
            comparisons=(
                Comparison("mmsi", mmsi, entry.mmsi, True),
                Comparison(
                    "registered_name_of_mmsi",
                    "-" if owner is None else owner.name_pinyin or owner.name_zh,
                    said.name,
                    None if owner is None else True,
                ),
                Comparison(
                    "callsign",
                    said.callsign or "-",
                    entry.callsign or "-",
                    said.callsign != entry.callsign if said.callsign and entry.callsign else None,
                ),
            ),
            doubts=_DOUBTS,
        )
        name, where = who(said, mmsi), place(fix.lon, fix.lat)
        sentence = Text(
            en=(
                f"Suspected use of another's name: {name.en} at {where.en}; the register has that"
                f" name with MMSI {entry.mmsi} (entry {entry.registry_id}, version {version})."
            ),
            zh=(
                f"疑似套用船名：{name.zh}，位置{where.zh}；登记册中该船名对应MMSI {entry.mmsi}"
                f"（登记编号{entry.registry_id}，版本{version}）。"
            ),
        )
        point = shapely.Point(fix.lon, fix.lat)
        return self.event(
            mmsi, (fix.t, fix.t), point, self.parameters.confidence, evidence, sentence
        )


_DOUBTS = (
    Text(
        en="The register may not know that the boat has a new transponder.",
        zh="船舶更换设备后登记册可能尚未更新。",
    ),
    Text(
        en="Name and MMSI are entered by hand and may be mistyped.",
        zh="船名与MMSI由人工录入，可能有误。",
    ),
)
