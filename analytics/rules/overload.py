"""A truck weighed heavier than the limits for its axles and kind, whatever the instrument erred.

The mass divided by (1 + instrument error) is compared with the limit, so that nothing at or below
limit × (1 + error) is told; the same for each group of axles, with an error of its own. Limits are
dated tables in the declaration; a truck or group that a table has no row for is not judged, nor are
the axles of a record whose groups do not add up. One weighing is one event, whatever it breaks.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field, field_validator

from analytics.axles import DECIMALS, AxleTable, DatedTable, HeavyGroup, heavy_groups
from analytics.calendar import city_days, date_of, in_force
from analytics.event import Event, Evidence
from analytics.overload_evidence import Source, Weighing
from analytics.references import WimStation
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.truck_wording import registered
from layers.text import Text

Floats = npt.NDArray[np.float64]
_NEVER_JUDGED = float("inf")


class Limit(Parameters):
    """A limit of the gross mass.

    Attributes
    ----------
    axles : number of axles; ``or_more`` lets the row hold for higher numbers too.
    limit_kg : heaviest gross mass allowed.
    single_drive_kg : the same where the tractor has one drive axle; None where that makes no
        difference.
    """

    vehicle_kind: Literal["rigid", "combination"]
    axles: int = Field(ge=2, le=20)
    or_more: bool = False
    limit_kg: float = Field(gt=0)
    single_drive_kg: float | None = Field(default=None, gt=0)


class LimitTable(DatedTable):
    """Limits of the gross mass."""

    limits: tuple[Limit, ...] = Field(min_length=1)


_Table = TypeVar("_Table", bound=DatedTable)


class OverloadParameters(Parameters):
    """Parameters of `Overload`.

    Attributes
    ----------
    tables : dated limits; later ones win where they overlap.
    default_error_share : instrument error where neither record nor station gives one.
    consistency_share : largest difference between gross mass and sum of axles that raises no doubt.
    confidence : of a plain finding.
    axle_tables : the same for groups of axles.
    default_axle_error_share : the instrument's error for them, unless that of the gross mass is
        larger.
    confidence_axles : of a finding on axles alone.
    confidence_unverified : where the instrument's verification had run out.
    """

    tables: tuple[LimitTable, ...] = Field(min_length=1)
    default_error_share: float = Field(ge=0, lt=1)
    consistency_share: float = Field(default=0.05, ge=0)
    confidence: float = Field(default=0.95, ge=0, le=1)
    confidence_unverified: float = Field(default=0.5, ge=0, le=1)
    axle_tables: tuple[AxleTable, ...] = ()
    default_axle_error_share: float = Field(default=0.08, ge=0, lt=1)
    confidence_axles: float = Field(default=0.8, ge=0, le=1)

    @field_validator("tables", "axle_tables")
    @classmethod
    def _in_order(cls, value: tuple[_Table, ...]) -> tuple[_Table, ...]:
        return tuple(sorted(value, key=lambda table: table.in_force_from))


@register
class Overload(Rule):
    """See the module."""

    kind = "overload"
    feed = "weighing"
    title = Text(en="Overload decision", zh="超限超载判定")
    parameters_model = OverloadParameters

    def start(self) -> State:
        """No truck weighed."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take weighing records in (see `analytics.feeds`)."""
        if not rows(columns):
            return []
        days = city_days(columns["t"], self.references.zone)
        limits, table = self._limits(columns, days)
        error = self._errors(columns)
        axle_error = self._axle_errors(error)
        heavy = heavy_groups(self.parameters.axle_tables, columns, days, axle_error)
        beyond = np.round(columns["gross_kg"] / (1 + error) - limits, DECIMALS) > 0
        told = beyond.copy()
        told[[*heavy]] = True
        found: list[Event] = []
        for i in np.flatnonzero(told & self.applies(days)).tolist():
            plate, t = str(columns["mover"][i]), int(columns["t"][i])
            if state["last"].get(plate) == t:
                # One truck can't be on two scales at once: a weighing under a second record id.
                continue
            state["last"][plate] = t
            weighing = Weighing(
                columns=columns,
                row=i,
                station=self._station(str(columns["station_id"][i])),
                limit_kg=None if limits[i] == _NEVER_JUDGED else float(limits[i]),
                error=float(error[i]),
                axle_error=float(axle_error[i]),
                law=_source(self.parameters.tables[int(table[i])]) if beyond[i] else None,
                axle_law=self._axle_law(heavy.get(i, ())),
                groups=heavy.get(i, ()),
            )
            found.append(self._tell(weighing))
        return found

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget weighings that no later record can repeat."""
        state["last"] = {p: t for p, t in state["last"].items() if t >= watermark_ms}
        return []

    def _limits(
        self, columns: Columns, days: npt.NDArray[np.int64]
    ) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Limit of each record (inf where there is none) and number of the table it is from."""
        limits = np.full(len(days), _NEVER_JUDGED)
        table = np.zeros(len(days), np.int64)
        axles, kind = columns["axles"], columns["vehicle_kind"]
        for number, dated in enumerate(self.parameters.tables):
            held = in_force(days, dated.in_force_from, dated.in_force_to)
            limits[held], table[held] = _NEVER_JUDGED, number
            for row in sorted(dated.limits, key=lambda limit: limit.axles):
                meant = (axles >= row.axles) if row.or_more else (axles == row.axles)
                meant = meant & held & (kind == row.vehicle_kind)
                limits[meant] = row.limit_kg
                if row.single_drive_kg is not None:
                    limits[meant & columns["single_drive_axle"]] = row.single_drive_kg
        return limits, table

    def _errors(self, columns: Columns) -> Floats:
        """Larger of the record's and the station's error: doubt is in the truck's favour."""
        stations = self.references.stations
        known = {s: station.error_share for s, station in stations.items()}
        declared = [known.get(str(s)) for s in columns["station_id"]]
        own = np.array([np.nan if e is None else e for e in declared], np.float64)
        error = np.fmax(columns["error_share"], own)
        return np.where(np.isnan(error), self.parameters.default_error_share, error)

    def _axle_errors(self, error: Floats) -> Floats:
        """Errors of groups of axles: never smaller than that of the gross mass."""
        return np.asarray(np.maximum(error, self.parameters.default_axle_error_share))

    def _station(self, name: str) -> WimStation:
        return self.references.stations.get(name) or WimStation(name)

    def _axle_law(self, groups: tuple[HeavyGroup, ...]) -> Source | None:
        return _source(self.parameters.axle_tables[groups[0].table]) if groups else None

    def _tell(self, weighing: Weighing) -> Event:
        p, t = self.parameters, int(weighing.value("t"))
        until = weighing.station.verify_until
        day = date_of(int(city_days(np.array([t], np.int64), self.references.zone)[0]))
        expired = until if until is not None and day > until else None
        sure = p.confidence if weighing.over else p.confidence_axles
        evidence = Evidence(
            measures=weighing.measures(),
            points=(str(weighing.value("record_id")),),
            references=(
                *weighing.references(),
                *registered(self.references, str(weighing.value("mover")), t),
            ),
            quality=weighing.quality(),
            doubts=weighing.doubts(p.consistency_share, expired),
        )
        return self.event(
            str(weighing.value("mover")),
            (t, t),
            shapely.Point(float(weighing.value("lon")), float(weighing.value("lat"))),
            sure if expired is None else min(sure, p.confidence_unverified),
            evidence,
            weighing.sentence(self.references.zone),
        )


def _source(table: DatedTable) -> Source:
    return Source(table.source, table.in_force_from, table.in_force_to)
