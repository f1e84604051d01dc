"""What an overload tells: numbers against limits, doubts, and a sentence in two languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.axles import NAMES, HeavyGroup, adds_up, read_groups
from analytics.calendar import local_time, utc_offset
from analytics.event import Measure
from analytics.references import WimStation
from analytics.rule import Columns, as_float
from analytics.wording import kilograms
from layers.text import Text

_KINDS_ZH = {"rigid": "单体货车", "combination": "汽车列车"}


@dataclass(frozen=True)
class Source:
    """A law or standard with the days it is in force."""

    title: Text
    in_force_from: date
    in_force_to: date | None

    def reference(self, **limits: float) -> dict[str, Any]:
        """How evidence cites it, with the limits used."""
        return {
            "layer": "",
            "id": self.title.en,
            "id_zh": self.title.zh,
            "version": self.in_force_from.isoformat(),
            "in_force_to": None if self.in_force_to is None else self.in_force_to.isoformat(),
            **limits,
        }


@dataclass(frozen=True)
class Weighing:
    """A weighing that breaks a limit.

    Attributes
    ----------
    columns, row : of the feed ``weighing``.
    limit_kg : of the gross mass; None where no table has one for this truck.
    error, axle_error : shares of the mass by which gross mass and groups may err.
    law, axle_law : where the limits are from; None where no limit of that kind is told.
    groups : axle groups above their limits.
    """

    columns: Columns
    row: int
    station: WimStation
    limit_kg: float | None
    error: float
    axle_error: float
    law: Source | None
    axle_law: Source | None
    groups: tuple[HeavyGroup, ...]

    def value(self, name: str) -> Any:
        """A value of the record."""
        return self.columns[name][self.row]

    @property
    def gross_kg(self) -> float:
        """Gross mass as weighed."""
        return float(self.value("gross_kg"))

    @property
    def least_kg(self) -> float:
        """Gross mass less the instrument's error."""
        return self.gross_kg / (1 + self.error)

    @property
    def over(self) -> bool:
        """Whether the gross mass is told to be above its limit."""
        return self.law is not None

    def measures(self) -> tuple[Measure, ...]:
        """Gross mass, then the groups."""
        told = [Measure("gross_mass", self.gross_kg, "kg")]
        if self.limit_kg is not None:
            least, limit = self.least_kg, self.limit_kg
            told.append(_above("gross_mass_less_error", least, limit))
            if self.over:
                told.append(Measure("share_over_limit", round((least / limit - 1) * 100, 2), "%"))
        for group in self.groups:
            name = f"axle_group_{group.number}"
            told.append(Measure(f"{name}_mass", group.mass_kg, "kg"))
            told.append(_above(f"{name}_mass_less_error", group.least_kg, group.limit_kg))
        return tuple(told)

    def references(self) -> tuple[dict[str, Any], ...]:
        """The station and what the limits are from."""
        cited = [self.station.reference()]
        if self.law is not None and self.limit_kg is not None:
            cited.append(self.law.reference(limit_kg=self.limit_kg))
        if self.axle_law is not None:
            limits = {f"limit_group_{g.number}_kg": g.limit_kg for g in self.groups}
            cited.append(self.axle_law.reference(**limits))
        return tuple(cited)

    def quality(self) -> dict[str, Any]:
        """What is known of the record, and whether its axles could be judged."""
        return {
            "instrument_error_share": self.error,
            "axle_error_share": self.axle_error,
            "axles": int(self.value("axles")),
            "vehicle_kind": str(self.value("vehicle_kind")),
            "single_drive_axle": bool(self.value("single_drive_axle")),
            "axle_sum_kg": as_float(self.value("axle_sum_kg")),
            "axle_groups": str(self.value("axle_groups")) or None,
            "axle_judgement": self._axle_judgement(),
            "image_ref": str(self.value("image_ref")) or None,
        }

    def _axle_judgement(self) -> str:
        text, masses = str(self.value("axle_groups")), self.value("axle_masses_kg")
        groups = read_groups(text)
        if not groups:
            return "left out: the record tells no groups"
        if not adds_up(groups, masses):
            return f"left out: {sum(groups)} axles in the groups, {len(masses)} were weighed"
        return "made"

    def sentence(self, zone: str) -> Text:
        """Who, when, where, which number against which limit."""
        t, plate, axles = int(self.value("t")), str(self.value("mover")), int(self.value("axles"))
        at, offset, kind = local_time(t, zone), utc_offset(t, zone), str(self.value("vehicle_kind"))
        station, record = str(self.value("station_id")), str(self.value("record_id"))
        gross, parts = kilograms(self.gross_kg), self._parts()
        what = (
            Text(en="Suspected overload", zh="疑似超限超载") if self.over
            else Text(en="Suspected overload of axles", zh="疑似轴荷超限")
        )  # fmt: skip
        kind_zh = _KINDS_ZH.get(kind, kind)
        return Text(
            en=(
                f"{what.en}: {plate}, {axles}-axle {kind}, weighed {gross} at station {station},"
                f" {at} ({offset}); {'; '.join(part.en for part in parts)}; record {record}."
            ),
            zh=(
                f"{what.zh}：{plate}（{axles}轴{kind_zh}）于{at}（{offset}）在检测点{station}"
                f"称重{gross}，{'；'.join(part.zh for part in parts)}；记录号{record}。"
            ),
        )

    def _parts(self) -> list[Text]:
        parts = [self._gross()]
        if self.axle_law is None:
            return parts
        text, law = str(self.value("axle_groups")), self.axle_law.title
        for group in self.groups:
            name = NAMES[group.kind]
            mass, least = kilograms(group.mass_kg), kilograms(group.least_kg)
            beyond, limit = group.least_kg - group.limit_kg, kilograms(group.limit_kg)
            parts.append(
                Text(
                    en=(
                        f"axle group {group.number} of {text} ({name.en}) weighed {mass}, less the"
                        f" error of {self.axle_error:.1%} {least}, {beyond:,.1f} kg above the limit"
                        f" of {limit} ({law.en})"
                    ),
                    zh=(
                        f"第{group.number}轴组（{text}，{name.zh}）{mass}，扣除误差"
                        f"{self.axle_error:.1%}后为{least}，超出限值{limit}（{law.zh}）"
                        f"{beyond:,.1f} kg"
                    ),
                )
            )
        return parts

    def _gross(self) -> Text:
        if self.limit_kg is None:
            return Text(en="its gross mass is not judged", zh="总质量未予判定")
        limit = kilograms(self.limit_kg)
        if self.law is None:
            return Text(
                en=f"its gross mass is not above the limit of {limit} by more than the error",
                zh=f"扣除误差后总质量未超过限值{limit}",
            )
        least, over = kilograms(self.least_kg), self.least_kg - self.limit_kg
        return Text(
            en=(
                f"less the instrument error of {self.error:.1%} this is {least}, {over:,.1f} kg"
                f" above the limit of {limit} ({self.law.title.en})"
            ),
            zh=(
                f"扣除仪器误差{self.error:.1%}后为{least}，"
                f"超出限值{limit}（{self.law.title.zh}）{over:,.1f} kg"
            ),
        )

    def doubts(self, consistency_share: float, expired_on: date | None) -> tuple[Text, ...]:
        """What could make it wrong, the gravest first.

        Parameters
        ----------
        consistency_share : largest difference of gross mass and sum of axles that raises no doubt.
        expired_on : last day of the instrument's verification, where that had run out.
        """
        doubts = [_UNKNOWN] + ([_AXLES] if self.groups else [])
        axle_sum = float(self.value("axle_sum_kg"))
        if abs(axle_sum - self.gross_kg) > consistency_share * self.gross_kg:
            whole, parts = kilograms(self.gross_kg), kilograms(axle_sum)
            doubts.insert(
                0,
                Text(
                    en=f"The axles weigh {parts} together, not {whole}.",
                    zh=f"各轴轴重合计{parts}，与总质量{whole}不符。",
                ),
            )
        if expired_on is not None:
            until = expired_on.isoformat()
            doubts.insert(
                0,
                Text(
                    en=f"The instrument's verification was valid until {until} only.",
                    zh=f"检测设备检定有效期至{until}，已过期。",
                ),
            )
        return tuple(doubts)


def _above(name: str, value: float, limit: float) -> Measure:
    return Measure(name, round(value, 1), "kg", limit, round(value - limit, 1))


_UNKNOWN = Text(
    en="Registered mass, special transport permits and tyre kinds are not known here.",
    zh="未掌握核定总质量、超限运输许可及轮胎型式。",
)
_AXLES = Text(
    en="Axle masses sway while a truck moves; distance of axles, tyres and air suspension, which"
    " some limits depend on, are not known here.",
    zh="行驶中轴荷会波动；部分限值取决于轴距、轮胎与空气悬架，此处均未掌握。",
)
