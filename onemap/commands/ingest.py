"""``onemap ingest``: take files in; every line is accepted or kept as refused, with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.rejects import RejectStore
from layers.feeds import Tally
from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.home import locate
from onemap.intake import take_in
from onemap.setup import create_layers
from onemap.terminal import out, print_json, print_table, progress_bar

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Take files in. Every reader prints read = accepted + rejected; refused lines are kept "
        "with their reason (onemap ingest rejects) and can be corrected and fed again."
    ),
)
Files = Annotated[list[Path], typer.Argument(help="Files, plain or gzip.", metavar="FILE…")]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Source declared in the city's sources.yaml.")
]
LayerArgument = Annotated[str, typer.Argument(help="Id of the layer to fill.")]


def _run(
    feed: str,
    files: list[Path],
    city: Path | None,
    store: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    with opened(city, store, make=True) as at, progress_bar(feed, as_json) as report:
        create_layers(at.city, at.store)
        tally: Tally = take_in(
            at.city, at.store, at.home, feed, files, at=now(), progress=report, **options
        )
    if as_json:
        print_json(tally.as_dict())
    else:
        out.print(tally.sentence())
        if tally.rejected:
            out.print("see what was refused with: onemap ingest rejects")
    if tally.rejected and not tally.accepted.total():
        raise typer.Exit(1)


@app.command()
def ais(
    files: Files,
    base_time: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S"],
            help="UTC time of sentences that nothing dates; without it they are refused.",
        ),
    ] = None,
    source: SourceOption = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take NMEA 0183 AIS sentences in: tag blocks, multi-part messages, receiver times."""
    base = base_time.replace(tzinfo=UTC) if base_time else None
    _run("ais", files, city, store, as_json, source=source, base_time=base)


@app.command("ais-messages")
def ais_messages(
    files: Files,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take AIS messages in that others decoded: Parquet with ssvid, timestamp, type, lon, lat …"""
    _run("ais-messages", files, city, store, as_json)


def _stream(feed: str, teaching: str) -> None:
    """Make the command of a feed that needs nothing but its files."""

    def command(
        files: Files,
        source: SourceOption = None,
        city: CityOption = None,
        store: StoreOption = None,
        as_json: JsonOption = False,
    ) -> None:
        _run(feed, files, city, store, as_json, source=source)

    app.command(feed, help=teaching)(command)


_stream(
    "gps",
    "Take truck positions in: CSV or JSON lines (.jsonl) with plate, time, lon, lat, speed_kmh, "
    "course_deg, ignition, load (empty, half, full).",
)
_stream(
    "wim", "Take weigh-in-motion records in: CSV with station, lane, time, plate, axles and masses."
)
_stream(
    "camera",
    "Take camera detections in: JSON lines with camera, time, label, confidence and image box.",
)


@app.command()
def layer(
    layer: LayerArgument,
    files: Files,
    crs: Annotated[
        str | None,
        typer.Option(
            help="CRS of the coordinates (EPSG:4490, GCJ-02 …); needed where the file names none."
        ),
    ] = None,
    source: SourceOption = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill a layer from any vector file that GDAL reads; each row is checked as declared."""
    _run("layer", files, city, store, as_json, layer=layer, crs=crs, source=source)


@app.command()
def register(
    name: LayerArgument,
    files: Files,
    source: SourceOption = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill a register (a layer without geometry, such as vessel_registry) from CSV."""
    _run("register", files, city, store, as_json, layer=name, source=source)


@app.command()
def raster(
    name: Annotated[str, typer.Argument(help="Id of the declared raster.", metavar="RASTER")],
    file: Annotated[Path, typer.Argument(help="GeoTIFF, Erdas Imagine, Arc/Info ASCII or SRTM.")],
    time: Annotated[
        str | None,
        typer.Option(help="Time that it shows, as the raster is declared: 2020, 2020-07 …"),
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a raster file in; it takes the place of the one of the same time."""
    _run("raster", [file], city, store, as_json, layer=name, time=time)


@app.command()
def rejects(
    feed: Annotated[str | None, typer.Argument(help="Only this feed.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the refused lines as they came, to be corrected and fed again."),
    ] = None,
    clear: Annotated[
        bool, typer.Option(help="Forget what was refused: you are done with it.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 20,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was refused and why, or write it out to be corrected.

    An exported file that is corrected in place and fed again replaces the rejects it came from
    (for AIS and GPS keep its name); a corrected row that is accepted closes the one refused before.
    """
    kept = RejectStore(locate(city, store).rejects)
    if clear:
        forgotten = kept.clear(feed)
        if as_json:
            print_json({"cleared": forgotten})
        else:
            out.print(f"{forgotten:,} refused lines forgotten")
        return
    if export is not None:
        written = kept.export(feed, export)
        if as_json:
            print_json({"rows": written, "file": str(export)})
        else:
            out.print(f"{written:,} refused lines in {export}", markup=False)
        return
    heads = ["feed", "reason", "lines"]
    counts = [
        [name, reason, number] for (name, reason), number in sorted(kept.counts(feed).items())
    ]
    if as_json:
        told = [dict(zip(heads, row, strict=True)) for row in counts]
        print_json({"counts": told, "rows": [vars(r) for r in kept.rows(feed, limit)]})
        return
    print_table("refused", heads, counts)
    shown = [[r.file, r.line, r.field, r.reason, r.detail] for r in kept.rows(feed, limit)]
    print_table(f"the last {len(shown)}", ["file", "line", "field", "reason", "detail"], shown)
