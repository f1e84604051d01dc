"""A truck weighed heavier than the limit for its axles and kind, whatever the instrument erred.

The mass divided by (1 + instrument error) is compared with the limit, so that nothing at or below
limit × (1 + error) is told. Limits are a dated table in the declaration; a truck that the table has
no row for is not judged.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field, field_validator

from analytics.calendar import city_days, date_of, in_force, local_time, utc_offset
from analytics.event import Event, Evidence, Measure
from analytics.references import WimStation
from analytics.rule import Columns, Parameters, Rule, State, as_float, register, rows
from analytics.wording import kilograms
from layers.text import Text

Floats = npt.NDArray[np.float64]
# Masses are told in whole kilograms; a millionth of one is arithmetic.
_DECIMALS = 6
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


class LimitTable(Parameters):
    """Limits in force between two days, both included.

    Attributes
    ----------
    source : law or standard, as quoted in evidence.
    """

    in_force_from: date
    in_force_to: date | None = None
    source: Text
    limits: tuple[Limit, ...] = Field(min_length=1)


class OverloadParameters(Parameters):
    """Parameters of `Overload`.

    Attributes
    ----------
    tables : dated limits; later ones win where they overlap.
    default_error_share : instrument error where neither record nor station gives one.
    consistency_share : largest difference between gross mass and sum of axles that raises no doubt.
    confidence : of a plain finding.
    confidence_unverified : where the instrument's verification had run out.
    """

    tables: tuple[LimitTable, ...] = Field(min_length=1)
    default_error_share: float = Field(ge=0, lt=1)
    consistency_share: float = Field(default=0.05, ge=0)
    confidence: float = Field(default=0.95, ge=0, le=1)
    confidence_unverified: float = Field(default=0.5, ge=0, le=1)

    @field_validator("tables")
    @classmethod
    def _in_order(cls, value: tuple[LimitTable, ...]) -> tuple[LimitTable, ...]:
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
        least = columns["gross_kg"] / (1 + error)
        beyond = np.round(least - limits, _DECIMALS) > 0
        found: list[Event] = []
        for i in np.flatnonzero(beyond & self.applies(days)).tolist():
            plate, t = str(columns["mover"][i]), int(columns["t"][i])
            if state["last"].get(plate) == t:
                # One truck can't be on two scales at once: a weighing under a second record id.
                continue
            state["last"][plate] = t
            used = self.parameters.tables[int(table[i])]
            found.append(self._tell(columns, i, float(limits[i]), float(error[i]), used))
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

    def _tell(
        self, columns: Columns, i: int, limit: float, error: float, table: LimitTable
    ) -> Event:
        gross, t = float(columns["gross_kg"][i]), int(columns["t"][i])
        station = self.references.stations.get(str(columns["station_id"][i]))
        station = station or WimStation(str(columns["station_id"][i]))
        least = gross / (1 + error)
        doubts = self._doubts(columns, i, station)
        evidence = Evidence(
            measures=(
                Measure("gross_mass", gross, "kg"),
                Measure(
                    "gross_mass_less_error", round(least, 1), "kg", limit, round(least - limit, 1)
                ),
                Measure("share_over_limit", round((least / limit - 1) * 100, 2), "%"),
            ),
            points=(str(columns["record_id"][i]),),
            references=(station.reference(), _law(table, limit)),
            quality=self._quality(columns, i, error),
            doubts=doubts,
        )
        expired = self._expired(t, station)
        sure = self.parameters.confidence_unverified if expired else self.parameters.confidence
        at = shapely.Point(float(columns["lon"][i]), float(columns["lat"][i]))
        sentence = self._sentence(columns, i, limit, error, table)
        return self.event(str(columns["mover"][i]), (t, t), at, sure, evidence, sentence)

    def _expired(self, t: int, station: WimStation) -> bool:
        day = city_days(np.array([t], np.int64), self.references.zone)[0]
        return station.verify_until is not None and date_of(int(day)) > station.verify_until

    def _quality(self, columns: Columns, i: int, error: float) -> dict[str, Any]:
        return {
            "instrument_error_share": error,
            "axles": int(columns["axles"][i]),
            "vehicle_kind": str(columns["vehicle_kind"][i]),
            "single_drive_axle": bool(columns["single_drive_axle"][i]),
            "axle_sum_kg": as_float(columns["axle_sum_kg"][i]),
            "image_ref": str(columns["image_ref"][i]) or None,
        }

    def _doubts(self, columns: Columns, i: int, station: WimStation) -> tuple[Text, ...]:
        doubts = [
            Text(
                en="Registered mass, special transport permits and tyre kinds are not known here.",
                zh="未掌握核定总质量、超限运输许可及轮胎型式。",
            )
        ]
        gross, axle_sum = float(columns["gross_kg"][i]), float(columns["axle_sum_kg"][i])
        if abs(axle_sum - gross) > self.parameters.consistency_share * gross:
            doubts.insert(
                0,
                Text(
                    en=f"The axles weigh {kilograms(axle_sum)} together, not {kilograms(gross)}.",
                    zh=f"各轴轴重合计{kilograms(axle_sum)}，与总质量{kilograms(gross)}不符。",
                ),
            )
        if self._expired(int(columns["t"][i]), station):
            until = "" if station.verify_until is None else station.verify_until.isoformat()
            doubts.insert(
                0,
                Text(
                    en=f"The instrument's verification was valid until {until} only.",
                    zh=f"检测设备检定有效期至{until}，已过期。",
                ),
            )
        return tuple(doubts)

    def _sentence(
        self, columns: Columns, i: int, limit: float, error: float, table: LimitTable
    ) -> Text:
        zone = self.references.zone
        t, gross = int(columns["t"][i]), float(columns["gross_kg"][i])
        plate, axles = str(columns["mover"][i]), int(columns["axles"][i])
        at, offset = local_time(t, zone), utc_offset(t, zone)
        kind = str(columns["vehicle_kind"][i])
        kind_zh = {"rigid": "单体货车", "combination": "汽车列车"}[kind]
        least = kilograms(gross / (1 + error))
        over = gross / (1 + error) - limit
        station, record = str(columns["station_id"][i]), str(columns["record_id"][i])
        return Text(
            en=(
                f"Suspected overload: {plate}, {axles}-axle {kind}, weighed {kilograms(gross)} at"
                f" station {station}, {at} ({offset}); less the instrument error of {error:.1%}"
                f" this is {least}, {over:,.1f} kg above the limit of"
                f" {kilograms(limit)} ({table.source.en}); record {record}."
            ),
            zh=(
                f"疑似超限超载：{plate}（{axles}轴{kind_zh}）于{at}（{offset}）在检测点{station}"
                f"称重{kilograms(gross)}，扣除仪器误差{error:.1%}后为{least}，"
                f"超出限值{kilograms(limit)}（{table.source.zh}）{over:,.1f} kg；记录号{record}。"
            ),
        )


def _law(table: LimitTable, limit: float) -> dict[str, Any]:
    until = None if table.in_force_to is None else table.in_force_to.isoformat()
    return {
        "layer": "",
        "id": table.source.en,
        "id_zh": table.source.zh,
        "version": table.in_force_from.isoformat(),
        "in_force_to": until,
        "limit_kg": limit,
    }
