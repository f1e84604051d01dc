"""OGC's own executable test suites (TEAM Engine), where their jars are at hand.

The suites of the OGC APIs are not published as packages: build `ets-ogcapi-*-aio.jar` from their
sources and name the folder in ONEMAP_CITE_JARS. Java 17 runs them:
``java -jar JAR -o FOLDER properties.xml``.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

from defusedxml import ElementTree

from tests.cite.suite import FAILED, PASSED, SKIPPED, Outcome

JARS = "ONEMAP_CITE_JARS"
_VERDICTS = {"PASS": PASSED, "FAIL": FAILED, "SKIP": SKIPPED}
_LONGEST_S = 3600


def jars() -> list[Path]:
    """Suites in the folder that the environment names."""
    folder = os.environ.get(JARS)
    return sorted(Path(folder).glob("ets-ogcapi-*-aio.jar")) if folder else []


def properties(landing: str) -> str:
    """Arguments of a suite. A document type would be fetched from the network, so there is none."""
    entries = {
        "iut": landing,
        "noofcollections": "-1",
        "apiDefinition": f"{landing}/openapi?f=json",
        "echoprocessid": "echo",
    }
    rows = "".join(f"<entry key={quoteattr(k)}>{v}</entry>" for k, v in entries.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<properties version="1.0">{rows}</properties>\n'
    )


def put_to(jar: Path, landing: str) -> list[Outcome]:
    """Run a suite against a landing page; RuntimeError where it wrote no results."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "properties.xml"
        told.write_text(properties(landing), "utf-8")
        done = subprocess.run(
            ["java", "-jar", str(jar), "-o", folder, str(told)],
            capture_output=True, text=True, check=False, timeout=_LONGEST_S,
        )  # fmt: skip
        written = sorted(Path(folder).rglob("testng-results.xml"))
        if not written:
            raise RuntimeError(f"{jar.name} wrote no results: {done.stderr[-500:]}")
        return list(outcomes(written[-1].read_text("utf-8")))


def outcomes(text: str) -> Iterator[Outcome]:
    """Read the results that TestNG writes; the steps that prepare a test are no tests."""
    for method in ElementTree.fromstring(text).iter("test-method"):
        if method.get("is-config") == "true":
            continue
        message = method.findtext("exception/message") or ""
        name = f"{method.get('signature', '').partition('(')[0]}({_given(method)})"
        yield Outcome(
            name, _VERDICTS[method.get("status", "FAIL")], re.sub(r"\s+", " ", message).strip()
        )


def _given(method: ElementTree.Element) -> str:
    values = [(value.text or "").strip()[:60] for value in method.iterfind("params/param/value")]
    return ", ".join(values)
