"""A city is a folder of declarations: two of them load, and code knows neither by name."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import jsonschema
import pytest
import shapely

from layers.city import City
from layers.errors import DeclarationError, UnknownLayerError
from layers.spec import LayerSpec, json_schema

ROOT = Path(__file__).parents[2]
ROOMS = ("layers", "analytics", "ingest", "cases", "ogc_server", "onemap")


@pytest.fixture(scope="module")
def pudong(pudong_folder: Path) -> City:
    return City(pudong_folder)


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture(scope="module", params=["pudong", "tiny"])
def city(request: pytest.FixtureRequest) -> City:
    found: City = request.getfixturevalue(request.param)
    return found


def own_layers(city: City) -> list[LayerSpec]:
    """The layers that the city itself declares."""
    return [city.layer(path.stem) for path in sorted((city.folder / "layers").glob("*.yaml"))]


class TestAnyCity:
    def test_has_the_layers_of_every_city(self, city: City) -> None:
        assert {"alert", "case_event", "vessel_position", "truck_position"} <= set(city.layers)

    def test_has_the_layers_that_rules_and_feeds_name(self, city: City) -> None:
        needed = {
            "camera": {"device_id", "homography", "width_px", "height_px", "calibrated_at"},
            "shopfront": {"shop_id", "outside", "allowed_offset_m", "outdoor_permit"},
            "marine_zone": {"zone_id", "kind", "legal_basis", "in_force_from", "in_force_to"},
            "wim_station": {"station_id", "road_id", "lanes", "error_share", "verify_until"},
            "vessel_registry": {"registry_id", "mmsi", "registered_from", "registered_to"},
            "adm_district": {"code", "name_zh", "name_en", "parent"},
            "adm_street_town": {"code", "name_zh", "name_en", "parent"},
        }
        for layer, names in needed.items():
            assert names <= {p.name for p in city.layer(layer).properties}, layer
        assert not city.layer("vessel_registry").has_geometry

    def test_says_everything_in_both_languages(self, city: City) -> None:
        for spec in own_layers(city):
            for text in [spec.title, spec.description, *(p.title for p in spec.properties)]:
                assert text.en.strip(), spec.id
                assert re.search("[\u4e00-\u9fff]", text.zh) or text.zh == text.en, (spec.id, text)

    def test_publishes_valid_schemas(self, city: City) -> None:
        for spec in city.layers.values():
            jsonschema.Draft202012Validator.check_schema(json_schema(spec, "zh"))

    def test_names_each_property_once_under_one_type(self, city: City) -> None:
        """The same name means the same thing in every layer, as far as its type goes."""
        types: dict[str, set[str]] = {}
        for spec in own_layers(city):
            for p in spec.properties:
                types.setdefault(p.name, set()).add(p.type)
        assert {name for name, kinds in types.items() if len(kinds) > 1} == set()

    def test_has_content_that_fits_its_layer(self, city: City) -> None:
        for content in city.declaration.contents:
            frame = gpd.read_file(city.path(content.file))
            spec = city.layer(content.layer)
            assert set(frame.columns) - {"geometry"} <= {p.name for p in spec.properties}
            assert set(frame.geom_type) == {spec.geometry}
            assert shapely.is_valid(frame.geometry.to_numpy()).all()
            assert frame[spec.id_field].is_unique

    def test_lies_inside_its_bounds_and_around_its_towns(self, city: City) -> None:
        assert city.declaration.outline is not None
        outline = gpd.read_file(city.path(city.declaration.outline)).union_all()
        assert shapely.box(*city.bounds).contains(outline)
        towns = [u for u in city.jurisdictions.values() if u.level == "town" and u.centre]
        assert towns
        for town in towns:
            assert town.centre is not None
            assert outline.contains(shapely.Point(town.centre)), town.code

    def test_gives_layers_by_name_or_says_which_there_are(self, city: City) -> None:
        assert city.layer("camera").id == "camera"
        with pytest.raises(UnknownLayerError, match="declared are a"):
            city.layer("unicorn")

    @pytest.mark.parametrize("path", ["../x", "/etc/hosts", "a/../../x", "content/../../../x"])
    def test_opens_no_file_outside_of_its_folder(self, city: City, path: str) -> None:
        with pytest.raises(DeclarationError, match="leaves the city's folder"):
            city.path(path)

    def test_has_words_for_made_up_data(self, city: City) -> None:
        assert city.declaration.synthetic is not None


class TestPudong:
    def test_has_seven_domains_four_of_them_named_in_the_source(self, pudong: City) -> None:
        domains = pudong.declaration.domains
        assert Counter(d.provenance for d in domains) == {"seed": 4, "proposal": 3}
        for domain in domains:
            assert domain.scope is not None
            assert ("proposed" in domain.scope.en) == (domain.provenance == "proposal")

    def test_has_several_layers_in_every_domain(self, pudong: City) -> None:
        counts = Counter(spec.domain for spec in own_layers(pudong))
        assert set(counts) == {d.id for d in pudong.declaration.domains}
        assert min(counts.values()) >= 2
        assert counts.total() == 50

    def test_has_33_departments_116_event_types_of_the_study_and_two_of_its_own(
        self, pudong: City
    ) -> None:
        assert len(pudong.departments) == 33
        assert len(pudong.event_types) == 116 + 2
        assert pudong.event_types["0504"].handle_hours == 2
        assert pudong.event_types["2101"].provenance.startswith("our_extension")
        assert all(code[:2] in code and len(code) == 4 for code in pudong.event_types)

    @pytest.mark.real
    def test_has_the_36_towns_of_the_public_table(self, pudong: City, real_data: Path) -> None:
        table = json.loads((real_data / "places" / "pudong_subdistricts_towns.json").read_text())
        public = {r["code"]: r["name"] for r in table if r["name"].endswith(("街道", "镇"))}
        declared = {u.code: u.title.zh for u in pudong.jurisdictions.values() if u.level == "town"}
        assert len(declared) == 36
        assert declared == public

    def test_marks_every_town_with_where_its_centre_comes_from(self, pudong: City) -> None:
        for unit in pudong.jurisdictions.values():
            if unit.level == "town":
                assert re.fullmatch(
                    r"verified_code centre_(memory|bank_branches_[1-9])", unit.provenance
                )

    def test_invents_no_code_of_a_village(self, pudong: City) -> None:
        villages = [u for u in pudong.jurisdictions.values() if u.level == "village"]
        assert [u.title.zh for u in villages] == ["界浜村"]
        for unit in villages:
            assert "-V" in unit.code
            assert "synthetic_code" in unit.provenance
            assert unit.parent == "310115132"

    def test_takes_both_kinds_of_village_codes(self, pudong: City) -> None:
        pattern = pudong.layer("adm_village").property("code").pattern
        assert pattern is not None
        for code in ("310115132001", "310115132-V01"):
            assert re.fullmatch(pattern, code)

    def test_keeps_people_as_counts_only(self, pudong: City) -> None:
        personal = [s for s in own_layers(pudong) if s.sensitivity == "personal"]
        assert [s.id for s in personal] == ["population_cell"]
        assert personal[0].id_field == "cell"
        words = re.compile(r"(^|_)(phone|id_card|surname|resident|person_name)(_|$)")
        for spec in own_layers(pudong):
            named = {p.name for p in spec.properties if words.search(p.name)}
            assert named <= {"phone_ref"}, spec.id

    def test_quotes_codes_only_with_their_provenance(self, pudong: City) -> None:
        for spec in own_layers(pudong):
            if spec.standard is not None and spec.standard.codes:
                assert spec.standard.provenance, spec.id
        assert pudong.layer("fire_facility").standard.codes == ("0113",)  # type: ignore[union-attr]

    def test_gives_each_layer_an_owner_duty_and_colour(self, pudong: City) -> None:
        specs = own_layers(pudong)
        assert all(spec.update is not None for spec in specs)
        assert {spec.owner for spec in specs} <= set(pudong.departments)
        colours = Counter(spec.style.colour for spec in specs)
        assert max(colours.values()) <= 2

    def test_declares_a_feed_in_each_offset_system(self, pudong: City) -> None:
        assert {"GCJ-02", "BD-09", "EPSG:4326"} <= {s.crs for s in pudong.sources.values()}
        assert {s.feed for s in pudong.sources.values()} == {
            "ais", "gps", "wim", "camera", "layer", "register",
        }  # fmt: skip

    def test_looks_at_the_sea_where_the_vessel_of_the_source_lay(self, pudong: City) -> None:
        zones = gpd.read_file(pudong.path("content/marine_zone.geojson")).set_index("zone_id")
        vessel = shapely.Point(121.912727, 30.858462)
        assert shapely.box(*pudong.bounds).contains(vessel)
        around = set(zones[zones.contains(vessel)]["kind"])
        assert "watch" in around
        assert "fishing_ban" not in around

    @pytest.mark.real
    def test_outline_of_our_own_lies_close_to_a_real_one(
        self, pudong: City, real_data: Path
    ) -> None:
        assert pudong.declaration.outline is not None
        ours = gpd.read_file(pudong.path(pudong.declaration.outline)).set_crs(4326, True)
        real = gpd.read_file(real_data / "places" / "ecnu_shanghai_districts_4490.geojson")
        real = real[real["县名"] == "浦东新区"]
        a = ours.to_crs(pudong.crs).union_all()
        b = real.to_crs(pudong.crs).union_all()
        assert a.intersection(b).area / a.union(b).area >= 0.85


class TestTheSecondCity:
    def test_is_elsewhere_in_every_respect(self, pudong: City, tiny: City) -> None:
        assert tiny.bounds[2] < 0
        assert tiny.bounds[3] < 0
        assert tiny.crs != pudong.crs
        assert tiny.zone == ZoneInfo("America/Santiago") != pudong.zone
        assert not set(tiny.departments) & set(pudong.departments)
        assert not set(tiny.event_types) & set(pudong.event_types)
        assert not set(tiny.jurisdictions) & set(pudong.jurisdictions)
        assert not {d.id for d in tiny.declaration.domains} & {
            d.id for d in pudong.declaration.domains
        }

    def test_is_tiny(self, tiny: City) -> None:
        assert len(own_layers(tiny)) == 14
        assert [u.level for u in tiny.jurisdictions.values()] == ["district", *["town"] * 3]


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_in_code_knows_the_demo_city(room: str, pudong: City) -> None:
    """Names, codes and coordinates of a city stand in its folder and in tests only."""
    known = re.compile(
        r"pudong|浦东|上海|Shanghai|yangtze|长江|HUPUYU|310115|(?<![\d.])12[12]\.\d{2,}|(?<![\d.])3[01]\.\d{3,}",
        re.IGNORECASE,
    )
    towns = {u.title.zh for u in pudong.jurisdictions.values()}
    for path in sorted((ROOT / room).rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not known.search(line), f"{path}:{number}: {line.strip()}"
            assert not any(name in line for name in towns), f"{path}:{number}: {line.strip()}"
