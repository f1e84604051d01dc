"""``onemap process``: analyses, the same that OGC API – Processes offers, at the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from analytics.algorithm import CSV, Algorithm, Output, Silent
from analytics.algorithms import discover, find
from layers.access import LOCAL
from layers.errors import OnemapError
from ogc_server.catalogue import Catalogue
from ogc_server.processes import documents
from ogc_server.processes.reader import CatalogueReader
from ogc_server.processes.results import encode
from onemap.commands.options import CityOption, JsonOption, StoreOption, opened
from onemap.terminal import Report, out, print_json, print_table, progress_bar

app = typer.Typer(no_args_is_help=True, help="List and run analyses over the layers.")


class Shown(Silent):
    """A run's progress on a progress bar."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(self, fraction: float, words: str = "") -> None:
        """See `analytics.algorithm.Progress`."""
        self._report(round(fraction * 100), 100, words)


@app.command("list")
def list_processes(as_json: JsonOption = False) -> None:
    """List the analyses with their inputs; a * marks what has to be given."""
    found = discover().values()
    if as_json:
        print_json([documents.description(one, "", "en") for one in found])
        return
    rows = [[one.id, one.version, one.title.en, _inputs(one)] for one in found]
    print_table("analyses", ["id", "version", "title", "inputs"], rows)


def _inputs(one: Algorithm) -> str:
    fields = one.inputs.model_fields.items()
    return ", ".join(f"{name}{'*' if field.is_required() else ''}" for name, field in fields)


@app.command("run")
def run(
    process: Annotated[str, typer.Argument(help="Id of the analysis; see onemap process list.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="NAME=VALUE; a value that is JSON is read as JSON."),
    ] = None,
    output: Annotated[str | None, typer.Option(help="Which output; the first by default.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="File to write, .csv for a table; standard output else.")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Run an analysis and write what it gives: GeoJSON, CSV or JSON.

    onemap process run h3-aggregate -i collection=tree -i resolution=8 --to trees.csv
    """
    algorithm = find(process)
    given = algorithm.read(dict(map(_pair, inputs or ())))
    name = output or next(iter(algorithm.outputs))
    if name not in algorithm.outputs:
        there = ", ".join(algorithm.outputs)
        raise OnemapError(f"'{name}' is no output of '{process}'; there are {there}")
    media = _media(algorithm.outputs[name], to)
    with opened(city, store) as at, progress_bar(process) as report:
        reader = CatalogueReader(Catalogue(at.city, at.store, LOCAL, at.home.folder))
        made = algorithm.run(reader, given, Shown(report))
    results = encode(algorithm, given, made, {name: media})
    if name not in results:
        raise OnemapError(f"the run gave no '{name}'")
    if to is None:
        sys.stdout.buffer.write(results[name].body + b"\n")
        return
    to.write_bytes(results[name].body)
    out.print(f"{to}: {name}, {media}, {len(results[name].body):,} bytes")


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise OnemapError(f"'{text}' is no input; write NAME=VALUE")
    try:
        return name, orjson.loads(value)
    except ValueError:
        return name, value


def _media(output: Output, to: Path | None) -> str:
    if to is None or to.suffix.lower() != ".csv":
        return output.media[0]
    if CSV not in output.media:
        raise OnemapError(f"that output can be had as {', '.join(output.media)} only")
    return CSV
