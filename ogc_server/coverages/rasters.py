"""Rasters for one audience: those that it may see, and of a scene no more than its own ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import geometry_mask

from layers.crs import STORAGE, project
from layers.errors import StoreError
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.query import Box, Query, TimeInterval
from layers.rasters.archive import RasterArchive, Scene, scene_at
from layers.rasters.grid import Grid, box_between
from layers.rasters.spec import RasterSpec
from layers.rasters.window import Method, Window, read
from ogc_server.catalogue import Catalogue
from ogc_server.problem import RequestError, not_found


@dataclass(frozen=True)
class Raster:
    """One raster as an audience finds it.

    Attributes
    ----------
    spec : its declaration.
    scenes : those that can be read, in the order of time.
    broken : those that can't.
    ground : what its readers may see of it, EPSG:4326; None for all.
    """

    spec: RasterSpec
    scenes: tuple[Scene, ...]
    broken: tuple[Scene, ...] = ()
    ground: shapely.Geometry | None = None

    @property
    def state(self) -> tuple[object, ...]:
        """What answers depend on: the same state has the same pixels."""
        ground = None if self.ground is None else shapely.to_wkb(self.ground, hex=True)
        scenes = tuple(scene.path.name for scene in (*self.scenes, *self.broken))
        return (self.spec.id, scenes, ground)

    @property
    def crs(self) -> str:
        """Reference system of its latest scene, as PROJ's name."""
        return self.scenes[-1].grid.crs

    @property
    def method(self) -> Method:
        """How values between pixels are found."""
        return "nearest" if self.spec.classified else "bilinear"

    def box(self, crs: str = STORAGE) -> Box:
        """Box around all scenes, as far as it may be seen."""
        boxes = [box_between(scene.grid.bounds, scene.grid.crs, crs) for scene in self.scenes]
        a, b, c, d = zip(*(box for box in boxes if box is not None), strict=True)
        whole = min(a), min(b), max(c), max(d)
        if self.ground is None:
            return whole
        own = box_between(_bounds(self.ground), STORAGE, crs) or whole
        return _common(whole, own) or own

    def at(self, span: TimeInterval | None) -> tuple[Scene, ...]:
        """Scenes that a span of time meets, all for None, in the order of time.

        Raises
        ------
        RequestError
            404 where there is none, or the file of one is broken.
        """
        every = (*self.scenes, *self.broken)
        found = tuple(scene for scene in every if scene_at([scene], span))
        for scene in found:
            if scene in self.broken:
                words = f"'{self.spec.id}': {_fault(scene)}"
                raise RequestError(404, "NotFound", words)
        if not found:
            raise not_found(f"a scene of '{self.spec.id}' at that time")
        return found

    def window(self, scene: Scene, grid: Grid, bands: tuple[int, ...], method: Method) -> Window:
        """Read bands of a scene on a grid; what may not be seen has no value.

        Raises
        ------
        RequestError
            404 where the file is broken.
        """
        try:
            found = read(scene.path, grid, bands=bands, method=method)
        except StoreError as failure:
            raise RequestError(404, "NotFound", str(failure)) from failure
        if self.ground is not None:
            hidden = _outside(self.ground, grid)
            found.values[:, hidden] = np.ma.masked
        return found


def rasters(catalogue: Catalogue) -> list[Raster]:
    """All rasters that can be shown, in the order of declaration."""
    found = (raster(catalogue, key) for key in catalogue.city.rasters)
    return [one for one in found if one is not None and one.scenes]


def raster(catalogue: Catalogue, key: str) -> Raster | None:
    """Return one raster, None where the audience has none of that id."""
    spec = catalogue.city.rasters.get(key)
    if spec is None or catalogue.folder is None or not catalogue.audience.sees(spec):
        return None
    scenes = RasterArchive(catalogue.folder).scenes(spec)
    ground = visible_ground(catalogue) if scenes else None
    if not scenes or (ground is not None and shapely.is_empty(ground)):
        return None
    faults = [_fault(scene) for scene in scenes]
    return Raster(
        spec,
        tuple(scene for scene, fault in zip(scenes, faults, strict=True) if not fault),
        tuple(scene for scene, fault in zip(scenes, faults, strict=True) if fault),
        ground,
    )


def wanted_raster(catalogue: Catalogue, key: str) -> Raster:
    """Return one raster; RequestError 404 where the audience has none of that id."""
    found = raster(catalogue, key)
    if found is None:
        raise not_found(f"collection '{key}'")
    return found


def owns(catalogue: Catalogue, collection: str) -> bool:
    """Whether a collection is a raster of the audience."""
    return raster(catalogue, collection) is not None


def visible_ground(catalogue: Catalogue) -> shapely.Geometry | None:
    """Return the area of a reader's subtrees, EPSG:4326; None where no wall stands.

    Pixels have no jurisdiction of their own, so the outlines of units are their walls: where
    there are no outlines, nothing is seen.
    """
    prefixes = catalogue.audience.scope.jurisdictions
    if prefixes is None:
        return None
    store = catalogue.store
    present = [layer for layer in ADMINISTRATIVE_LAYERS if layer in store.layers()]
    key = ("ground", prefixes, tuple(store.revision(layer) for layer in present))
    return catalogue.remember(key, lambda: _ground(catalogue, present, prefixes))


def _ground(catalogue: Catalogue, layers: list[str], prefixes: tuple[str, ...]) -> shapely.Geometry:
    outlines = []
    for layer in layers:
        rows = catalogue.store.frame(Query(layer))
        rows = rows[rows.geometry.notna()]
        codes = rows["code"] if "code" in rows else rows["fid"]
        outlines += list(rows.geometry[codes.astype(str).str.startswith(prefixes)])
    return shapely.union_all(np.array([*outlines, shapely.Polygon()], object))


def _outside(ground: shapely.Geometry, grid: Grid) -> npt.NDArray[np.bool_]:
    shape = (grid.height, grid.width)
    here = ground
    if grid.crs != STORAGE:
        here = project(np.array([shapely.segmentize(ground, 0.01)], object), grid.crs)[0]
    outside = geometry_mask([here], shape, grid.transform)
    return np.asarray(outside, bool)


def _fault(scene: Scene) -> str | None:
    """Why a file can't be read, None where it can."""
    try:
        assert scene.grid.size
    except StoreError as failure:
        return str(failure)
    return None


def _bounds(shape: shapely.Geometry) -> Box:
    west, south, east, north = shapely.bounds(shape).tolist()
    return west, south, east, north


def _common(one: Box, other: Box) -> Box | None:
    box = max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
    return box if box[0] < box[2] and box[1] < box[3] else None
