"""pygeoapi's feature provider over the store, by the same reading of parameters as elsewhere."""

from __future__ import annotations

from typing import Any

from pygeoapi.provider.base import (
    BaseProvider,
    ProviderInvalidQueryError,
    ProviderItemNotFoundError,
    SchemaType,
)
from pygeofilter.backends.cql2_json import to_cql2

from layers.errors import QueryError, TooSlowError
from layers.spec import json_schema
from ogc_server.catalogue import Catalogue
from ogc_server.features import feature_dicts, matched
from ogc_server.parameters import ItemsRequest, parse_items
from ogc_server.problem import RequestError


class StoreProvider(BaseProvider):  # type: ignore[misc]
    """Rows of one layer as features.

    Parameters
    ----------
    provider_def : ``data`` is the `Catalogue` of the audience, ``layer`` the id of the layer.
    """

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__({**provider_def, "data": provider_def["layer"]})
        self._catalogue: Catalogue = provider_def["data"]
        self._spec = self._catalogue.layer(provider_def["layer"])
        self.get_fields()

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """JSON Schema of each property by name; nested values are described as objects."""
        properties = json_schema(self._spec)["properties"]
        self._fields = {
            name: {**entry, "type": entry.get("type", "object")}
            for name, entry in properties.items()
        }
        return self._fields

    def get_schema(self, schema_type: SchemaType = SchemaType.item) -> tuple[str, dict[str, Any]]:
        """Media type and JSON Schema of a feature."""
        return "application/geo+json", json_schema(self._spec)

    def query(
        self,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: list[float] | None = None,
        datetime_: str | None = None,
        properties: list[tuple[str, str]] | None = None,
        sortby: list[dict[str, str]] | None = None,
        select_properties: list[str] | None = None,
        skip_geometry: bool = False,
        filterq: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Answer a page as a GeoJSON feature collection.

        Parameters
        ----------
        bbox : minx, miny, maxx, maxy in the storage's CRS (CRS84).
        properties : equality filters.
        filterq : pygeofilter's tree of a filter.
        options : ``crs_transform_spec`` names the CRS of the answer; others are not used.

        Raises
        ------
        ProviderInvalidQueryError
            for a value that can't be used.
        """
        values = dict(properties or ())
        values |= {"offset": str(offset), "limit": str(limit), "resulttype": resulttype}
        values["skipGeometry"] = str(bool(skip_geometry)).lower()
        if bbox:
            values["bbox"] = ",".join(map(str, bbox))
        if datetime_:
            values["datetime"] = datetime_
        if sortby:
            signs = {"+": "", "-": "-"}
            values["sortby"] = ",".join(signs[key["order"]] + key["property"] for key in sortby)
        if select_properties:
            values["properties"] = ",".join(select_properties)
        if filterq is not None:
            values |= {"filter": to_cql2(filterq), "filter-lang": "cql2-json"}
        return self._answer(self._read(values, options.get("crs_transform_spec")))

    def _read(self, values: dict[str, str], transform: Any) -> ItemsRequest:
        if transform is not None:
            values["crs"] = transform.target_crs_uri
        try:
            return parse_items(self._catalogue, self._spec, values)
        except RequestError as failure:
            raise ProviderInvalidQueryError(user_msg=failure.description) from failure

    def _answer(self, request: ItemsRequest) -> dict[str, Any]:
        try:
            page = None if request.hits else self._catalogue.store.page(request.query)
            total = matched(self._catalogue, request, page)
        except (QueryError, TooSlowError) as failure:
            raise ProviderInvalidQueryError(user_msg=str(failure)) from failure
        features = feature_dicts(request, page) if page is not None else []
        return {
            "type": "FeatureCollection",
            "features": features,
            "numberMatched": total,
            "numberReturned": len(features),
        }

    def get(self, identifier: str, **options: Any) -> dict[str, Any]:
        """One feature; ProviderItemNotFoundError where there is none."""
        request = self._read({}, options.get("crs_transform_spec"))
        page = self._catalogue.store.page(request.query.but(fids=(identifier,), limit=1))
        if not page.fids:
            raise ProviderItemNotFoundError(f"item {identifier} not found")
        return feature_dicts(request, page)[0]
