"""One test for each conformance class of styles; hostile names; readers' walls."""

from __future__ import annotations

from typing import Any

import defusedxml.ElementTree
import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store
from ogc_server import PUBLIC, create_app
from ogc_server.tiling.styles import MAPBOX, QML, SLD
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance_tiles import body

SPACES = {
    "sld": "http://www.opengis.net/sld",
    "se": "http://www.opengis.net/se",
    "ogc": "http://www.opengis.net/ogc",
}


def sheet(client: TestClient, name: str, language: str) -> Any:
    answer = client.get(f"/styles/{name}?f={language}")
    assert answer.status_code == 200, answer.text
    return answer


def test_ogcapi_styles_1_core(client: TestClient, city: City) -> None:
    document = body(client, "/styles?f=json")
    names = [style["id"] for style in document["styles"]]
    assert document["default"] in names and len(names) > 5
    for style in document["styles"]:
        sheets = [link for link in style["links"] if link["rel"] == "stylesheet"]
        for link in sheets:
            answer = client.get(link["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(link["type"])
        about = next(link for link in style["links"] if link["rel"] == "describedby")
        metadata = client.get(about["href"]).json()
        assert metadata["id"] == style["id"] and metadata["title"] == style["title"]
        told = {entry["link"]["href"] for entry in metadata["stylesheets"]}
        assert told == {link["href"] for link in sheets}
    own = body(client, "/collections/navigation_mark/styles?f=json")
    assert own["default"] == "navigation_mark" == own["styles"][0]["id"]
    collection = body(client, "/collections/navigation_mark")
    assert any(link["rel"].endswith("/rel/ogc/1.0/styles") for link in collection["links"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/styles/no_such", 404),
        ("/styles/no_such/metadata", 404),
        ("/styles/vessel_registry", 404),
        ("/collections/vessel_registry/styles", 404),
        ("/styles/onemap?f=qml", 400),
        ("/styles/ferry?f=csv", 400),
        ("/styles?limit=1", 400),
        ("/styles/%3Cscript%3E", 404),
    ],
)
def test_styles_that_are_not_there_are_refused(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status and answer.json()["code"]


def test_ogcapi_styles_1_html(client: TestClient) -> None:
    for path in ("/styles", "/styles/onemap", "/styles/ferry/metadata"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "<script>alert" not in answer.text


def test_ogcapi_styles_1_mapbox_style(client: TestClient, city: City) -> None:
    for name in ("onemap", "navigation_mark", "ferry", "adm_district"):
        answer = sheet(client, name, "mapbox")
        assert answer.headers["content-type"] == MAPBOX
        style = answer.json()
        assert style["version"] == 8 and "glyphs" not in style
        identities = [layer["id"] for layer in style["layers"]]
        assert len(set(identities)) == len(identities)
        for source in style["sources"].values():
            tilejson = client.get(source["url"]).json()
            assert tilejson["tilejson"] == "3.0.0"
        for layer in style["layers"]:
            if layer["type"] == "background":
                continue
            tilejson = client.get(style["sources"][layer["source"]]["url"]).json()
            assert layer["source-layer"] in {row["id"] for row in tilejson["vector_layers"]}
    assert client.get("/styles/ferry").headers["content-type"] == MAPBOX
    background = city.declaration.background
    order = [layer.get("source") for layer in sheet(client, "onemap", "mapbox").json()["layers"]]
    drawn = [order.index(name) for name in background if name in order]
    assert drawn == sorted(drawn)


def test_ogcapi_styles_1_sld_11(client: TestClient, city: City) -> None:
    for name in ("onemap", "navigation_mark", "ferry"):
        answer = sheet(client, name, "sld")
        assert answer.headers["content-type"] == SLD
        root = defusedxml.ElementTree.fromstring(answer.content)
        assert root.tag == f"{{{SPACES['sld']}}}StyledLayerDescriptor"
        assert root.get("version") == "1.1.0"
        layers = root.findall("sld:NamedLayer", SPACES)
        for layer in layers:
            spec = city.layer(layer.findtext("se:Name", namespaces=SPACES) or "")
            values = [e.text for e in layer.iterfind(".//ogc:Literal", SPACES)]
            assert values == (list(spec.style.colours) if spec.style.by else [])
            fills = layer.findall(".//se:Rule", SPACES)
            assert fills and all(rule.find("se:Name", SPACES) is not None for rule in fills)
        assert len(layers) == 1 or name == "onemap"


def test_qgis_styles_name_their_property(client: TestClient, city: City) -> None:
    answer = sheet(client, "navigation_mark", "qml")
    assert answer.headers["content-type"] == QML
    root = defusedxml.ElementTree.fromstring(answer.content, forbid_dtd=False)
    assert root.tag == "qgis" and root.find("renderer-v2/symbols/symbol") is not None


def test_styles_of_hidden_layers_are_not_there(city: City, store: Store) -> None:
    client = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    hidden = [s.id for s in city.layers.values() if s.sensitivity != "public"]
    texts = [client.get(path).text for path in ("/styles", "/styles/onemap", "/openapi")]
    texts += [client.get(f"/styles/onemap?f={f}").text for f in ("sld", "html")]
    for layer in hidden:
        assert client.get(f"/styles/{layer}").status_code == 404
        assert client.get(f"/styles/{layer}/metadata").status_code == 404
        assert client.get(f"/collections/{layer}/styles").status_code == 404
        assert not any(f'"{layer}"' in text or f">{layer}<" in text for text in texts)
