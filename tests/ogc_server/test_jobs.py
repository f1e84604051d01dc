"""Jobs over the store: how they begin, go on and end, driven by hand on both stores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from analytics.algorithm import InputError, StoppedError
from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.store import Store
from layers.store.jobs import JobRecords
from ogc_server.catalogue import Catalogues
from ogc_server.processes.pool import BusyError, Limits, Pool
from tests.ogc_server.runs import ByHand, Clock, order


@pytest.fixture
def hand() -> ByHand:
    return ByHand()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalogues(city: City, store: Store, tmp_path: Path) -> Iterator[Catalogues]:
    yield Catalogues(city, store, tmp_path)
    records = JobRecords(store, tmp_path)
    records.remove([record.id for record in records.all()])


@pytest.fixture
def pool(catalogues: Catalogues, hand: ByHand, clock: Clock) -> Pool:
    return Pool(catalogues, clock=clock, executor=hand)


def one(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
    progress(0.5, "half")
    return {"number": inputs.number}


def test_a_job_is_accepted_runs_and_succeeds(pool: Pool, hand: ByHand, clock: Clock) -> None:
    told: list[tuple[str, int, str]] = []

    def run(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
        for share in (0.25, 0.5):
            clock.move(2)
            progress(share, f"at {share}")
            now = pool.get(record.id)
            assert now is not None
            told.append((now.status, now.progress, now.message))
        return {"number": 7}

    record, ended = pool.submit(order(run))
    assert (record.status, record.progress) == ("accepted", 0)
    stored = pool.get(record.id)
    assert stored == record and not ended.done()
    hand.step()
    assert told == [("running", 25, "at 0.25"), ("running", 50, "at 0.5")]
    last = pool.get(record.id)
    assert last is not None and (last.status, last.progress) == ("successful", 100)
    assert last.version == "1.2.3" and last.inputs == '{"number":1}'
    assert last.created < last.updated == last.finished and last.started == last.created
    assert pool.records.results(record.id)["number"].body == b"7"


def test_progress_is_not_written_oftener_than_once_a_second(
    pool: Pool, hand: ByHand, clock: Clock
) -> None:
    seen = []

    def run(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
        for step in range(10):
            clock.move(0.25)
            progress(step / 10)
            now = pool.get(record.id)
            assert now is not None
            seen.append(now.progress)
        return {}

    record, _ = pool.submit(order(run))
    hand.step()
    assert sorted(set(seen)) == [0, 10, 50, 90], "every fourth of the words"


def test_a_waiting_job_that_is_dismissed_never_runs(pool: Pool, hand: ByHand) -> None:
    ran = []
    record, _ = pool.submit(order(lambda *_: ran.append(1) or {}))
    assert pool.dismiss(record).status == "dismissed"
    hand.step()
    last = pool.get(record.id)
    assert last is not None and last.status == "dismissed" and not ran


@pytest.mark.parametrize("by", ["the same process", "another process"])
def test_a_running_job_that_is_dismissed_stops(
    pool: Pool, hand: ByHand, clock: Clock, catalogues: Catalogues, by: str
) -> None:
    other = pool if by == "the same process" else Pool(catalogues, clock=clock, executor=hand)
    reached = []

    def run(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
        progress(0.1)
        dismissed = other.dismiss(pool.get(record.id))  # type: ignore[arg-type]
        reached.append(dismissed.status)
        clock.move(2)
        progress(0.2)
        reached.append("too far")
        return {"number": 1}

    record, _ = pool.submit(order(run))
    hand.step()
    last = pool.get(record.id)
    assert last is not None and last.status == "dismissed" and reached == ["dismissed"]
    assert pool.records.results(record.id) == {}


def test_a_job_dismissed_as_it_ends_has_no_results(pool: Pool, hand: ByHand) -> None:
    def run(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
        pool.dismiss(pool.get(record.id))  # type: ignore[arg-type]
        return {"number": 1}

    record, _ = pool.submit(order(run))
    hand.step()
    last = pool.get(record.id)
    assert last is not None and last.status == "dismissed"
    assert pool.records.results(record.id) == {}


def test_a_finished_job_is_removed_with_its_results(
    pool: Pool, hand: ByHand, tmp_path: Path
) -> None:
    record, _ = pool.submit(order(lambda *_: {"number": "x" * 100_000}))
    hand.step()
    files = list((tmp_path / "jobs").iterdir())
    assert [path.name for path in files] == [f"{record.id}.0"], "large results are files"
    assert len(pool.records.results(record.id)["number"].body) == 100_002
    last = pool.get(record.id)
    assert last is not None and pool.dismiss(last).status == "dismissed"
    assert pool.get(record.id) is None and not list((tmp_path / "jobs").iterdir())


def test_a_run_that_takes_too_long_stops(
    catalogues: Catalogues, hand: ByHand, clock: Clock
) -> None:
    pool = Pool(catalogues, Limits(sync_s=5, async_s=50), clock=clock, executor=hand)

    def slow(reader: Any, inputs: Any, progress: Any) -> dict[str, Any]:
        clock.move(10)
        progress(0.5)
        return {"number": 1}

    waited = pool.run(order(slow))
    hand.step()
    with pytest.raises(StoppedError, match="5 seconds"):
        waited.result()
    record, _ = pool.submit(order(slow))
    hand.step()
    last = pool.get(record.id)
    assert last is not None and last.status == "successful"

    def slower(*given: Any) -> dict[str, Any]:
        for _ in range(9):
            slow(*given)
        return {}

    record, _ = pool.submit(order(slower))
    hand.step()
    last = pool.get(record.id)
    assert last is not None and (last.status, last.fault) == ("failed", "time")


def test_failures_tell_whose_fault_they_are_and_no_more(pool: Pool, hand: ByHand) -> None:
    def wrong(*_: Any) -> dict[str, Any]:
        raise InputError("number", "is odd")

    def broken(*_: Any) -> dict[str, Any]:
        raise RuntimeError("a secret of the rows")

    for run, fault, words in ((wrong, "input", "number: is odd"), (broken, "server", "its log")):
        record, _ = pool.submit(order(run))
        with capture_logs() as log:
            hand.step()
        last = pool.get(record.id)
        assert last is not None and (last.status, last.fault) == ("failed", fault)
        assert words in last.message and "secret" not in last.message
        assert ("secret" in str(log)) == (fault == "server")


def test_each_reader_may_have_so_many_runs_waiting(
    catalogues: Catalogues, hand: ByHand, clock: Clock
) -> None:
    pool = Pool(catalogues, Limits(waiting=3, waiting_all=5), clock=clock, executor=hand)
    for _ in range(3):
        pool.submit(order(one))
    with pytest.raises(BusyError, match="3 of your runs"):
        pool.submit(order(one))
    with pytest.raises(BusyError):
        pool.run(order(one))
    pool.submit(order(one, "bob"))
    pool.run(order(one, "bob"))
    with pytest.raises(BusyError, match="the server"):
        pool.submit(order(one, "eve"))
    hand.step()
    pool.submit(order(one))


def dead_worker() -> str:
    import socket

    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return f"{socket.gethostname()}:{done.pid}:abc"


def test_what_a_dead_server_left_running_has_failed(
    pool: Pool, hand: ByHand, catalogues: Catalogues, clock: Clock
) -> None:
    waiting, _ = pool.submit(order(one))
    running, _ = pool.submit(order(one))
    pool.records.change(running.id, ("accepted",), status="running")
    for record in (waiting, running):
        pool.records.change(record.id, ("accepted", "running"), worker=dead_worker())
    after = Pool(catalogues, clock=clock, executor=ByHand())
    assert after.recover() == 2
    for record in (waiting, running):
        last = after.get(record.id)
        assert last is not None and last.status == "failed" and "run it again" in last.message
    hand.step()
    last = after.get(waiting.id)
    assert last is not None and last.status == "failed", "what comes back does not run it"


def test_a_job_on_another_machine_is_lost_when_its_lease_runs_out(
    pool: Pool, catalogues: Catalogues, clock: Clock
) -> None:
    record, _ = pool.submit(order(one))
    pool.records.change(record.id, ("accepted",), worker="elsewhere:1:abc")
    after = Pool(catalogues, clock=clock, executor=ByHand())
    assert after.recover() == 0
    pool.records.renew([record.id], clock() + timedelta(seconds=500))
    clock.move(400)
    assert after.recover() == 0
    clock.move(200)
    last = after.get(record.id)
    assert last is not None and last.status == "failed"


def test_a_server_that_is_stopped_ends_its_jobs(pool: Pool, hand: ByHand) -> None:
    record, _ = pool.submit(order(one))
    pool.close()
    hand.step()
    last = pool.get(record.id)
    assert last is not None and last.status == "failed"
    with pytest.raises(BusyError):
        pool.submit(order(one))


def test_old_jobs_are_swept_away(catalogues: Catalogues, hand: ByHand, clock: Clock) -> None:
    pool = Pool(catalogues, Limits(kept=2), clock=clock, executor=hand)
    records = []
    for _ in range(4):
        records.append(pool.submit(order(one))[0].id)
        hand.step()
        clock.move(60)
    pool.submit(order(one))
    assert [pool.get(key) is None for key in records] == [True, True, False, False]
    clock.move(8 * 86_400)
    pool.submit(order(one, "bob"))
    assert pool.get(records[-1]) is None


def test_walls_are_looked_at_again_when_a_job_runs(
    catalogues: Catalogues, hand: ByHand, clock: Clock
) -> None:
    now: dict[str, Audience | None] = {"ada": LOCAL}
    pool = Pool(catalogues, clock=clock, executor=hand, still=lambda actor, _: now[actor])
    narrower = Audience("x", LOCAL.sensitivities, Scope(("1",)), rights=LOCAL.rights)
    idle = Audience("local", LOCAL.sensitivities)
    for after in (None, PUBLIC, narrower, idle):
        now["ada"] = LOCAL
        record, _ = pool.submit(order(one))
        now["ada"] = after
        hand.step()
        last = pool.get(record.id)
        assert last is not None and last.status == "failed" and "changed" in last.message


def test_twenty_at_once(catalogues: Catalogues) -> None:
    pool = Pool(catalogues)
    with ThreadPoolExecutor(20) as threads:
        made = list(threads.map(lambda _: pool.submit(order(one)), range(20)))
    wait([ended for _, ended in made])
    ends = [pool.get(record.id) for record, _ in made]
    assert [record.status for record in ends if record is not None] == ["successful"] * 20
    assert len({record.id for record, _ in made}) == 20
    pool.close()
