"""Fifty times killed while cases are dispatched: every notice arrives, none is made up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from layers.city import City
from layers.query import Query
from layers.store import open_store
from layers.store.notices import NoticeRecords
from tests.cases.receiver import receiving

CHANGES, KILLS = 400, 50
NOTICES = """
channels: [{{id: hook, kind: webhook, url: "{url}"}}]
retry: {{first_s: 0.05, longest_s: 0.1, attempts: 1000}}
templates:
  put_right: {{subject: {{en: a, zh: a}}, body: {{en: "{{case}}", zh: a}}}}
  work_order: {{subject: {{en: b, zh: b}}, body: {{en: "{{case}}", zh: b}}}}
"""


def test_fifty_kills_lose_and_invent_nothing(tiny_copy: Path, tmp_path: Path) -> None:
    url = str(tmp_path / "s.gpkg")
    with receiving() as receiver:
        (tiny_copy / "notices.yaml").write_text(NOTICES.format(url=receiver.url))
        # Now and then the gateway is out of order as well.
        receiver.answers = [200, 200, 503] * 20
        city = City(tiny_copy)
        store = open_store(url, city)
        store.create(city.layer("case_event"))
        arguments = [str(tiny_copy), url, str(CHANGES), str(KILLS), "5"]
        command = [sys.executable, "-m", "tests.cases.killed_sender", *arguments]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert store.count(Query("case_event")) == CHANGES
        kept = NoticeRecords(store).listed(limit=10 * CHANGES)
        store.close()
    assert len(kept) == 2 * CHANGES and {one.status for one in kept} == {"sent"}
    assert set(receiver.keys) == {one.key for one in kept}
    words = {(headers["idempotency-key"], str(body["data"])) for headers, body in receiver.came}
    assert len(words) == 2 * CHANGES, "what comes a second time is the same"
