"""What a rule finds: an event with evidence that anyone can check."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import orjson
import pandas as pd
import shapely

from layers.text import Text

# Namespace of event ids: uuid5 of the platform's name.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.event")


@dataclass(frozen=True)
class Measure:
    """One number against one limit.

    Attributes
    ----------
    name : what was measured, such as ``gross_mass``.
    value, limit : in ``unit``.
    unit : UCUM code.
    margin : how far beyond the limit, signed so that positive means "beyond".
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    margin: float | None = None


def above(name: str, value: float, unit: str, limit: float) -> Measure:
    """A number that is beyond its limit when it is larger; three decimals."""
    return Measure(name, round(value, 3), unit, limit, round(value - limit, 3))


def below(name: str, value: float, unit: str, limit: float) -> Measure:
    """A number that is beyond its limit when it is smaller; three decimals."""
    return Measure(name, round(value, 3), unit, limit, round(limit - value, 3))


@dataclass(frozen=True)
class Comparison:
    """One check of many that an event tells of, also where it found nothing.

    Attributes
    ----------
    check : what was looked at, such as ``destination``.
    found, against : the two sides, in words.
    notable : whether it speaks for the finding; None where one side is not known.
    """

    check: str
    found: str
    against: str
    notable: bool | None


@dataclass(frozen=True)
class Evidence:
    """What an event rests on.

    Attributes
    ----------
    measures : numbers against limits.
    points : ids of the fixes or records, in order of time.
    references : register entries, zones, permits, stations: each with its ``layer``, ``id`` and
        ``version``.
    quality : what is known of the data (fixes an hour, worst gap, instrument error …).
    doubts : what could make the finding wrong, in words.
    comparisons : what was held against what, and whether the result is notable; None where it could
        not be compared.
    """

    measures: tuple[Measure, ...] = ()
    points: tuple[str, ...] = ()
    references: tuple[dict[str, Any], ...] = ()
    quality: dict[str, Any] = field(default_factory=dict)
    doubts: tuple[Text, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, in a fixed order."""
        return {
            "measures": [
                {k: v for k, v in vars(m).items() if v is not None} for m in self.measures
            ],
            "points": list(self.points),
            "references": list(self.references),
            "quality": self.quality,
            "doubts": [{"en": d.en, "zh": d.zh} for d in self.doubts],
            "comparisons": [vars(comparison) for comparison in self.comparisons],
        }


@dataclass(frozen=True)
class Event:
    """One finding of one rule on one subject.

    Attributes
    ----------
    rule, rule_version : the declaration that found it.
    event_type : code of the city's table.
    subject : who, such as an MMSI or a plate; ``subjects`` names all where there are more.
    start_ms, end_ms : UTC in ms since 1970.
    geometry : where, EPSG:4326.
    severity : minor, moderate, severe or extreme.
    confidence : 0–1.
    sentence : the finding in words: rule, number, limit.
    departments : who handles it, lead first.
    apart : tells it from events of the same rule, subject and start, where there can be some.
    open : told while it lasts; the event of the same id that tells its end takes its place.
    """

    rule: str
    rule_version: str
    event_type: str
    subject: str
    start_ms: int
    end_ms: int
    geometry: shapely.Geometry
    severity: str
    confidence: float
    evidence: Evidence
    sentence: Text
    departments: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    apart: str = ""
    open: bool = False

    @property
    def id(self) -> str:
        """Deterministic id, uuid5 of what tells the event from others: a replay adds none."""
        name = f"{self.rule}|{self.rule_version}|{self.subject}|{self.start_ms}"
        if self.apart:
            name += f"|{self.apart}"
        return str(uuid.uuid5(NAMESPACE, name))


def to_frame(events: Sequence[Event]) -> gpd.GeoDataFrame:
    """Rows of the ``alert`` layer, sorted by id; one for each event."""
    ordered = sorted(events, key=lambda e: e.id)
    times = {
        name: pd.to_datetime([getattr(e, f"{name}_ms") for e in ordered], unit="ms", utc=True)
        for name in ("start", "end")
    }
    columns = {
        "alert_id": [e.id for e in ordered],
        "rule": [e.rule for e in ordered],
        "rule_version": [e.rule_version for e in ordered],
        "event_type": [e.event_type for e in ordered],
        "subject": [e.subject for e in ordered],
        "start_time": times["start"],
        "end_time": times["end"],
        "severity": [e.severity for e in ordered],
        "confidence": [e.confidence for e in ordered],
        "sentence_en": [e.sentence.en for e in ordered],
        "sentence_zh": [e.sentence.zh for e in ordered],
        "departments": [",".join(e.departments) for e in ordered],
        "evidence": [
            orjson.dumps(
                e.evidence.as_dict() | {"subjects": list(e.subjects or (e.subject,))},
                option=orjson.OPT_SORT_KEYS,
            ).decode()
            for e in ordered
        ],
    }
    return gpd.GeoDataFrame(columns, geometry=[e.geometry for e in ordered], crs="EPSG:4326")
