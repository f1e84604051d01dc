"""What runs: a bounded number of runs at a time, each with an end, each stopped where asked to.

A synchronous run is nobody's job: it leaves nothing behind. An asynchronous one is kept in the
store (`layers.store.jobs`) from its submission on. Runs are threads of this process; what they must
do to be stopped is to tell of their progress.
"""

from __future__ import annotations

import os
import socket
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from analytics.algorithm import Algorithm, InputError, Inputs, StoppedError
from layers.access import Audience
from layers.store.jobs import Job, JobRecords, Result
from layers.store.tables import to_ms
from ogc_server.catalogue import Catalogues
from ogc_server.processes.reader import CatalogueReader
from ogc_server.processes.results import ResultTooLargeError, encode
from ogc_server.processes.watch import Watch

_LOG = structlog.get_logger(__name__)
# Worker tokens of this process: what another start of it left behind is nobody's.
_ALIVE: set[str] = set()


@dataclass(frozen=True)
class Limits:
    """How much may run, and how long.

    Attributes
    ----------
    workers : runs at a time.
    waiting : runs that one reader may have waiting and running; ``waiting_all`` for all readers.
    sync_s, async_s : seconds that a run may take.
    lease_s : seconds after which a job that its worker does not renew is lost.
    keep : how long a finished job is kept.
    kept : finished jobs kept of one reader.
    """

    workers: int = 2
    waiting: int = 20
    waiting_all: int = 200
    sync_s: float = 60.0
    async_s: float = 3600.0
    lease_s: float = 120.0
    keep: timedelta = timedelta(days=7)
    kept: int = 200


@dataclass(frozen=True)
class Order:
    """A run that was asked for, checked.

    Attributes
    ----------
    media : media type of each wanted output.
    wishes : in which form the results are wanted, as JSON values.
    actor, audience : who asked, and what he may see.
    """

    algorithm: Algorithm
    inputs: Inputs
    media: dict[str, str]
    wishes: dict[str, Any]
    actor: str
    audience: Audience


class BusyError(Exception):
    """There are as many runs already as there may be."""


Still = Callable[[str, Audience], Audience | None]


def _as_before(actor: str, audience: Audience) -> Audience | None:
    return audience


class Pool:
    """Runs of a server.

    Parameters
    ----------
    catalogues : what each audience may see.
    clock : current time, aware.
    executor : runs what it is handed; threads of its own by default, started with the first run.
    still : what an actor may see at the time of the run, None where he has no access any more.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        limits: Limits | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        executor: Executor | None = None,
        still: Still = _as_before,
    ) -> None:
        self.limits, self.clock = limits or Limits(), clock
        self.records = JobRecords(catalogues.store, catalogues.folder)
        self._catalogues, self._still = catalogues, still
        self._executor, self._lock = executor, threading.Lock()
        self._beats = executor is None
        self._live: dict[str, Watch] = {}
        self._actors: dict[str, str] = {}
        self._closed = threading.Event()
        self._heart: threading.Thread | None = None
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        _ALIVE.add(self.worker)

    # -- what is asked of it

    def run(self, order: Order) -> Future[dict[str, Result]]:
        """Run at once, or as soon as there is room.

        Raises
        ------
        BusyError
            where there is none for this reader.
        """
        key, deadline = str(uuid.uuid4()), self.limits.sync_s
        watch = self._admit(key, order.actor, deadline)

        def work() -> dict[str, Result]:
            try:
                watch.start()
                return self._compute(order, watch)
            finally:
                self._forget(key)

        return self._submit(key, work)

    def submit(self, order: Order) -> tuple[Job, Future[None]]:
        """Accept a job, to be run as soon as there is room; BusyError where there is none.

        Returns
        -------
        the job, and what is done when it has ended, in whatever way.
        """
        key, now = str(uuid.uuid4()), to_ms(self.clock())
        watch = self._admit(key, order.actor, self.limits.async_s)
        record = Job(
            id=key,
            process=order.algorithm.id,
            version=order.algorithm.version,
            actor=order.actor,
            walls=order.audience.walls,
            inputs=order.inputs.model_dump_json(),
            wishes=orjson.dumps(order.wishes).decode(),
            status="accepted",
            progress=0,
            message="waiting",
            created=now,
            updated=now,
            worker=self.worker,
            lease=self._lease(now),
        )
        try:
            self.records.sweep(now, self.limits.keep, self.limits.kept)
            self.records.put(record)
        except BaseException:
            self._forget(key)
            raise
        return record, self._submit(key, lambda: self._work(key, order, watch))

    def get(self, key: str) -> Job | None:
        """Return a job as it stands now."""
        record = self.records.get(key)
        return None if record is None else self.checked(record)

    def checked(self, record: Job) -> Job:
        """Return the job, as failed where nobody runs it any more."""
        now = self.clock()
        if not record.open or (record.lease >= now and not _dead(record.worker)):
            return record
        lost = record.lost(now)
        changed = {"status": "failed", "fault": "server", "message": lost.message}
        self.records.change(
            record.id, ("accepted", "running"), **changed, finished=now, updated=now
        )
        return self.records.get(record.id) or lost

    def dismiss(self, record: Job) -> Job:
        """Stop a job that waits or runs; remove one that is finished, with its results."""
        now = self.clock()
        changed = {"status": "dismissed", "message": "dismissed", "finished": now, "updated": now}
        if self.records.change(record.id, ("accepted", "running"), **changed):
            with self._lock:
                watch = self._live.get(record.id)
            if watch is not None:
                watch.stop("dismissed")
            return self.records.get(record.id) or record
        self.records.remove([record.id])
        return Job(**{**vars(record), "status": "dismissed", "message": "removed"})

    def recover(self) -> int:
        """Mark as failed what an earlier start of the server left unfinished; how many."""
        opened = self.records.all(statuses=("accepted", "running"))
        return sum(1 for record in opened if self.checked(record).status == "failed")

    def close(self) -> None:
        """Stop everything; jobs that still run have failed."""
        self._closed.set()
        with self._lock:
            live = dict(self._live)
        for key, watch in live.items():
            watch.stop("the server is being stopped")
            now = self.clock()
            record = self.records.get(key)
            if record is not None and record.open:
                lost = {"status": "failed", "fault": "server", "message": record.lost(now).message}
                self.records.change(key, ("accepted", "running"), **lost, finished=now, updated=now)
        if self._executor is not None and self._beats:
            self._executor.shutdown(wait=True, cancel_futures=True)
        _ALIVE.discard(self.worker)

    # -- how it does it

    def _admit(self, key: str, actor: str, seconds: float) -> Watch:
        watch = Watch(self.records, key, self.clock, seconds, self._lease)
        with self._lock:
            own = sum(1 for other in self._actors.values() if other == actor)
            if self._closed.is_set() or len(self._live) >= self.limits.waiting_all:
                raise BusyError("the server has as many runs as it can take; try again later")
            if own >= self.limits.waiting:
                raise BusyError(f"{own} of your runs are not finished; wait for some of them")
            self._live[key], self._actors[key] = watch, actor
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self.limits.workers, "onemap-process")
            if self._beats and self._heart is None:
                self._heart = threading.Thread(target=self._beat, daemon=True)
                self._heart.start()
        return watch

    def _submit(self, key: str, work: Callable[[], Any]) -> Future[Any]:
        assert self._executor is not None
        try:
            return self._executor.submit(work)
        except RuntimeError as failure:
            self._forget(key)
            raise BusyError("the server is being stopped") from failure

    def _forget(self, key: str) -> None:
        with self._lock:
            self._live.pop(key, None)
            self._actors.pop(key, None)

    def _lease(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.limits.lease_s)

    def _beat(self) -> None:
        """Renew the leases of all that waits and runs here."""
        while not self._closed.wait(self.limits.lease_s / 4):
            with self._lock:
                keys = list(self._live)
            if keys:
                try:
                    self.records.renew(keys, self._lease(self.clock()))
                except Exception:
                    _LOG.exception("leases were not renewed")

    def _compute(self, order: Order, watch: Watch) -> dict[str, Result]:
        audience = self._still(order.actor, order.audience)
        if audience is None or not audience.may("run") or audience.walls != order.audience.walls:
            raise InputError("", "what you may do here has changed since; ask for it again")
        reader = CatalogueReader(self._catalogues.of(audience))
        outputs = order.algorithm.run(reader, order.inputs, watch)
        return encode(order.algorithm, order.inputs, outputs, order.media)

    def _work(self, key: str, order: Order, watch: Watch) -> None:
        try:
            if watch.start(kept=True):
                results = self._compute(order, watch)
                self.records.finish(key, results, self.clock())
        except Exception as failure:
            self._fail(key, failure)
        finally:
            self._forget(key)

    def _fail(self, key: str, failure: Exception) -> None:
        fault, message = _told(key, failure)
        now = self.clock()
        changed = {"status": "failed", "fault": fault, "message": message}
        try:
            self.records.change(key, ("running",), **changed, finished=now, updated=now)
        except Exception:
            # Its lease runs out, and then it is known to have failed.
            _LOG.exception("a job's end was not kept", job=key)


def _told(key: str, failure: Exception) -> tuple[str, str]:
    """Whose fault a failure is, and what may be said of it."""
    if isinstance(failure, InputError | ResultTooLargeError):
        return "input", str(failure)
    if isinstance(failure, StoppedError):
        return "time", str(failure)
    # A plain trace: values of variables could be rows that the log's readers may not see.
    _LOG.error("a job failed", job=key, trace="".join(traceback.format_exception(failure)))
    return "server", "the server failed; the details are in its log under the job's id"


def _dead(worker: str) -> bool:
    """Whether a worker is known to be gone: of this machine, and its process no more."""
    host, pid, _ = worker.rsplit(":", 2)
    if host != socket.gethostname() or worker in _ALIVE:
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
