"""``onemap detect`` and ``onemap evaluate``: find violations, and say how well."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from onemap.commands.options import CityOption, JsonOption, Opened, StoreOption, now, opened
from onemap.commands.telling import tell
from onemap.live_rows import EVERY_S, LATENESS_S, RowWatch
from onemap.pipeline import detect as run_detection
from onemap.pipeline import evaluate as run_evaluation
from onemap.terminal import err, out, print_json, print_table, progress_bar


def detect(
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Stay, and judge weighings and camera detections as they are taken in.",
        ),
    ] = False,
    late_s: Annotated[
        float,
        typer.Option("--late", min=0, help="Seconds that --follow waits for rows of the past."),
    ] = LATENESS_S,
    every_s: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between two looks of --follow.")
    ] = EVERY_S,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the rules over everything taken in; each finding is an alert and opens one case.

    Running it again changes nothing: events have deterministic ids. With --follow it begins with
    the oldest row, or where it was stopped with Ctrl-C or SIGTERM or killed, and stays; the rules
    on vessels and trucks are run live by onemap watch and onemap terminals.
    """
    if follow:
        with opened(city, store) as at:
            _follow(at, rule, late_s, every_s, as_json)
        return
    with opened(city, store) as at, progress_bar("detecting", as_json) as report:
        found = run_detection(at.city, at.store, at.home, rules=rule, at=now(), progress=report)
    if as_json:
        print_json([vars(row) for row in found])
        return
    rows = [[r.rule, r.rows, r.events, r.new_alerts, r.new_cases] for r in found]
    print_table("found", ["rule", "rows read", "events", "new alerts", "new cases"], rows)


def _follow(
    at: Opened, rules: list[str] | None, late_s: float, every_s: float, as_json: bool
) -> None:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watch = RowWatch(at.city, at.store, at.home, rules=rules, lateness_s=late_s)
    if not as_json:
        out.print("following what is taken in; stop with Ctrl-C", markup=False)
    try:
        while not stop.is_set():
            looked = watch.look(now())
            tell(looked.events, as_json)
            if looked.late:
                err.print(f"{looked.late} rows came too late to be judged; onemap detect does it")
            stop.wait(every_s)
    finally:
        watch.stop()


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
