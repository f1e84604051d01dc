"""What people see in a terminal: one progress bar at a time, tables, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

# What is piped is searched and copied, so it is not folded to a terminal's width.
_WIDE = None if sys.stdout.isatty() else 200
out = Console(highlight=False, width=_WIDE)
err = Console(stderr=True, highlight=False)

# Columns that people copy from.
_KEYS = ("id", "rule", "feed", "name")

Report = Callable[[int, int, str], None]


@contextmanager
def progress_bar(title: str, quiet: bool = False) -> Iterator[Report]:
    """Show how far long work is; yields ``report(done, total, what)``.

    A bar goes to standard error, so that standard output stays data; without a terminal nothing
    is drawn.
    """
    if quiet or not err.is_terminal:
        yield lambda done, total, what: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def report(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total or None, description=f"{title}: {what}")

        yield report


def print_json(value: Any) -> None:
    """Write data for machines to standard output."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
    sys.stdout.write(text.decode() + "\n")


def print_table(title: str, heads: list[str], rows: list[list[Any]]) -> None:
    """Write a table for people; numbers stand right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, head in enumerate(heads):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        side: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(head, justify=side, overflow="fold", no_wrap=head in _KEYS)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return escape(str(value))
