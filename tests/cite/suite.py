"""What a suite of abstract tests is, and how it is run and told."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.cite.web import Web

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class NotApplicable(Exception):
    """The server does not claim or does not have what a check is about."""


class Flaws(AssertionError):
    """What a check found to be wrong."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended, and why where it did not pass."""

    name: str
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One abstract test: ``name`` as the standard has it, ``needs`` the conformance class."""

    name: str
    needs: str
    run: Callable[[Web], Iterator[str] | None]


@dataclass
class Suite:
    """The abstract tests of one standard.

    Attributes
    ----------
    key : short name.
    title : the standard and where its abstract tests are written.
    spec : start of its conformance URIs.
    """

    key: str
    title: str
    spec: str
    checks: list[Check] = field(default_factory=list)

    def check(
        self, needs: str, name: str
    ) -> Callable[[Callable[[Web], Iterator[str] | None]], None]:
        """Add a check of conformance class ``needs`` named ``name``; it yields what is wrong."""

        def add(run: Callable[[Web], Iterator[str] | None]) -> None:
            self.checks.append(Check(f"{needs}/{name}", needs, run))

        return add

    def run(self, web: Web, only: str | None = None) -> list[Outcome]:
        """Carry out all checks of the classes that the server claims, or ``only`` one."""
        claimed = web.conformance
        chosen = [one for one in self.checks if only in (None, one.name)]
        return [self._outcome(one, web, claimed) for one in chosen]

    def _outcome(self, check: Check, web: Web, claimed: set[str]) -> Outcome:
        if f"{self.spec}/conf/{check.needs}" not in claimed:
            return Outcome(check.name, SKIPPED, f"class {check.needs} is not claimed")
        try:
            flaws = list(check.run(web) or ())
        except NotApplicable as reason:
            return Outcome(check.name, SKIPPED, str(reason))
        except Exception as failure:
            where = traceback.extract_tb(failure.__traceback__)[-1]
            words = f"{type(failure).__name__}: {failure} ({where.name}:{where.lineno})"
            return Outcome(check.name, FAILED, words)
        if flaws:
            more = f" (and {len(flaws) - 3} more)" if len(flaws) > 3 else ""
            return Outcome(check.name, FAILED, "; ".join(flaws[:3]) + more)
        return Outcome(check.name, PASSED)


def counted(outcomes: list[Outcome]) -> str:
    """Tell how many passed, failed and were skipped."""
    numbers = {
        verdict: sum(one.verdict == verdict for one in outcomes)
        for verdict in (PASSED, FAILED, SKIPPED)
    }
    return ", ".join(f"{number} {verdict}" for verdict, number in numbers.items())
