"""Put every suite to the tiny test city, or to the server whose landing page is named.

python -m tests.cite [URL]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layers.city import City
from ogc_server import create_app
from tests.cite.suite import FAILED, SKIPPED, Outcome, counted
from tests.cite.suites import SUITES
from tests.cite.web import Web
from tests.served import filled_store, running

TINY = Path(__file__).parents[1] / "cities" / "tiny"


@contextmanager
def tiny_city() -> Iterator[str]:
    """The tiny test city with rows in every layer, which nobody changes, served on a free port."""
    with tempfile.TemporaryDirectory() as folder:
        city = City(TINY)
        store = filled_store(city, Path(folder) / "city.gpkg", many=300)
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
    with tiny_city() as url:
        return _put_to(url)


def _put_to(url: str) -> int:
    web, failed = Web(url), 0
    for suite in SUITES:
        outcomes = suite.run(web)
        print(f"{suite.title}: {counted(outcomes)}")
        for line in told(outcomes):
            print(line)
        failed += sum(one.verdict == FAILED for one in outcomes)
    web.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
