"""``onemap detect`` and ``onemap evaluate``: find violations, and say how well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.pipeline import detect as run_detection
from onemap.pipeline import evaluate as run_evaluation
from onemap.terminal import out, print_json, print_table, progress_bar


def detect(
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the rules over everything taken in; each finding is an alert and opens one case.

    Running it again changes nothing: events have deterministic ids.
    """
    with opened(city, store) as at, progress_bar("detecting", as_json) as report:
        found = run_detection(at.city, at.store, at.home, rules=rule, at=now(), progress=report)
    if as_json:
        print_json([vars(row) for row in found])
        return
    rows = [[r.rule, r.rows, r.events, r.new_alerts, r.new_cases] for r in found]
    print_table("found", ["rule", "rows read", "events", "new alerts", "new cases"], rows)


def evaluate(
    truth: Annotated[
        Path | None, typer.Option(help="Truth file; the demo city's by default.")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the alerts with a truth file.

    Prints precision and recall for each rule, and how many near misses stayed silent.
    """
    with opened(city, store) as at:
        result = run_evaluation(at.city, at.store, truth or at.home.demo / "truth.json")
    if as_json:
        print_json([row.as_dict() for row in result])
        return
    heads = [
        "rule",
        "planted",
        "events",
        "found",
        "missed",
        "false alarms",
        "precision",
        "recall",
        "near misses",
        "silent",
    ]
    print_table(
        "against the truth file",
        heads,
        [
            [
                r.rule,
                r.planted,
                r.events,
                r.found,
                len(r.missed),
                len(r.false_alarms),
                r.precision,
                r.recall,
                r.near_misses,
                r.silent,
            ]
            for r in result
        ],
    )
    for row in result:
        for line in (*row.missed, *row.false_alarms):
            out.print(f"  {row.rule}: {line}", markup=False)
