"""Put every suite to the tiny test city, or to the server whose landing page is named.

python -m tests.cite [URL]

Exit status 1 where a check of these suites failed that `known.yaml` does not explain.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from layers.city import City
from ogc_server import create_app
from tests.cite import team_engine
from tests.cite.suite import FAILED, SKIPPED, Outcome, counted
from tests.cite.suites import SUITES
from tests.cite.web import Web
from tests.served import filled_store, running

KNOWN = Path(__file__).parent / "known.yaml"
TINY = Path(__file__).parents[1] / "cities" / "tiny"


@contextmanager
def served_city() -> Iterator[str]:
    """The tiny test city with rows in every layer, which nobody changes, served on a free port."""
    with tempfile.TemporaryDirectory() as folder:
        city = City(TINY)
        store = filled_store(city, Path(folder) / "city.gpkg", many=300, few=30)
        try:
            with running(create_app(city, store)) as url:
                yield url
        finally:
            store.close()


def told(outcomes: list[Outcome]) -> Iterator[str]:
    """One line for each check that did not pass."""
    for one in outcomes:
        if one.verdict in (FAILED, SKIPPED):
            yield f"  {one.verdict:8}{one.name}: {one.reason}"


def main(arguments: list[str]) -> int:
    if arguments:
        return _put_to(arguments[0])
    with served_city() as url:
        return _put_to(url)


def _put_to(url: str) -> int:
    web, unexplained = Web(url), 0
    known = yaml.safe_load(KNOWN.read_text("utf-8"))
    for suite in SUITES:
        outcomes = suite.run(web)
        _print(suite.title, outcomes)
        for one in outcomes:
            key = f"{suite.key}: {one.name}"
            if one.verdict == FAILED and key in known:
                print(f"  known   {one.name}: {known[key]}")
            unexplained += one.verdict == FAILED and key not in known
    web.close()
    for jar in team_engine.jars():
        _print(jar.name, team_engine.put_to(jar, url))
    if not team_engine.jars():
        print(
            f"OGC's own suites: none, {team_engine.JARS} names no folder with ets-ogcapi-*-aio.jar"
        )
    return 1 if unexplained else 0


def _print(title: str, outcomes: list[Outcome]) -> None:
    print(f"{title}: {counted(outcomes)}")
    for line in told(outcomes):
        print(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
