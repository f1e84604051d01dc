"""One door for all inputs: which reader takes which feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ingest.take_in import ais, camera, gps, register, wim
from ingest.take_in import layer as vector
from ingest.take_in import raster as grid
from layers.city import City
from layers.errors import OnemapError
from layers.feeds import Tally
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.store import Store
from onemap.home import Home
from onemap.terminal import Report

STREAMS = {"gps": gps.take_in, "wim": wim.take_in, "camera": camera.take_in}
FEEDS = ("ais", "ais-messages", *STREAMS, "layer", "register", "raster")


def take_in(
    city: City,
    store: Store,
    home: Home,
    feed: str,
    files: Sequence[Path],
    *,
    at: datetime,
    layer: str | None = None,
    crs: str | None = None,
    source: str | None = None,
    base_time: datetime | None = None,
    time: str | None = None,
    progress: Report | None = None,
) -> Tally:
    """Take files of one feed in.

    Parameters
    ----------
    feed : ais, ais-messages, gps, wim, camera, layer, register or raster.
    layer : layer to fill, for the feeds ``layer`` and ``register``; raster for ``raster``.
    crs : reference system of the coordinates, where the file does not say it or says it wrongly.
    source : id of a source declared by the city, for its datum, zone and column names.
    base_time : time of AIS sentences that nothing dates (aware).
    time : that a raster file shows, as its declaration wants it.

    Returns
    -------
    the account: read = accepted + rejected.
    """
    folders = [str(file) for file in files if file.is_dir()]
    if folders:
        raise OnemapError(f"a folder, expected files: {', '.join(folders)}")
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise OnemapError(f"no such file: {', '.join(missing)}")
    declared = None
    if source is not None:
        if source not in city.sources:
            known = ", ".join(sorted(city.sources)) or "none"
            raise OnemapError(f"no source '{source}' in sources.yaml; declared are {known}")
        declared = city.sources[source]
    if feed == "ais":
        return ais.take_in(
            city,
            store,
            home.folder,
            files,
            source=declared,
            at=at,
            progress=progress,
            base_time=base_time,
        )
    if feed == "ais-messages":
        return _messages(city, store, home, files, at, progress)
    if feed in STREAMS:
        return STREAMS[feed](
            city, store, home.folder, files, source=declared, at=at, progress=progress
        )
    if layer is None:
        raise OnemapError(f"the feed '{feed}' needs the layer that it fills")
    if feed == "raster":
        return _rasters(city, store, home, layer, files, time, at, progress)
    city.layer(layer)
    if feed == "register":
        return register.take_in(
            city, store, home.folder, layer, files, source=declared, at=at, progress=progress
        )
    if feed == "layer":
        tally = vector.take_in(
            city,
            store,
            home.folder,
            layer,
            files,
            crs=crs,
            source=declared,
            at=at,
            progress=progress,
        )
        if layer in ADMINISTRATIVE_LAYERS:
            _locate_again(city, store)
        return tally
    raise OnemapError(f"unknown feed '{feed}'")


def _messages(
    city: City,
    store: Store,
    home: Home,
    files: Sequence[Path],
    at: datetime,
    progress: Report | None,
) -> Tally:
    total = Tally()
    for file in files:
        total.add(ais.take_in_messages(city, store, home.folder, file, at=at, progress=progress))
    return total


def _rasters(
    city: City,
    store: Store,
    home: Home,
    raster: str,
    files: Sequence[Path],
    time: str | None,
    at: datetime,
    progress: Report | None,
) -> Tally:
    total = Tally()
    for file in files:
        total.add(
            grid.take_in(
                city, store, home.folder, raster, file, time=time, at=at, progress=progress
            )
        )
    return total


def _locate_again(city: City, store: Store) -> None:
    """Tell rows that came before the units which unit they lie in."""
    present = set(store.layers())
    for spec in city.layers.values():
        if spec.id in present:
            store.relocate(spec)
