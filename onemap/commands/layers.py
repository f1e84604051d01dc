"""``onemap layers``: what the city holds, and files of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from layers.errors import OnemapError, QueryError
from layers.export import export as export_layer
from layers.h3grid import parse_cell
from layers.query import Query
from layers.spec import PropertySpec, json_schema
from layers.store import Store
from layers.store.filter import parse_cql2_text
from onemap.commands.options import CityOption, JsonOption, StoreOption, opened
from onemap.terminal import out, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="List, describe and export layers; events and cases are layers too."
)


class FileFormat(StrEnum):
    """Files that `export` writes."""

    geojson = "geojson"
    gpkg = "gpkg"
    parquet = "parquet"
    csv = "csv"


def _count(store: Store, layer: str) -> int:
    return store.count(Query(layer)) if layer in store.layers() else 0


@app.command("list")
def list_layers(
    domain: Annotated[str | None, typer.Option(help="Only layers of this domain.")] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the declared layers with their number of rows."""
    with opened(city, store) as at:
        domains = sorted({s.domain for s in at.city.layers.values()})
        if domain is not None and domain not in domains:
            raise OnemapError(f"no layer is of a domain '{domain}'; there are {', '.join(domains)}")
        chosen = [s for s in at.city.layers.values() if domain in (None, s.domain)]
        rows: list[list[Any]] = [
            [
                s.domain,
                s.id,
                s.title.en,
                s.title.zh,
                s.geometry,
                s.sensitivity,
                _count(at.store, s.id),
            ]
            for s in sorted(chosen, key=lambda s: (s.domain, s.id))
        ]
    heads = ["domain", "id", "title", "标题", "geometry", "sensitivity", "rows"]
    if as_json:
        keys = ["domain", "id", "title_en", "title_zh", "geometry", "sensitivity", "rows"]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(f"{len(rows)} layers", heads, rows)


@app.command()
def describe(
    layer: Annotated[str, typer.Argument(help="Id of the layer.")],
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Describe one layer: its declaration, its schema, and what stands in the store."""
    with opened(city, store) as at:
        spec = at.city.layer(layer)
        present = layer in at.store.layers()
        extent = at.store.extent(Query(layer)) if present and spec.has_geometry else None
        rows = _count(at.store, layer)
    if as_json:
        declared = spec.model_dump(mode="json", exclude_none=True)
        print_json({**declared, "rows": rows, "extent": extent, "schema": json_schema(spec)})
        return
    out.print(f"[bold]{spec.id}[/bold]  {spec.title.en}  {spec.title.zh}")
    out.print(f"{spec.description.en}\n{spec.description.zh}")
    out.print(
        f"domain {spec.domain} · {spec.geometry} · H3 {spec.h3_resolution} · {spec.sensitivity} · "
        f"owner {spec.owner} · {rows:,} rows · extent {extent}"
    )
    table: list[list[Any]] = [
        [
            p.name,
            p.type,
            p.unit or "",
            p.required,
            p.title.en,
            p.title.zh,
            _allowed(p),
        ]
        for p in spec.properties
    ]
    print_table(
        "properties", ["name", "type", "unit", "required", "title", "标题", "allowed"], table
    )


def _allowed(p: PropertySpec) -> str:
    if p.values or p.pattern:
        return p.pattern or ", ".join(map(str, p.values or ()))
    if p.minimum is None and p.maximum is None:
        return ""
    return f"{'' if p.minimum is None else p.minimum}…{'' if p.maximum is None else p.maximum}"


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="Id of the layer.")],
    format: Annotated[FileFormat, typer.Option(help="Kind of file.")] = FileFormat.geojson,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; LAYER.FORMAT by default.")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="minx,miny,maxx,maxy in lon/lat.")] = None,
    where: Annotated[
        str | None, typer.Option("--filter", help="CQL2 text, such as \"state = 'found'\".")
    ] = None,
    cell: Annotated[
        list[str] | None, typer.Option(help="H3 cell; may be given several times.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The layer as it stood then (ISO 8601 with zone).")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a layer, or the part that a filter finds, to a file."""
    file = output or Path(f"{layer}.{format.value}")
    with opened(city, store) as at:
        spec = at.city.layer(layer)
        query = Query(
            layer,
            bbox=_box(bbox) if bbox else None,
            where=parse_cql2_text(where) if where else None,
            cells=tuple(parse_cell(text) for text in cell) if cell else None,
            as_of=_moment(as_of) if as_of else None,
        )
        if layer not in at.store.layers():
            raise OnemapError(f"the store has no table for '{layer}' yet; run onemap init")
        rows = export_layer(at.store, spec, query, file, format.value)
    if as_json:
        print_json({"layer": layer, "rows": rows, "file": str(file), "format": format.value})
    else:
        out.print(f"{rows:,} rows of {layer} in {file}", markup=False)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        minx, miny, maxx, maxy = (float(part) for part in text.split(","))
    except ValueError as failure:
        raise QueryError(
            f"--bbox: expected four numbers minx,miny,maxx,maxy, found {text!r}"
        ) from failure
    return minx, miny, maxx, maxy


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        raise QueryError(
            f"--as-of: expected a time such as 2020-07-01T08:00:00+08:00, found {text!r}"
        ) from failure
    if moment.tzinfo is None:
        raise QueryError(f"--as-of: the time needs its zone, found {text!r}")
    return moment
