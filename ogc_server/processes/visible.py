"""Which jobs a reader may see: his own, and as their manager those whose walls he sees over."""

from __future__ import annotations

from collections.abc import Iterable

from layers.store.jobs import Job
from ogc_server.asked import Asked


def nameless(asked: Asked) -> bool:
    """Whether many readers share this name, so that only the id tells whose a job is."""
    return asked.actor == asked.audience.name and not asked.audience.internal


def is_seen(asked: Asked, record: Job) -> bool:
    """Whether the reader may know of a job.

    A job shows rows as they were seen from behind its walls: one that ran behind other walls than
    its owner has now is not his any more.
    """
    own = record.actor == asked.actor and record.walls == asked.audience.walls
    return own or (asked.audience.may("manage") and asked.audience.covers(record.walls))


def seen_jobs(
    asked: Asked, processes: Iterable[str] | None, statuses: Iterable[str] | None
) -> list[Job]:
    """All jobs that the reader may know of, the newest first."""
    records, audience = asked.runs.records, asked.audience
    if audience.may("manage"):
        walls = [text for text in records.kinds_of_walls() if audience.covers(text)]
        found = records.all(walls=walls, processes=processes)
    elif nameless(asked):
        return []
    else:
        found = records.all(actor=asked.actor, walls=[audience.walls], processes=processes)
    wanted = None if statuses is None else set(statuses)
    now = [asked.runs.checked(record) for record in found]
    return [record for record in now if wanted is None or record.status in wanted]
