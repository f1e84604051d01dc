"""Requests that the API definition allows, and some that it does not, made up from a seed.

ONEMAP_FUZZ_EXAMPLES chooses how many for each operation; `make fuzz` takes many and every layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette

from layers.city import City
from layers.query import Query
from layers.store import Store
from ogc_server import create_app
from tests.served import LAYER, filled_store

pytestmark = pytest.mark.fuzz
EXAMPLES = int(os.environ.get("ONEMAP_FUZZ_EXAMPLES", "8"))
THOROUGH = EXAMPLES > 50
# A layer of points with times, a register without places, and what the analyses write.
LAYERS = {LAYER, "vessel_registry", "alert"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def store(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("fuzz") / "city.gpkg"
    opened = filled_store(City(tiny_folder), path, many=20, few=20)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(tiny_folder: Path, store: Store) -> Starlette:
    # The name that requests made in the same process go to.
    return create_app(City(tiny_folder), store, hosts=["testserver"])


@pytest.fixture(scope="module")
def api(app: Starlette) -> Any:
    return schemathesis.openapi.from_asgi("/openapi?f=json", app)


def test_the_definition_is_valid_openapi(api: Any) -> None:
    flaws = [f"{list(e.absolute_path)}: {e.message}" for e in validator(api).iter_errors()]
    assert not flaws


def validator(api: Any) -> OpenAPIV30SpecValidator:
    return OpenAPIV30SpecValidator(api.raw_schema)


def operations(api: Any) -> Iterator[Any]:
    """Every operation, of some layers only unless the run is thorough."""
    for result in api.get_all_operations():
        operation = result.ok()
        parts = operation.path.split("/")
        of_layer = parts[1] == "collections" and len(parts) > 2 and "{" not in parts[2]
        if THOROUGH or not of_layer or parts[2] in LAYERS:
            yield operation


def real(store: Store, path: str) -> dict[str, str]:
    """Values for a path's parameters that stand for something that is there."""
    layer = next((part for part in path.split("/") if part in LAYERS), LAYER)
    known = {
        "collectionId": layer,
        "featureId": store.page(Query(layer, limit=1)).fids[0],
        "processID": "echo",
    }
    return {name: value for name, value in known.items() if f"{{{name}}}" in path}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server_or_the_definition(
    mode: GenerationMode, api: Any, store: Store
) -> None:
    failures, tried = [], 0
    for operation in operations(api):
        given_values = [{}, real(store, operation.path)] if "{" in operation.path else [{}]
        for values in given_values:
            if values or not (given_values[1:] and mode is GenerationMode.NEGATIVE):
                failures += _tried(operation, mode, values)
                tried += 1
    assert tried > 20
    assert not failures, "\n\n".join(failures)


def checks(case: Any) -> list[Any]:
    """All checks, but where a standard has a wrong value taken and not refused.

    A limit above the maximum is the maximum (OGC 17-069r4); the reference system of a box that is
    not given is not looked at (OGC 21-038r1).
    """
    query = case.query or {}
    limit = str(query.get("limit", ""))
    taken = limit.isascii() and limit.isdigit() and int(limit) > 100
    taken = taken or ("bbox-crs" in query and "bbox" not in query)
    return [one for one in CHECKS if not (taken and one is negative_data_rejection)]


def _tried(operation: Any, mode: GenerationMode, values: dict[str, str]) -> list[str]:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=values or None))
    def probe(case: Any) -> None:
        case.call_and_validate(checks=checks(case))

    try:
        probe()
    except Exception as failure:
        if "Unsatisfiable" in type(failure).__name__ or "cannot be negated" in str(failure).lower():
            return []
        parts = getattr(failure, "exceptions", [failure])
        return [f"{operation.label}: {part}"[:1500] for part in parts]
    return []
