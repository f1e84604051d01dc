"""Jobs and their results, kept in the store: what ran, for whom, how it ended.

A job that is not finished is held by a worker, which renews its lease; where the lease has run out,
or the worker is known to be dead, the job has failed. Every change of status names the statuses
that it starts from, so that of two that change a job at once one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update

from layers.errors import StoreError
from layers.store.base import Store
from layers.store.database import SqlDatabase
from layers.store.tables import job, job_result

Status = Literal["accepted", "running", "successful", "failed", "dismissed"]
OPEN: tuple[Status, ...] = ("accepted", "running")
CLOSED: tuple[Status, ...] = ("successful", "failed", "dismissed")
# Larger results are files beside the store, where there is a place for them.
_IN_TABLE = 65_536
_MOST_IN_TABLE = 8 * 1024 * 1024
_LOST = "the server stopped while this was running; run it again"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes
    ----------
    id : random UUID, which can't be guessed.
    process, version : of the algorithm.
    actor : who asked.
    walls : what he could see (`layers.access.Audience.walls`).
    inputs : as JSON text, after they were checked.
    wishes : as JSON text, in which form the results are wanted.
    progress : percent.
    message : what is being done, or how it ended.
    fault : of a failed job whose fault it was: ``input``, ``time`` or ``server``.
    created, started, finished, updated : aware UTC.
    worker : who runs it.
    lease : until when the worker holds it.
    """

    id: str
    process: str
    version: str
    actor: str
    walls: str
    inputs: str
    wishes: str
    status: Status
    progress: int
    message: str
    created: datetime
    updated: datetime
    worker: str
    lease: datetime
    started: datetime | None = None
    finished: datetime | None = None
    fault: str | None = None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.status in OPEN

    def lost(self, now: datetime) -> Job:
        """The job as one that nobody runs any more."""
        return replace(
            self, status="failed", fault="server", message=_LOST, finished=now, updated=now
        )


@dataclass(frozen=True)
class Result:
    """One output of a job as it goes out.

    Attributes
    ----------
    media : media type.
    body : its bytes.
    """

    media: str
    body: bytes


class JobRecords:
    """The jobs of a store.

    Parameters
    ----------
    store : where they are kept.
    folder : where large results are kept as files; None to keep all in the store.
    """

    def __init__(self, store: Store, folder: Path | None) -> None:
        if not isinstance(store, SqlDatabase):
            raise StoreError("this store keeps no jobs")
        self._store, self._folder = store, folder

    def put(self, record: Job) -> None:
        """Keep a new job."""
        with self._store.writing() as connection:
            connection.execute(insert(job).values(**asdict(record)))

    def get(self, key: str) -> Job | None:
        """Return a job, None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(job).where(job.c.id == key)).mappings().first()
        return None if row is None else Job(**row)

    def all(
        self,
        *,
        actor: str | None = None,
        walls: Iterable[str] | None = None,
        processes: Iterable[str] | None = None,
        statuses: Iterable[str] | None = None,
    ) -> list[Job]:
        """Jobs that meet all conditions, the newest first."""
        wanted = select(job).order_by(job.c.created.desc(), job.c.id)
        if actor is not None:
            wanted = wanted.where(job.c.actor == actor)
        for column, among in (("walls", walls), ("process", processes), ("status", statuses)):
            if among is not None:
                wanted = wanted.where(job.c[column].in_(list(among)))
        with self._store.reading() as connection:
            return [Job(**row) for row in connection.execute(wanted).mappings()]

    def kinds_of_walls(self) -> list[str]:
        """All different walls that jobs were run behind."""
        with self._store.reading() as connection:
            return list(connection.scalars(select(job.c.walls).distinct()))

    def unfinished(self, actor: str | None = None) -> int:
        """Count the jobs that wait or run, of one actor or of all."""
        counted = select(func.count()).select_from(job).where(job.c.status.in_(OPEN))
        if actor is not None:
            counted = counted.where(job.c.actor == actor)
        with self._store.reading() as connection:
            return int(connection.scalar(counted) or 0)

    def change(self, key: str, start: Iterable[Status], **values: Any) -> bool:
        """Change a job whose status is one of ``start``; whether there was such a one."""
        with self._store.writing() as connection:
            done = connection.execute(
                update(job).where(job.c.id == key, job.c.status.in_(list(start))).values(**values)
            )
        return done.rowcount > 0

    def finish(self, key: str, results: dict[str, Result], now: datetime) -> bool:
        """Keep a running job's results and its success in one unit; whether it still ran."""
        files = {name: self._file(key, at) for at, name in enumerate(results)}
        rows = []
        for at, (name, result) in enumerate(results.items()):
            path = files[name] if len(result.body) > _IN_TABLE else None
            if path is None and len(result.body) > _MOST_IN_TABLE:
                raise StoreError("the result is too large to be kept in the store")
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(result.body)
            rows.append(
                {
                    "job": key,
                    "output": name,
                    "place": at,
                    "media": result.media,
                    "content": result.body if path is None else None,
                    "file": None if path is None else path.name,
                }
            )
        values = {"progress": 100, "message": "done", "finished": now, "updated": now}
        with self._store.writing() as connection:
            done = connection.execute(
                update(job)
                .where(job.c.id == key, job.c.status == "running")
                .values(status="successful", **values)
            )
            if done.rowcount and rows:
                connection.execute(insert(job_result), rows)
        if not done.rowcount:
            self._remove_files([key])
        return done.rowcount > 0

    def results(self, key: str) -> dict[str, Result]:
        """Results of a job by output, in their order."""
        wanted = select(job_result).where(job_result.c.job == key).order_by(job_result.c.place)
        with self._store.reading() as connection:
            rows = connection.execute(wanted).mappings().all()
        return {row["output"]: Result(row["media"], self._body(row)) for row in rows}

    def _body(self, row: Any) -> bytes:
        if row["content"] is not None:
            return bytes(row["content"])
        path = self._file(row["job"], row["place"])
        if path is None or not path.is_file():
            raise StoreError("the file of a result is gone")
        return path.read_bytes()

    def _file(self, key: str, at: int) -> Path | None:
        # Ids are made here, but a path is made of nothing that came by a request.
        return None if self._folder is None else self._folder / "jobs" / f"{key}.{at}"

    def remove(self, keys: Iterable[str]) -> None:
        """Remove jobs with their results."""
        gone = list(keys)
        with self._store.writing() as connection:
            connection.execute(delete(job_result).where(job_result.c.job.in_(gone)))
            connection.execute(delete(job).where(job.c.id.in_(gone)))
        self._remove_files(gone)

    def _remove_files(self, keys: list[str]) -> None:
        if self._folder is None:
            return
        for key in keys:
            for path in (self._folder / "jobs").glob(f"{key}.*"):
                path.unlink(missing_ok=True)

    def renew(self, keys: Iterable[str], lease: datetime) -> None:
        """Hold jobs for longer."""
        with self._store.writing() as connection:
            connection.execute(
                update(job)
                .where(job.c.id.in_(list(keys)), job.c.status.in_(OPEN))
                .values(lease=lease)
            )

    def sweep(self, now: datetime, keep: timedelta, most: int) -> int:
        """Remove finished jobs that are older, or more of one actor than he may have."""
        seen: dict[str, int] = {}
        gone = []
        for record in self.all(statuses=CLOSED):
            seen[record.actor] = seen.get(record.actor, 0) + 1
            if record.updated < now - keep or seen[record.actor] > most:
                gone.append(record.id)
        if gone:
            self.remove(gone)
        return len(gone)
