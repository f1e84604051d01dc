"""Building a demo folder: input files in real formats, a truth file, and a manifest at the end.

A build that was interrupted goes on where it was: complete files are known by the partial manifest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from ingest.simulator.declaration import (
    DemoDeclaration,
    ManifestEntry,
    RasterSection,
    Recipe,
    read_demo,
)
from ingest.simulator.elements import in_order, make_layer
from ingest.simulator.feeds import write_feeds
from ingest.simulator.geography import Geography
from ingest.simulator.layer_files import write_geojson, write_gpkg
from ingest.simulator.manifest import MANIFEST, Ledger, Manifest, digest, new_manifest
from ingest.simulator.meters import make_readings, write_readings
from ingest.simulator.place import build_geography
from ingest.simulator.rasters import planted_changes, scenes, write_scene
from ingest.simulator.surfaces import (
    NO_HEIGHT,
    NO_PERSONS,
    elevation,
    population,
    write_surface,
)
from ingest.simulator.truth import Planted, write_truth
from ingest.simulator.world import World
from layers.city import City

__all__ = ["MANIFEST", "Manifest", "ManifestEntry", "build", "demo_day"]

Progress = Callable[[int, int, str], None]
TRUTH = "truth.json"
TRUTH_OF_LAYERS = "truth_layers.json"
_LONLAT = "EPSG:4326"
_METERS = "meters/readings.csv.gz"
_FEED_STEPS = 5
_STATIC = ("layer", "raster", "meter")


def demo_day(city: City) -> date:
    """Return the day that the city's ``demo.yaml`` declares."""
    return read_demo(city).day


def build(
    city: City,
    folder: Path,
    *,
    seed: int,
    day: date,
    scale: float = 1.0,
    progress: Progress | None = None,
) -> Manifest:
    """Build the inputs of a demo city, or complete an interrupted build.

    Parameters
    ----------
    folder : where the files go; what another seed, day, scale or declaration made is overwritten.
    seed : same seed, day, scale and declarations, same bytes.
    day : the city's day that the feeds tell of.
    scale : share of the counts, 0 < scale ≤ 1; the place and what is planted are always whole.
    progress : called with steps done, steps in all, and what comes next.

    Returns
    -------
    the manifest; its entries are in the order in which they should be taken in.

    Raises
    ------
    ValueError
        for a scale that is not above 0.
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, found {scale}")
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder, new_manifest(city, seed, day, scale))
    if (folder / MANIFEST).is_file():
        if ledger.complete:
            return ledger.manifest
        (folder / MANIFEST).unlink()
    return _Build(city, folder, ledger, seed, day, scale, progress).run()


class _Build:
    def __init__(
        self,
        city: City,
        folder: Path,
        ledger: Ledger,
        seed: int,
        day: date,
        scale: float,
        progress: Progress | None,
    ) -> None:
        self._city, self._folder, self._ledger = city, folder, ledger
        self._seed, self._day, self._scale = seed, day, scale
        self._demo: DemoDeclaration = read_demo(city)
        self._progress = progress or (lambda done, total, what: None)
        self._planted: list[Planted] = []
        self._done, self._total = 0, len(self._demo.layers) + _FEED_STEPS + 3

    @cached_property
    def _geography(self) -> Geography:
        return build_geography(self._city, self._demo, self._seed)

    @cached_property
    def _world(self) -> World:
        return World(self._city, self._demo, self._geography, self._seed, self._day)

    def run(self) -> Manifest:
        entries = [self._layer(recipe) for recipe in in_order(self._demo.layers)]
        entries += self._feeds()
        entries += self._rasters()
        entries += self._meters()
        entries += self._truth()
        self._progress(self._total, self._total, "done")
        return self._ledger.close(entries)

    def _step(self, what: str) -> None:
        self._progress(min(self._done, self._total), self._total, what)
        self._done += 1

    def _path(self, file: str) -> Path:
        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _enter(self, file: str, feed: str, layer: str, rows: int, crs: str) -> ManifestEntry:
        entry = ManifestEntry(file, feed, layer, rows, digest(self._folder / file), crs)
        self._ledger.record(entry)
        return entry

    def _layer(self, recipe: Recipe) -> ManifestEntry:
        self._step(recipe.layer)
        file = f"layers/{recipe.layer}.{recipe.format}"
        done = self._ledger.finished(file)
        if done is not None:
            return done
        rows = make_layer(self._world, recipe, self._scale)
        if recipe.format == "gpkg":
            write_gpkg(self._path(file), rows, self._day)
        else:
            write_geojson(self._path(file), rows)
        return self._enter(file, "layer", recipe.layer, len(rows.shapes), _LONLAT)

    def _feeds(self) -> list[ManifestEntry]:
        # The truth file is the last one of the feeds: with it, the others are there.
        if self._ledger.finished(TRUTH) is not None:
            done = [e for e in self._ledger.all_finished() if e.feed not in _STATIC]
            return [e for e in done if e.file != TRUTH_OF_LAYERS]
        if self._demo.feeds is None:
            return []
        entries = write_feeds(
            self._city,
            self._demo,
            self._geography,
            self._folder,
            seed=self._seed,
            day=self._day,
            scale=self._scale,
            progress=self._step,
        )
        self._ledger.record(*entries)
        return entries

    def _rasters(self) -> list[ManifestEntry]:
        section = self._demo.rasters
        if section is None:
            return []
        self._step("land cover")
        return [*self._land_cover(section), *self._surfaces(section)]

    def _land_cover(self, section: RasterSection) -> list[ManifestEntry]:
        files = {year: f"rasters/{section.land_cover}_{year}.tif" for year in section.years}
        done = [self._ledger.finished(file) for file in files.values()]
        if all(done):
            return [entry for entry in done if entry is not None]
        entries = []
        for year, (pixels, transform) in scenes(self._world, section).items():
            path = self._path(files[year])
            size = write_scene(path, pixels, transform, self._city.crs, year)
            entries.append(self._raster(files[year], section.land_cover, size, str(year)))
        return entries

    def _surfaces(self, section: RasterSection) -> list[ManifestEntry]:
        entries = []
        made: tuple[tuple[str | None, Any, float], ...] = (
            (section.elevation, elevation, NO_HEIGHT),
            (section.population, population, NO_PERSONS),
        )
        for raster, make, nodata in made:
            if raster is None:
                continue
            file = f"rasters/{raster}.tif"
            done = self._ledger.finished(file)
            if done is None:
                pixels, transform = make(self._world, section.surface_pixel_m)
                path = self._path(file)
                size = write_surface(path, pixels, transform, self._city.crs, nodata)
                done = self._raster(file, raster, size)
            entries.append(done)
        return entries

    def _raster(self, file: str, raster: str, size: int, time: str = "") -> ManifestEntry:
        crs, sha256 = self._city.crs, digest(self._folder / file)
        entry = ManifestEntry(file, "raster", raster, size, sha256, crs, time)
        self._ledger.record(entry)
        return entry

    def _readings(self) -> tuple[int, list[Planted]] | None:
        section = self._demo.meters
        recipe = next((r for r in self._demo.layers if r.place == "door"), None)
        if section is None or recipe is None:
            return None
        entities = make_layer(self._world, recipe, self._scale)
        readings, planted = make_readings(self._world, section, entities, self._scale)
        return write_readings(self._path(_METERS), readings), planted

    def _meters(self) -> list[ManifestEntry]:
        self._step("meter readings")
        done = self._ledger.finished(_METERS)
        if done is not None and self._ledger.finished(TRUTH_OF_LAYERS) is not None:
            return [done]
        made = self._readings()
        if made is None:
            return []
        rows, self._planted = made
        return [self._enter(_METERS, "meter", "", rows, "")]

    def _truth(self) -> list[ManifestEntry]:
        self._step("truth of layers")
        done = self._ledger.finished(TRUTH_OF_LAYERS)
        if done is not None:
            return [done]
        planted = list(self._planted)
        if self._demo.rasters is not None:
            planted += planted_changes(self._world, self._demo.rasters)
        rows = write_truth(
            self._path(TRUTH_OF_LAYERS),
            planted,
            city=self._city.id,
            seed=self._seed,
            day=self._day,
            zone=self._city.zone,
        )
        return [self._enter(TRUTH_OF_LAYERS, "truth", "", rows, _LONLAT)]
