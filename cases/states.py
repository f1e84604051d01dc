"""States of a case: the names of the ``case_event`` layer, and how people are told of them.

The order follows the closed loop of urban management systems (collect, file, dispatch, handle,
check, close). A merged case lives on in its parent case. Which step leads from which state to which
is declared (see `cases.process`).
"""

from __future__ import annotations

from typing import Literal

from layers.text import Text

State = Literal[
    "found",
    "triage",
    "verified",
    "filed",
    "dispatched",
    "accepted",
    "handling",
    "handled",
    "checked",
    "closed",
    "rejected",
    "merged",
    "suspended",
]

TITLES: dict[State, Text] = {
    "found": Text(en="Found", zh="发现"),
    "triage": Text(en="Second screening", zh="二次甄别"),
    "verified": Text(en="Verified", zh="核实"),
    "filed": Text(en="Filed", zh="立案"),
    "dispatched": Text(en="Dispatched", zh="派遣"),
    "accepted": Text(en="Accepted", zh="受理"),
    "handling": Text(en="Being handled", zh="处置中"),
    "handled": Text(en="Handled", zh="处置完成"),
    "checked": Text(en="Checked", zh="核查"),
    "closed": Text(en="Closed", zh="结案"),
    "rejected": Text(en="Rejected", zh="不予立案"),
    "merged": Text(en="Merged", zh="并案"),
    "suspended": Text(en="Suspended", zh="挂账"),
}

OPENING: State = "found"
# Nothing more is done about a case in one of these, unless it is reopened.
FINAL: frozenset[State] = frozenset(("closed", "rejected", "merged"))
# What was to be handled has been.
DONE: frozenset[State] = frozenset(("handled", "checked", "closed"))
# The time allowed does not run.
PAUSED: State = "suspended"
