"""The city in a notebook: frames, cells, tracks and a map in a few lines.

>>> from onemap import open_city
>>> city = open_city()
>>> city.layer("street_lamp").head()
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from analytics.algorithm import Silent
from analytics.algorithms import discover, find
from analytics.table import Table
from layers.access import LOCAL
from layers.city import City
from layers.h3grid import cell_area_km2, cell_polygon, format_cell, parse_cell, resolution_of
from layers.positions import PositionStore
from layers.query import Box, Query
from layers.store import Store, open_store
from layers.store.filter import parse_cql2_text
from ogc_server.catalogue import Catalogue
from ogc_server.processes.reader import CatalogueReader
from onemap.home import Home, locate, read_city
from onemap.track import Track, read_track

if TYPE_CHECKING:
    import folium


class OneMap:
    """A city with its store open.

    Parameters
    ----------
    home : addresses of city, store and what is kept beside it.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.city: City = read_city(home)
        self.store: Store = open_store(home.store_url, self.city)

    def __enter__(self) -> OneMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def layers(self) -> pd.DataFrame:
        """The catalogue: a row for each layer with titles, domain, geometry, owner and count."""
        present = set(self.store.layers())
        rows = [
            {
                "layer": spec.id,
                "title": spec.title.en,
                "标题": spec.title.zh,
                "domain": spec.domain,
                "geometry": spec.geometry,
                "owner": spec.owner,
                "rows": self.store.count(Query(spec.id)) if spec.id in present else 0,
            }
            for spec in self.city.layers.values()
        ]
        return pd.DataFrame(rows).sort_values(["domain", "layer"], ignore_index=True)

    def layer(
        self,
        layer: str,
        *,
        bbox: Box | None = None,
        where: str | None = None,
        cell: str | None = None,
        as_of: datetime | None = None,
        limit: int | None = None,
    ) -> gpd.GeoDataFrame:
        """Rows of a layer as a GeoDataFrame in EPSG:4326.

        Parameters
        ----------
        bbox : (minx, miny, maxx, maxy), lon/lat.
        where : CQL2 text, such as ``"gross_kg > 49000"``.
        cell : H3 cell as text; everything that lies in it or touches it.
        as_of : the layer as it stood then (aware).
        """
        self.city.layer(layer)
        query = Query(
            layer,
            bbox=bbox,
            where=parse_cql2_text(where) if where else None,
            cells=(parse_cell(cell),) if cell else None,
            as_of=as_of,
            limit=limit,
        )
        return self.store.frame(query)

    def what_is_here(self, cell: str) -> pd.DataFrame:
        """Everything that the city knows of one H3 cell: rows of each layer, most first.

        Layers whose own cells are coarser than the cell asked for can't answer and are left out.
        """
        asked = parse_cell(cell)
        fine = resolution_of(asked)
        present = set(self.store.layers())
        rows = [
            {"layer": s.id, "title": s.title.en, "标题": s.title.zh, "rows": n}
            for s in self.city.layers.values()
            if s.id in present and s.h3_resolution is not None and s.h3_resolution >= fine
            if (n := self.store.count(Query(s.id, cells=(asked,))))
        ]
        return pd.DataFrame(rows, columns=["layer", "title", "标题", "rows"]).sort_values(
            "rows", ascending=False, ignore_index=True
        )

    def cells(self, layer: str, resolution: int) -> gpd.GeoDataFrame:
        """Rows per H3 cell with the cell's outline and true area; density is per km²."""
        counts = self.store.cell_counts(Query(layer), resolution)
        frame = gpd.GeoDataFrame(
            {
                "cell": [format_cell(cell) for cell in counts],
                "rows": list(counts.values()),
                "area_km2": [cell_area_km2(cell) for cell in counts],
            },
            geometry=[cell_polygon(cell) for cell in counts],
            crs="EPSG:4326",
        )
        frame["density"] = frame["rows"] / frame["area_km2"]
        return frame

    def alerts(self, rule: str | None = None) -> gpd.GeoDataFrame:
        """What the rules found, newest first."""
        where: dict[str, Any] | None = None
        if rule is not None:
            where = {"op": "=", "args": [{"property": "rule"}, rule]}
        found = self.store.frame(Query("alert", where=where))
        return found.sort_values("start_time", ascending=False, ignore_index=True)

    def track(
        self,
        mover: str,
        feed: str = "ais",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Track:
        """Fixes of one mover: an MMSI on the feed ``ais``, a plate on ``gps``.

        Parameters
        ----------
        start, end : half-open span, aware; None is open.
        """
        positions = PositionStore(self.home.positions)
        return read_track(positions, self.city, mover, feed, start, end)

    def run(self, process: str, **inputs: Any) -> dict[str, Any]:
        """Run an analysis, the same that clients execute over OGC API – Processes.

        Parameters
        ----------
        process : its id, such as ``"h3-aggregate"``; see `processes`.
        inputs : by name, JSON values.

        Returns
        -------
        its outputs by name: tables as GeoDataFrames, the rest as plain values.
        """
        algorithm = find(process)
        reader = CatalogueReader(Catalogue(self.city, self.store, LOCAL, self.home.folder))
        made = algorithm.run(reader, algorithm.read(inputs), Silent())
        return {k: v.to_frame() if isinstance(v, Table) else v for k, v in made.items()}

    def processes(self) -> pd.DataFrame:
        """The analyses that `run` takes, with their inputs."""
        rows = [
            {
                "process": one.id,
                "title": one.title.en,
                "标题": one.title.zh,
                "version": one.version,
                "inputs": ", ".join(one.inputs.model_fields),
            }
            for one in discover().values()
        ]
        return pd.DataFrame(rows)

    def map(self, *layers: str, limit: int = 5000) -> folium.Map:
        """A folium map of layers, the alerts by default."""
        import folium

        minx, miny, maxx, maxy = self.city.bounds
        shown = folium.Map(location=[(miny + maxy) / 2, (minx + maxx) / 2], tiles=None)
        for layer in layers or ("adm_street_town", "alert"):
            spec = self.city.layer(layer)
            rows = self.layer(layer, limit=limit)
            if rows.empty:
                continue
            colour = spec.style.colour
            folium.GeoJson(
                rows[["fid", rows.geometry.name]].to_json(),
                name=spec.title.zh + " " + spec.title.en,
                style_function=lambda _, colour=colour: {"color": colour, "weight": 1},
                marker=folium.CircleMarker(radius=spec.style.size_px, color=colour),
                tooltip=folium.GeoJsonTooltip(["fid"]),
            ).add_to(shown)
        folium.LayerControl().add_to(shown)
        return shown


def open_city(city: str | Path | None = None, store: str | None = None) -> OneMap:
    """Open a city for a notebook.

    Parameters
    ----------
    city : its folder; ``ONEMAP_CITY`` or the only folder under ``data/`` by default.
    store : GeoPackage path or PostgreSQL URL; ``ONEMAP_STORE`` or ``var/<city>/onemap.gpkg``.
    """
    folder = city or os.environ.get("ONEMAP_CITY")
    return OneMap(locate(Path(folder) if folder else None, store or os.environ.get("ONEMAP_STORE")))
