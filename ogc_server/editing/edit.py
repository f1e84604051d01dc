"""One request that changes rows of a layer: who asks, of which rows, and what is noted of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import geopandas as gpd
import pandas as pd
from starlette.requests import Request

from layers.errors import QueryError, StoreError
from layers.query import Query, SortKey
from layers.spec import LayerSpec
from layers.store.base import Page, Transaction
from ogc_server.asked import Asked
from ogc_server.editing.feature_body import Checked
from ogc_server.editing.versions import form_of, tag_of, version_of, whole_row
from ogc_server.features import collection_url
from ogc_server.places import JURISDICTION
from ogc_server.problem import RequestError, not_found

LINEAGE = "lineage"
_IDS_NOTED = 100
Json = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """One request that changes rows of a layer.

    Attributes
    ----------
    spec : the layer as it is stored, without what is published beside.
    fid : the row that the path names, "" for none.
    now : when it becomes true, aware.
    """

    asked: Asked
    spec: LayerSpec
    fid: str
    now: datetime

    @classmethod
    def of(cls, request: Request) -> Edit:
        """Read what is asked for; RequestError 404 for a layer that who asks may not see."""
        asked = Asked(request, ("json",))
        asked.refuse_parameters()
        spec = asked.catalogue.city.layers[asked.layer().id]
        return cls(asked, spec, request.path_params.get("fid", ""), datetime.now(UTC))

    def whole(self) -> Query:
        """Return the question for all of the row that the path names."""
        return whole_row(self.asked.catalogue, self.spec, self.fid)

    def standing(self, unit: Transaction) -> Page:
        """Return the row that the path names; RequestError 404 where there is none for who asks."""
        try:
            page = unit.page(self.whole())
        except QueryError:
            page = None
        if page is None or not page.fids:
            raise not_found(f"item '{self.fid}' of collection '{self.spec.id}'")
        return page

    def put(self, unit: Transaction, what: str, rows: Checked) -> None:
        """Write rows, and see to it that who asks answers for where they are now.

        Raises
        ------
        RequestError
            422 for what the store can't hold, 403 for rows that who asks would see no more.
        """
        source = self.note(unit, what, rows.fids)
        try:
            unit.upsert(self.spec, rows.frame, at=self.now, source=source)
        except StoreError as failure:
            raise RequestError(422, "InvalidFeature", str(failure)) from failure
        query = self.asked.catalogue.everything(self.spec.id)
        seen = unit.page(query.but(fids=tuple(rows.fids), limit=len(rows.fids), properties=()))
        if len(seen.fids) != len(rows.fids):
            words = "the feature would lie outside of what you answer for"
            raise RequestError(403, "OutsideJurisdiction", words)

    def note(self, unit: Transaction, what: str, fids: list[str]) -> str:
        """Keep who did what as a row of the lineage; return its id, the source of the rows.

        It lies in the unit of who asks, so that his colleagues see what he did.
        """
        key = f"edit/{uuid.uuid4().hex}"
        about = {"by": self.asked.actor, "what": what, "layer": self.spec.id}
        row = {
            "lineage_id": key,
            "feed": "edit",
            "ingested_at": self.now,
            "read_rows": len(fids),
            "accepted_rows": len(fids),
            "rejected_rows": 0,
            "counts": about | {"ids": fids[:_IDS_NOTED]},
            JURISDICTION: self.home_unit(),
        }
        frame = gpd.GeoDataFrame(pd.DataFrame({name: [value] for name, value in row.items()}))
        unit.upsert(self.asked.catalogue.city.layer(LINEAGE), frame, at=self.now, source=key)
        return key

    def tag(self, unit: Transaction, fid: str) -> str:
        """Entity tag of a row as it stands now, in the form that it is read in by default."""
        page = unit.page(whole_row(self.asked.catalogue, self.spec, fid))
        return tag_of(version_of(page), form_of(self.asked.base, {}))

    def url(self, fid: str) -> str:
        """Address of a row."""
        return f"{collection_url(self.asked.base, self.spec.id)}/items/{quote(fid)}"

    def home_unit(self) -> str | None:
        """Code of the unit of who asks, for rows without a place; None for the whole city."""
        prefixes = self.asked.audience.scope.jurisdictions or ()
        if len(prefixes) != 1:
            return None
        codes = self.asked.catalogue.city.jurisdictions
        return min((code for code in codes if code.startswith(prefixes[0])), default=None)

    def with_ids(self, unit: Transaction, features: list[Json]) -> list[Json]:
        """Features with an id each: the one given, else a new one."""
        key_name, found = self.spec.id_field, []
        counted = self.spec.property(key_name).type == "integer"
        number = self._next_number(unit) if counted else 0
        for feature in features:
            properties = dict(feature.get("properties") or {})
            key = properties.get(key_name)
            if key in (None, ""):
                key = feature.get("id")
            if key in (None, ""):
                key = number if counted else uuid.uuid4().hex
                number += 1
            found.append({**feature, "properties": {**properties, key_name: key}})
        return found

    def _next_number(self, unit: Transaction) -> int:
        """One more than the largest id of all rows, seen or not."""
        key = self.spec.id_field
        last = unit.page(
            Query(
                self.spec.id,
                properties=(key,),
                sort=(SortKey(key, descending=True),),
                limit=1,
                skip_geometry=True,
            )
        )
        return int(last.rows[0][0]) + 1 if last.rows else 1

    def named(self, standing: Page, feature: Json) -> Json:
        """Return the feature under the id of its path; RequestError 422 for another one in it."""
        key = self.spec.id_field
        own = standing.rows[0][standing.names.index(key)]
        properties = dict(feature.get("properties") or {})
        for given in (feature.get("id"), properties.get(key)):
            if given not in (None, "") and str(given) != self.fid:
                words = f"{key}: a row keeps its id: found {given!r}, expected {own!r}"
                raise RequestError(422, "InvalidFeature", words, key)
        return {**feature, "properties": {**properties, key: own}}
