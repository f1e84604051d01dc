"""A declaration is read safely, and what can't be read is named with its file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.city import City
from layers.declaration import MAX_BYTES, read
from layers.errors import DeclarationError, OnemapError


@pytest.fixture
def folder(tiny_copy: Path) -> Path:
    """A city that may be spoilt."""
    return tiny_copy


def refusal(folder: Path) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        City(folder)
    return caught.value


class TestAFileAsAWhole:
    def test_missing(self, tmp_path: Path) -> None:
        error = refusal(tmp_path)
        assert error.file == tmp_path / "city.yaml"
        assert "No such file" in error.reason

    def test_that_is_a_folder(self, folder: Path) -> None:
        (folder / "sources.yaml").unlink()
        (folder / "sources.yaml").mkdir()
        assert "directory" in refusal(folder).reason

    @pytest.mark.parametrize("content", ["", "# nothing\n", "- a\n- b\n", "5\n", "null\n"])
    def test_without_a_mapping(self, folder: Path, content: str) -> None:
        (folder / "city.yaml").write_text(content, encoding="utf-8")
        assert "expected a mapping" in refusal(folder).reason

    @pytest.mark.parametrize("content", ["", "- a\n", "sources: 7\n", "sources: {a: 1}\n"])
    def test_without_its_table(self, folder: Path, content: str) -> None:
        (folder / "sources.yaml").write_text(content, encoding="utf-8")
        error = refusal(folder)
        assert error.field == "sources"
        assert "expected a list under 'sources'" in error.reason

    def test_of_five_megabytes(self, folder: Path) -> None:
        with (folder / "city.yaml").open("a", encoding="utf-8") as out:
            out.write("# " + "x" * 5_000_000)
        assert f"larger than {MAX_BYTES} bytes" in refusal(folder).reason

    def test_in_another_encoding(self, folder: Path) -> None:
        path = folder / "jurisdictions.yaml"
        path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
        error = refusal(folder)
        assert (error.file, error.line) == (path, 2)
        assert "not UTF-8 at byte" in error.reason

    def test_nested_a_thousand_deep(self, folder: Path) -> None:
        (folder / "city.yaml").write_text("a: " + "[" * 5000, encoding="utf-8")
        error = refusal(folder)
        assert error.line == 1
        assert "nested too deeply" in error.reason

    def test_with_the_other_suffix_is_not_overlooked(self, folder: Path) -> None:
        path = folder / "layers" / "camera.yaml"
        path.rename(path.with_suffix(".yml"))
        error = refusal(folder)
        assert error.file.name == "camera.yml"
        assert "rename" in error.reason

    @pytest.mark.parametrize("name", ["cell_cover", "gpkg_contents", "rtree_x", "camera_history"])
    def test_of_a_layer_that_would_take_a_table_of_the_store(self, folder: Path, name: str) -> None:
        text = (folder / "layers" / "navigation_mark.yaml").read_text(encoding="utf-8")
        path = folder / "layers" / f"{name}.yaml"
        path.write_text(text.replace("navigation_mark", name), encoding="utf-8")
        assert "the stores need" in refusal(folder).reason

    def test_with_a_byte_order_mark_is_read(self, folder: Path) -> None:
        path = folder / "city.yaml"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert City(folder).id == "tiny"


class TestALayerOfThePlatform:
    @pytest.fixture
    def alert(self, folder: Path) -> Path:
        """The city's own version of a layer that every city has."""
        import layers.city

        path = folder / "layers" / "alert.yaml"
        text = (layers.city.SYSTEM_LAYERS / "alert.yaml").read_text(encoding="utf-8")
        text = text.replace("domain: operations", "domain: town")
        path.write_text(text.replace("owner: operations", "owner: police"), encoding="utf-8")
        return path

    def test_may_be_extended(self, folder: Path, alert: Path) -> None:
        with alert.open("a", encoding="utf-8") as out:
            out.write("  - {name: note, type: string, title: {en: Note, zh: 备注}}\n")
        assert City(folder).layer("alert").property("note").type == "string"

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (r"  - {name: confidence.*\n", "", "needs 'confidence' of type number"),
            (r"name: start_time, type: datetime", "name: start_time, type: date", "type datetime"),
            (r"geometry: Geometry", "geometry: Point", "has Geometry"),
        ],
    )
    def test_may_not_lose_what_the_platform_needs(
        self, folder: Path, alert: Path, old: str, new: str, reason: str
    ) -> None:
        text = alert.read_text(encoding="utf-8")
        alert.write_text(re.sub(old, new, text, count=1), encoding="utf-8")
        error = refusal(folder)
        assert error.file == alert
        assert reason in error.reason


class TestDates:
    def test_stay_text_until_a_model_reads_them(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_text("day: 2020-07-01\n", encoding="utf-8")
        assert read(file).content == {"day": "2020-07-01"}


@given(st.binary(max_size=300))
def test_no_bytes_bring_the_reader_down(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = tmp_path_factory.mktemp("bytes", numbered=True) / "any.yaml"
    file.write_bytes(raw)
    try:
        read(file)
    except OnemapError as error:
        assert str(file) in str(error)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@?,. \n\t0169~é", max_size=60))
def test_no_text_brings_the_reader_down(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("text", numbered=True) / "any.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        declaration = read(file)
    except OnemapError as error:
        assert str(file) in str(error)
    else:
        assert declaration.line(()) >= 0
