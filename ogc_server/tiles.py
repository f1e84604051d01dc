"""Tiles as answers: what is asked, made or remembered, and sent with its validator."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

from layers.aggregates import finest_resolution
from layers.errors import QueryError
from layers.query import Box, Query
from layers.spec import LayerSpec
from layers.tiles import cells
from layers.tiles.content import cells_name
from layers.tiles.matrix import Tile
from ogc_server.answers import unchanged
from ogc_server.asked import Asked
from ogc_server.catalogue import Catalogue
from ogc_server.parameters import parse_items, refusal
from ogc_server.problem import bad_parameter, not_found
from ogc_server.tilesets import MVT, matrix_set_of

# Parameters of a layer's tiles; properties of the layer can be asked by as well.
FILTERS = ("datetime", "filter", "filter-lang", "filter-crs", "as_of")
_OF_ALL = ("datetime", "as_of", "collections")
_KEPT_BYTES = 128 * 1024 * 1024
_COMPRESSED_FROM, _COMPRESSION = 400, 4
_LONGEST_NUMBER = 9


class TileMemory:
    """Tiles that were made, compressed; bounded by their size, the oldest unused ones go first."""

    def __init__(self, size: int = _KEPT_BYTES) -> None:
        self._size, self._held, self._lock = size, 0, Lock()
        self._kept: OrderedDict[Hashable, tuple[bytes, bytes | None]] = OrderedDict()

    def get(self, key: Hashable) -> tuple[bytes, bytes | None] | None:
        """Body of a tile, and the same compressed where that is smaller; None for none kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, body: bytes) -> tuple[bytes, bytes | None]:
        """Keep a tile."""
        small = gzip.compress(body, _COMPRESSION, mtime=0) if len(body) > _COMPRESSED_FROM else None
        found = (body, small)
        with self._lock:
            old = self._kept.pop(key, None)
            self._held += _weight(found) - (0 if old is None else _weight(old))
            self._kept[key] = found
            while self._held > self._size and self._kept:
                self._held -= _weight(self._kept.popitem(last=False)[1])
        return found


def _weight(entry: tuple[bytes, bytes | None]) -> int:
    return len(entry[0]) + len(entry[1] or b"") + 500


def layer_tile(request: Request) -> Response:
    """One tile of a layer."""
    asked = Asked(request, ("mvt",))
    spec = asked.catalogue.counted(request.path_params["layer"])
    tile = asked_tile(request.path_params)
    values = {k: v for k, v in asked.values.items() if k not in ("f", "lang")}
    _refuse(spec, values)
    revision = asked.catalogue.revision(spec.id)
    told = tuple(sorted(values.items()))
    key = (spec.id, revision, told, _place(tile))
    return _answer(asked, key, lambda: _made(asked.catalogue, spec, tile, values))


def all_tile(request: Request) -> Response:
    """One tile of several layers, or of all."""
    asked = Asked(request, ("mvt",))
    asked.refuse_parameters(*_OF_ALL)
    tile = asked_tile(request.path_params)
    specs = _chosen(asked)
    values = {k: v for k, v in asked.values.items() if k in ("datetime", "as_of")}
    told = tuple(sorted(values.items()))
    revisions = tuple((spec.id, asked.catalogue.revision(spec.id)) for spec in specs)
    key = ("*", revisions, told, _place(tile))

    def make() -> bytes:
        return b"".join(
            _kept(asked, (spec.id, revision, told, _place(tile)), spec, tile, values)[0]
            for spec, (_, revision) in zip(specs, revisions, strict=True)
        )

    return _answer(asked, key, make)


def asked_tile(parameters: Mapping[str, str]) -> Tile:
    """Return the tile that a path names.

    Raises
    ------
    RequestError
        400 for what is no number, 404 for a set, level, row or column that isn't there.
    """
    matrix_set = matrix_set_of(parameters["tms"])
    numbers = []
    for name in ("level", "row", "column"):
        text = parameters[name]
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
            raise bad_parameter(name, f"found {text!r}, expected a whole number from 0")
        numbers.append(int(text))
    level, row, column = numbers
    if not matrix_set.holds(level, row, column):
        raise not_found(f"tile {level}/{row}/{column} of '{matrix_set.id}'")
    return Tile(matrix_set, level, row, column)


def _refuse(spec: LayerSpec, values: Mapping[str, str]) -> None:
    """RequestError 400 for a parameter that is not for tiles of the layer."""
    personal = spec.sensitivity == "personal"
    known = set() if personal else {*FILTERS, *(p.name for p in spec.properties)}
    for name in values:
        if name not in known:
            raise bad_parameter(name, "is unknown here")


def _chosen(asked: Asked) -> list[LayerSpec]:
    specs = [spec for spec in asked.catalogue if spec.has_geometry]
    if "collections" not in asked.values:
        return specs
    wanted = {name.strip() for name in asked.values["collections"].split(",")}
    unknown = wanted - {spec.id for spec in specs}
    if unknown:
        raise bad_parameter("collections", f"no tiles of {min(unknown)!r}")
    return [spec for spec in specs if spec.id in wanted]


def _place(tile: Tile) -> tuple[str, int, int, int]:
    return tile.matrix_set.id, tile.level, tile.row, tile.column


def _made(catalogue: Catalogue, spec: LayerSpec, tile: Tile, values: Mapping[str, str]) -> bytes:
    if spec.sensitivity == "personal":
        return _counted(catalogue, spec, tile)
    query = parse_items(catalogue, spec, values).query if values else catalogue.everything(spec.id)
    if not values and not _meet(catalogue.extent(spec.id), tile.envelope):
        return b""
    try:
        return catalogue.store.tile(_bare(query), tile)
    except QueryError as failure:
        raise refusal(failure, values) from failure


def _bare(query: Query) -> Query:
    return query.but(limit=None, properties=None, sort=())


def _meet(a: Box | None, b: Box) -> bool:
    if a is None:
        return False
    # An index keeps boxes in single precision; what lies on an edge is looked for.
    slack = 1e-5
    return (
        a[0] <= b[2] + slack and b[0] <= a[2] + slack
        and a[1] <= b[3] + slack and b[1] <= a[3] + slack
    )  # fmt: skip


def _counted(catalogue: Catalogue, spec: LayerSpec, tile: Tile) -> bytes:
    """Counts of a personal layer: whole cells of its one published table, nothing else."""
    finest = finest_resolution(spec)
    assert finest is not None
    of = cells.resolution(tile.scale_level, finest)
    counts = catalogue.cell_counts(spec, catalogue.everything(spec.id), of)
    found = cells.within(cells.counted(counts), tile)
    return cells.layer(cells_name(spec.id), None, found, tile)


def _kept(
    asked: Asked, key: Hashable, spec: LayerSpec, tile: Tile, values: Mapping[str, str]
) -> tuple[bytes, bytes | None]:
    memory: TileMemory = asked.request.app.state.tiles
    own = (asked.audience.walls, key)
    return memory.get(own) or memory.put(own, _made(asked.catalogue, spec, tile, values))


def _answer(asked: Asked, key: Hashable, make: Callable[[], bytes]) -> Response:
    """Answer with a tile: not at all where the client has it, else remembered or made."""
    own = (asked.audience.walls, key)
    digest = hashlib.blake2b(repr((asked.catalogue.edition, own)).encode(), digest_size=12)
    tag = f'W/"{digest.hexdigest()}"'
    held = unchanged(asked.request, tag)
    if held is not None:
        return held
    memory: TileMemory = asked.request.app.state.tiles
    body, small = memory.get(own) or memory.put(own, make())
    headers = {
        "ETag": tag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding, Authorization",
    }
    if not body:
        return Response(status_code=204, headers=headers)
    if small is not None and "gzip" in asked.request.headers.get("accept-encoding", ""):
        return Response(small, media_type=MVT, headers={**headers, "Content-Encoding": "gzip"})
    return Response(body, media_type=MVT, headers=headers)
