"""``onemap demo`` and ``onemap run``: a city to look at, from nothing to a served map."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from onemap.commands import serve as serving
from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.demo import Step, play
from onemap.terminal import out, print_json, progress_bar

Seed = Annotated[int, typer.Option(help="The same seed makes the same city.")]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="City day that is played.")
]
Inputs = Annotated[
    Path | None,
    typer.Option(help="Folder of the generated inputs; the city's demo folder by default."),
]
Scale = Annotated[float, typer.Option(min=0.01, max=1, help="Share of the full size.")]


def demo(
    seed: Seed = 1,
    day: Day = None,
    scale: Scale = 1.0,
    inputs: Inputs = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the demo city's inputs, take them in, find the violations and open the cases.

    What is done already is not done again; interrupted, the next run goes on where this one
    stopped.
    All data of the demo city are made up.
    """
    steps = _play(seed, day, scale, inputs, city, store, quiet=as_json)
    if as_json:
        print_json([vars(step) for step in steps])


def run(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 5000,
    seed: Seed = 1,
    day: Day = None,
    scale: Scale = 1.0,
    inputs: Inputs = None,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Do `onemap demo`, then `onemap serve`: from nothing to a map in one command."""
    _play(seed, day, scale, inputs, city, store)
    serving.serve(host=host, port=port, city=city, store=store)


def _play(
    seed: int,
    day: datetime | None,
    scale: float,
    inputs: Path | None,
    city: CityOption,
    store: StoreOption,
    quiet: bool = False,
) -> list[Step]:
    chosen: date | None = day.date() if day else None
    steps = []
    with opened(city, store, make=True) as at, progress_bar("demo", quiet) as report:
        for step in play(
            at.city,
            at.store,
            at.home,
            seed=seed,
            day=chosen,
            scale=scale,
            clock=now,
            progress=report,
            inputs=inputs,
        ):
            steps.append(step)
            if not quiet:
                out.print(f"[green]✓[/green] {escape(f'{step.what}: {step.said}')}")
    return steps
