"""Episodes: which findings on the same movers belong together, in one joint case.

Two findings are neighbours where a mover is a subject of both and no more than a gap lies between
their times; an episode is what neighbours and their neighbours make up. So which findings belong
together does not depend on the order in which they come. Only which of them opened the case does:
findings that come together are taken by their end, the row that completed them, which is also the
order in which they come live.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from analytics.event import Event
from cases.states import FINAL, OPENING, State

# Namespace of case ids: uuid5 of the platform's name.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.case")


def case_id(alert_id: str) -> str:
    """Id of the case that an alert opens: uuid5 of the alert's id."""
    return str(uuid.uuid5(NAMESPACE, alert_id))


@dataclass(frozen=True)
class Finding:
    """What a case keeps of one of its alerts, to tell all of itself that is the machine's.

    Attributes
    ----------
    alert : id of the alert.
    subjects : who, the alert's own subject first.
    start_ms, end_ms : UTC in ms since 1970.
    """

    alert: str
    event_type: str
    severity: str
    subjects: tuple[str, ...]
    departments: tuple[str, ...]
    start_ms: int
    end_ms: int

    @classmethod
    def of(cls, event: Event) -> Finding:
        """Take what a case keeps from an event."""
        return cls(
            alert=event.id,
            event_type=event.event_type,
            severity=event.severity,
            subjects=tuple(dict.fromkeys((event.subject, *event.subjects))),
            departments=event.departments,
            start_ms=event.start_ms,
            end_ms=event.end_ms,
        )

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Finding:
        """Read what `as_dict` wrote."""
        lists = {name: tuple(kept[name]) for name in ("subjects", "departments")}
        return cls(**(kept | lists))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as the case's property ``findings`` keeps them."""
        return asdict(self) | {
            "subjects": list(self.subjects),
            "departments": list(self.departments),
        }

    @property
    def completed(self) -> tuple[int, int, str]:
        """Order in which findings come: by the row that completed them."""
        return self.end_ms, self.start_ms, self.alert


@dataclass
class Case:
    """A case while findings are added to it.

    Attributes
    ----------
    alert : id of the alert that opened it.
    findings : of all its alerts, in no order.
    held : whether people have taken it up.
    parent : the case that it was merged into.
    follows : the ended case whose episode goes on here.
    standing : those of its findings that the store has; empty for a new case.
    """

    id: str
    alert: str
    findings: list[Finding]
    state: State = OPENING
    held: bool = False
    parent: str | None = None
    follows: str | None = None
    standing: tuple[Finding, ...] = ()

    @classmethod
    def opened_by(cls, finding: Finding, follows: str | None = None) -> Case:
        """Open a case."""
        return cls(case_id(finding.alert), finding.alert, [finding], follows=follows)

    @property
    def over(self) -> bool:
        """Whether nothing more is done about it."""
        return self.state in FINAL

    @property
    def first_ms(self) -> int:
        """When the first of its findings began."""
        return min(finding.start_ms for finding in self.findings)

    @property
    def last_ms(self) -> int:
        """When the last of its findings ended."""
        return max(finding.end_ms for finding in self.findings)


@dataclass
class _Span:
    start_ms: int
    end_ms: int
    case: Case


@dataclass
class Episodes:
    """Cases of one family of rules, to which findings are added one by one.

    Parameters
    ----------
    gap_ms : the longest time between neighbours.
    known : ids of alerts that have their case already, beside those of the cases added.
    """

    gap_ms: int
    known: set[str] = field(default_factory=set)
    cases: dict[str, Case] = field(default_factory=dict)
    changed: dict[str, Case] = field(default_factory=dict)
    _spans: dict[str, list[_Span]] = field(default_factory=dict)

    def stand(self, cases: Iterable[Case]) -> None:
        """Take in cases that the store has."""
        for case in cases:
            self.cases[case.id] = case
            for finding in case.findings:
                self._note(case, finding)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings that came together; those whose alert has a case already change nothing."""
        for finding in sorted(findings, key=lambda one: one.completed):
            if finding.alert not in self.known:
                self._add(finding)

    def _add(self, finding: Finding) -> None:
        near = self._near(finding)
        running = [case for case in near if not case.over]
        if running:
            case = running[0]
            if len(running) > 1:
                case = min(running, key=lambda one: (not one.held, one.first_ms, one.id))
            case.findings.append(finding)
            for other in running:
                # What people have taken up is theirs to merge.
                if other is not case and not other.held:
                    self._merge(other, case)
        else:
            last = max(near, key=lambda one: (one.last_ms, one.id), default=None)
            case = Case.opened_by(finding, None if last is None else last.id)
            self.cases[case.id] = case
        self.changed[case.id] = case
        self._note(case, finding)

    def _merge(self, case: Case, into: Case) -> None:
        case.state, case.parent = "merged", into.id
        kept = {finding.alert for finding in into.findings}
        into.findings += [finding for finding in case.findings if finding.alert not in kept]
        self.changed[case.id] = case

    def _near(self, finding: Finding) -> list[Case]:
        found: dict[str, Case] = {}
        for subject in finding.subjects:
            for span in self._spans.get(subject, ()):
                if self._touch(span, finding):
                    case = self._root(span.case)
                    found[case.id] = case
        return list(found.values())

    def _touch(self, span: _Span, finding: Finding) -> bool:
        return (
            finding.start_ms <= span.end_ms + self.gap_ms
            and span.start_ms <= finding.end_ms + self.gap_ms
        )

    def _root(self, case: Case) -> Case:
        """The case that a merged one lives on in; itself where that is no case of this family."""
        seen = {case.id}
        while case.state == "merged" and case.parent in self.cases and case.parent not in seen:
            case = self.cases[case.parent]
            seen.add(case.id)
        return case

    def _note(self, case: Case, finding: Finding) -> None:
        """Remember when a case's movers were found, as spans without a gap between findings."""
        self.known.add(finding.alert)
        for subject in finding.subjects:
            spans = self._spans.setdefault(subject, [])
            own = [span for span in spans if span.case is case and self._touch(span, finding)]
            start = min([finding.start_ms, *(span.start_ms for span in own)])
            end = max([finding.end_ms, *(span.end_ms for span in own)])
            if own:
                own[0].start_ms, own[0].end_ms = start, end
                gone = {id(span) for span in own[1:]}
                if gone:
                    spans[:] = [span for span in spans if id(span) not in gone]
            else:
                spans.append(_Span(start, end, case))
