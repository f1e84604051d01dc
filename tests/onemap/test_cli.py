"""What every command owes its user: data for machines, no secrets, an honest end."""

from __future__ import annotations

from pathlib import Path

import pytest

from onemap import cli
from onemap.home import Home
from tests.running import onemap


def test_refused_lines_are_told_to_machines_too(tiny_folder: Path, tmp_path: Path) -> None:
    store, feed = tmp_path / "onemap.gpkg", tmp_path / "feed.nmea"
    feed.write_text("not a sentence\n")
    # Nothing of it could be taken.
    assert onemap("ingest", "ais", feed, city=tiny_folder, store=store).status == 1
    told = onemap("ingest", "rejects", "--json", city=tiny_folder, store=store)
    assert told.status == 0, told.error
    assert told.data["counts"] == [{"feed": "ais", "reason": "malformed", "lines": 1}]
    assert [row["raw"] for row in told.data["rows"]] == ["not a sentence"]
    out = tmp_path / "out.nmea"
    again = onemap("ingest", "rejects", "--json", "--export", out, city=tiny_folder, store=store)
    assert again.data == {"rows": 1, "file": str(out)}


def test_a_fault_has_an_id_and_shows_no_values(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        secret = "postgresql://me:hunter2@host/db"
        raise RuntimeError(f"{len(secret)} characters")

    cli._root(version=False, verbose=False)
    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capfd.readouterr().err
    assert "fault" in said and "RuntimeError" in said
    assert "hunter2" not in said.replace('secret = "postgresql://me:hunter2@host/db"', "")


def test_ctrl_c_says_that_the_work_is_kept(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("onemap.commands.layers.opened", interrupted)
    monkeypatch.setattr("sys.argv", ["onemap", "layers", "list", "--city", str(tiny_folder)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert "run the command again" in " ".join(capfd.readouterr().err.split())


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    home = Home(tmp_path, "postgresql://me:hunter2@host/db", tmp_path)
    assert home.shown == "postgresql://me:***@host/db"
    assert Home(tmp_path, "a/b.gpkg", tmp_path).shown == "a/b.gpkg"
