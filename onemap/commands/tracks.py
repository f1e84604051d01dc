"""``onemap tracks``: positions by vessel, out; and what is learned from them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from layers.position_merge import tidy as merge_all
from layers.positions import PositionStore
from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.pipeline import learn_reception
from onemap.terminal import out, print_json, progress_bar
from onemap.tracks import export as write
from onemap.tracks import identities as write_identities

app = typer.Typer(no_args_is_help=True, help="Tracks: export, reception learned, files tidied.")
_DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Moment = Annotated[datetime | None, typer.Option(formats=_DAY, help="UTC.")]


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    format_: Annotated[
        str, typer.Option("--format", help="parquet or csv.", case_sensitive=False)
    ] = "parquet",
    start: Moment = None,
    end: Moment = None,
    mmsi: Annotated[
        list[str] | None, typer.Option("--mmsi", help="Only this; may be given several times.")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every AIS position with its segment, buoy flag and quality bits."""
    with opened(city, store) as at:
        rows = write(
            at.city,
            at.home,
            target,
            format_=format_.lower(),
            start_ms=_ms(start),
            end_ms=_ms(end),
            mmsi=frozenset(mmsi) if mmsi else None,
        )
    if as_json:
        print_json({"rows": rows, "file": str(target)})
    else:
        out.print(f"{rows:,} positions written to {target}")


@app.command()
def identities(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file to write.")],
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what each vessel said of itself, version by version, with its normalised names."""
    with opened(city, store) as at:
        rows = write_identities(at.city, at.home, target)
    if as_json:
        print_json({"rows": rows, "file": str(target)})
    else:
        out.print(f"{rows:,} versions written to {target}")


@app.command()
def reception(
    city: CityOption = None, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Learn anew, from everything taken in, how AIS is received (layer ais_reception)."""
    with opened(city, store) as at:
        cells = learn_reception(at.city, at.store, at.home, at=now())
    if as_json:
        print_json({"cells": cells})
    else:
        out.print(f"{cells:,} cells and classes known")


@app.command()
def tidy(city: CityOption = None, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Merge the small files that live feeds and terminals left into larger ones.

    A feed that runs does so by itself; this is for what it left behind, and may run beside it.
    Nothing that is read changes. Merged files stay for ten minutes, for whoever reads them just
    then: the next run, or the feed, removes them. What was taken in from files stays as it is.
    """
    with opened(city, store) as at, progress_bar("merging", quiet=as_json) as report:
        positions = PositionStore(at.home.positions)
        told = {
            feed: merge_all(positions, feed, at=now(), report=report) for feed in positions.feeds()
        }
    if as_json:
        print_json({feed: asdict(done) for feed, done in told.items()})
        return
    for feed, done in told.items():
        out.print(
            f"{feed}: {done.before:,} files are {done.after:,}; "
            f"{done.removed:,} merged before removed, {done.waiting:,} wait ten minutes for that"
        )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1000)
