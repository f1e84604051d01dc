"""Accounts as a user of the command manages them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layers.errors import OnemapError
from onemap.cli import app

Run = Callable[..., str]


@pytest.fixture
def run(tiny_folder: Path, tmp_path: Path) -> Run:
    told = {"ONEMAP_CITY": str(tiny_folder), "ONEMAP_STORE": str(tmp_path / "onemap.gpkg")}

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["accounts", *arguments], env=told)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    return call


def test_an_account_is_added_listed_and_disabled(run: Run) -> None:
    added = run("add", "ana", "--role", "officer", "--unit", "PS-OH", "--department", "police")
    secret = re.search(r"not shown again\): ([a-z2-7]{32})", added)
    assert secret and f"?token=ana~{secret[1]}" in added
    (row,) = json.loads(run("list", "--json"))
    assert (row["name"], row["role"], row["jurisdictions"]) == ("ana", "officer", ["PS-OH"])
    assert secret[1] not in run("list")
    changed = run("add", "ana", "--role", "viewer")
    assert "is changed" in changed and "password" not in changed
    assert run("token", "ana", "--hours", "1").strip().count(".") == 2
    run("disable", "ana")
    assert json.loads(run("list", "--json"))[0]["disabled"] is True


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("add", "ana", "--role", "king"), "no role 'king'"),
        (("add", "ana", "--role", "viewer", "--unit", "PS-XX"), "no unit 'PS-XX'"),
        (("add", "ana", "--role", "viewer", "--department", "navy"), "no department 'navy'"),
        (("add", "../ana", "--role", "viewer"), "no name of an account"),
        (("password", "bo"), "no account 'bo'"),
        (("token", "bo"), "no account 'bo'"),
    ],
)
def test_what_is_not_declared_is_refused(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(OnemapError, match=reason):
        run(*arguments)
    assert json.loads(run("list", "--json")) == []
