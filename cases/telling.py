"""What a case tells of itself, made from the findings it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cases.episodes import Finding
from cases.process import process_of
from layers.city import City
from layers.store.tables import instant_of, to_ms
from layers.text import Text

_SEVERITIES = ("minor", "moderate", "severe", "extreme")
# Subjects that a title names.
_NAMED = 3


def severity_of(severity: str) -> int:
    """Rank of a severity, the worst the highest."""
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else -1


def tell(
    city: City, findings: Sequence[Finding], subject: str, opened_at: datetime
) -> dict[str, Any]:
    """Properties of a case that follow from its findings, whatever their order.

    Parameters
    ----------
    subject : of the alert that opened the case; named first.
    opened_at : from when the time allowed for handling runs (aware).
    """
    by_time = sorted(findings, key=lambda one: (one.start_ms, one.end_ms, one.alert))
    worst = sorted(by_time, key=lambda one: -severity_of(one.severity))
    departments = list(dict.fromkeys(d for finding in worst for d in finding.departments))
    others = {one for finding in findings for one in finding.subjects} - {subject}
    subjects = [subject, *sorted(others)]
    kinds = Counter(finding.event_type for finding in worst)
    title = _title(city, kinds, subjects)
    return {
        "event_type": worst[0].event_type,
        "event_types": list(kinds),
        "subjects": subjects,
        "severity": worst[0].severity,
        "department": departments[0] if departments else None,
        "departments": ",".join(departments),
        "title_en": title.en,
        "title_zh": title.zh,
        "due_at": due(city, list(kinds), opened_at),
        "first_time": instant_of(min(finding.start_ms for finding in findings)),
        "last_time": instant_of(max(finding.end_ms for finding in findings)),
        "alerts": [finding.alert for finding in by_time],
        "findings": [finding.as_dict() for finding in by_time],
    }


def _title(city: City, kinds: Counter[str], subjects: Sequence[str]) -> Text:
    more = len(subjects) - _NAMED
    who_en, who_zh = ", ".join(subjects[:_NAMED]), "、".join(subjects[:_NAMED])
    if more > 0:
        who_en, who_zh = f"{who_en} and {more} more", f"{who_zh}等{len(subjects)}个对象"
    titles = [title_of(city, kind) for kind in kinds]
    number = kinds.total()
    if number == 1:
        return Text(en=f"{titles[0].en}: {who_en}", zh=f"{titles[0].zh}：{who_zh}")
    counts = list(kinds.values())
    said_en = ", ".join(f"{n} × {title.en}" for n, title in zip(counts, titles, strict=True))
    said_zh = "、".join(f"{title.zh}{n}项" for n, title in zip(counts, titles, strict=True))
    return Text(
        en=f"{number} findings ({said_en}): {who_en}", zh=f"{number}项发现（{said_zh}）：{who_zh}"
    )


def title_of(city: City, event_type: str) -> Text:
    """Title of an event type; its code where the city declares none."""
    known = city.event_types.get(event_type)
    return known.title if known is not None else Text(en=event_type, zh=event_type)


def due(city: City, kinds: Sequence[str], opened_at: datetime) -> datetime | None:
    """When the shortest time that the table gives for any of the kinds will have passed.

    Hours of the city's working time count, for kinds that are worked on round the clock all.
    """
    process = process_of(city)
    ends = [
        process.calendar(city, kind).add(opened_at, known.handle_hours)
        for kind in kinds
        if (known := city.event_types.get(kind)) is not None and known.handle_hours is not None
    ]
    return to_ms(min(ends)) if ends else None
