"""Tiles as answers: what is asked, made or remembered, and sent with its validator."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock

from starlette.concurrency import run_in_threadpool
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
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.parameters import parse_items, refusal
from ogc_server.problem import bad_parameter, not_found
from ogc_server.revisions import Revisions
from ogc_server.tiling.tilesets import MVT, matrix_set_of

# Parameters of a layer's tiles; properties of the layer can be asked by as well.
FILTERS = ("datetime", "filter", "filter-lang", "filter-crs", "as_of")
_OF_ALL = ("datetime", "as_of", "collections")
_KEPT_BYTES, _WEIGHT_OF_A_KEY = 128 * 1024 * 1024, 500
_COMPRESSED_FROM, _COMPRESSION = 400, 4
# No tile begins so: its first byte is the key of a layer.
_GZIP = b"\x1f\x8b"
_LONGEST_NUMBER = 9


class TileMemory:
    """Tiles that were made; bounded by their size, the oldest unused ones go first."""

    def __init__(self, size: int = _KEPT_BYTES) -> None:
        self._size, self._held, self._lock = size, 0, Lock()
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """Bytes of a tile, None for none kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, body: bytes) -> bytes:
        """Keep a tile."""
        with self._lock:
            old = self._kept.pop(key, None)
            self._held += _weight(body) - (0 if old is None else _weight(old))
            self._kept[key] = body
            while self._held > self._size and self._kept:
                self._held -= _weight(self._kept.popitem(last=False)[1])
        return body


def _weight(body: bytes) -> int:
    return len(body) + _WEIGHT_OF_A_KEY


async def layer_tile(request: Request) -> Response:
    """One tile of a layer.

    A tile that the client has or that is remembered is answered sooner than a worker thread takes
    over: all it takes is the layer's revision.
    """
    catalogue: Catalogue = request.scope[CATALOGUE_KEY]
    layer = request.path_params["layer"]
    revision = None
    if not catalogue.store.prompt:
        if not catalogue.at_hand(layer):
            return await run_in_threadpool(lambda: _wanted(request).answer())
        revisions: Revisions = request.app.state.catalogues.revisions
        revision = await revisions.of(catalogue.counted(layer).id)
    wanted = _wanted(request, revision)
    ready = wanted.at_once() or wanted.light()
    return await run_in_threadpool(wanted.answer) if ready is None else ready


def _wanted(request: Request, revision: int | None = None) -> _Wanted:
    asked = Asked(request, ("mvt",))
    spec = asked.catalogue.counted(request.path_params["layer"])
    tile = asked_tile(request.path_params)
    values = {k: v for k, v in asked.values.items() if k not in ("f", "lang")}
    _refuse(spec, values)
    if revision is None:
        revision = asked.catalogue.revision(spec.id)
    key = (spec.id, revision, tuple(sorted(values.items())), _place(tile))
    return _Wanted(
        asked,
        key,
        lambda: _made(asked.catalogue, spec, tile, values),
        lambda: _light(asked.catalogue, spec, tile, values),
    )


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
            _kept(asked, (spec.id, revision, told, _place(tile)), spec, tile, values)
            for spec, (_, revision) in zip(specs, revisions, strict=True)
        )

    return _Wanted(asked, key, make).answer()


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


def _light(
    catalogue: Catalogue, spec: LayerSpec, tile: Tile, values: Mapping[str, str]
) -> bytes | None:
    """Return a tile that takes next to no time, None for any other."""
    if values or spec.sensitivity == "personal":
        return None
    return catalogue.store.light_tile(catalogue.everything(spec.id), tile)


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
) -> bytes:
    memory: TileMemory = asked.request.app.state.tiles
    own = (asked.audience.walls, key)
    found = memory.get(own)
    return memory.put(own, _made(asked.catalogue, spec, tile, values)) if found is None else found


class _Wanted:
    """A tile that is asked for: not sent where the client has it, else remembered or made.

    Parameters
    ----------
    key : names all that the tile depends on beside the reader's walls.
    make : makes it.
    light : makes it at once where it takes next to no time, else gives None.
    """

    def __init__(
        self,
        asked: Asked,
        key: Hashable,
        make: Callable[[], bytes],
        light: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        self._request, self._make, self._light = asked.request, make, light
        self._key = (asked.audience.walls, key)
        state = repr((asked.catalogue.edition, self._key))
        self._tag = f'W/"{hashlib.blake2b(state.encode(), digest_size=12).hexdigest()}"'
        self._small = "gzip" in asked.request.headers.get("accept-encoding", "")

    def at_once(self) -> Response | None:
        """Answer with next to no work, None where the tile must be made or compressed."""
        held = unchanged(self._request, self._tag)
        if held is not None:
            return held
        if self._small:
            body = self._memory.get((self._key, "gzip"))
            return None if body is None else self._sent(body)
        body = self._memory.get(self._key)
        return None if body is None else self._sent(body)

    def light(self) -> Response | None:
        """Answer with a tile that is made at once, None where that takes a worker thread."""
        body = self._memory.get(self._key)
        if body is None:
            body = self._light()
            if body is None:
                return None
            self._memory.put(self._key, body)
        if self._small and len(body) >= _COMPRESSED_FROM:
            return None
        return self._sent(self._packed(body))

    def answer(self) -> Response:
        """Answer, with the tile made where it must be."""
        return self.at_once() or self._sent(self._found())

    def _found(self) -> bytes:
        body = self._memory.get(self._key)
        if body is None:
            body = self._memory.put(self._key, self._make())
        return self._packed(body)

    def _packed(self, body: bytes) -> bytes:
        """Compress for a client that wants it so, and keep that too."""
        if not self._small:
            return body
        # What is so short that compressing it gains nothing is kept as it is.
        if len(body) >= _COMPRESSED_FROM:
            body = gzip.compress(body, _COMPRESSION, mtime=0)
        return self._memory.put((self._key, "gzip"), body)

    @property
    def _memory(self) -> TileMemory:
        memory: TileMemory = self._request.app.state.tiles
        return memory

    def _sent(self, body: bytes) -> Response:
        headers = {
            "ETag": self._tag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding, Authorization",
        }
        if not body:
            return Response(status_code=204, headers=headers)
        if self._small and body.startswith(_GZIP):
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=MVT, headers=headers)
