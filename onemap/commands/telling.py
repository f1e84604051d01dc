"""Findings of a live feed on standard output, as they are made."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import typer

from analytics.event import Event
from onemap.terminal import out


def tell(events: Iterable[Event], as_json: bool) -> None:
    """Tell events in both languages, or each as a line of JSON."""
    for event in events:
        if as_json:
            typer.echo(orjson.dumps(_plain(event)).decode())
        else:
            # Names come from the air, brackets included.
            said = f"{event.rule}  {event.sentence.en}\n  {event.sentence.zh}"
            out.print(said, markup=False)


def _plain(event: Event) -> dict[str, object]:
    return {
        "alert_id": event.id,
        "rule": event.rule,
        "rule_version": event.rule_version,
        "event_type": event.event_type,
        "subject": event.subject,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
        "confidence": event.confidence,
        "sentence": {"en": event.sentence.en, "zh": event.sentence.zh},
        "evidence": event.evidence.as_dict(),
    }
