"""``onemap train fishing``: weights from a file of labels, and what is refused in one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from analytics.fishing.labels import read_labels
from analytics.fishing.model import load
from layers.errors import CrsError, OnemapError
from onemap.cli import app


@pytest.fixture
def table() -> pd.DataFrame:
    n = 300
    minute = np.tile(np.arange(n), 2)
    slow = (minute // 30) % 2 == 1
    speed = np.where(slow, 1.5, 8.0)
    return pd.DataFrame(
        {
            "vessel_id": np.repeat(["a", "b"], n),
            "time": pd.Timestamp("2026-01-01T00:00:00Z") + pd.to_timedelta(minute, unit="min"),
            "lon": np.cumsum(speed) * 0.0003,
            "lat": np.repeat([10.0, 55.0], n),
            "speed_kn": speed,
            "label": np.where(minute < 5, "", np.where(slow, "fishing", "other")),
        }
    )


def test_weights_are_trained_and_read_again(table: pd.DataFrame, tmp_path: Path) -> None:
    file, weights = tmp_path / "labels.csv", tmp_path / "new" / "weights.json"
    table.loc[7, "label"] = "swimming"
    table.to_csv(file, index=False)
    command = ["train", "fishing", str(file), "--out", str(weights), "--licence", "CC0", "--json"]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert said["read"] == 600
    assert said["rejected"] == [
        "labels.csv: row 8: label: found 'swimming', expected fishing, other or empty"
    ]
    everyone, *each = said["leave_one_vessel_out"]
    assert everyone["of"] == "all"
    assert everyone["rows"] == 589
    assert [one["of"] for one in each] == ["a", "b"]
    assert everyone["auc"] > 0.9
    meta = load(weights).meta
    assert meta["data"] == ["labels.csv"]
    assert meta["licence"] == "CC0"
    assert meta["vessels"] == 2


def test_a_table_says_the_same_to_people(table: pd.DataFrame, tmp_path: Path) -> None:
    file, weights = tmp_path / "labels.parquet", tmp_path / "weights.json"
    table.to_parquet(file)
    answer = CliRunner().invoke(app, ["train", "fishing", str(file), "--out", str(weights)])
    assert answer.exit_code == 0, answer.output
    assert "read 600 = 600 accepted + 0 rejected; 590 labelled" in answer.stdout


def test_rows_that_can_not_be_used_are_told(table: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    table = table.astype({"time": str})
    table.loc[0, "lat"] = 91
    table.loc[1, "time"] = "yesterday"
    table.loc[2, "lon"] = np.nan
    table.to_csv(file, index=False)
    read = read_labels([file])
    assert [line.split(": found")[0] for line in read.rejected] == [
        "labels.csv: row 2: time",
        "labels.csv: row 3: lon",
        "labels.csv: row 1: lat",
    ]
    assert read.read == 600


def test_files_and_planes_that_are_none_are_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    with pytest.raises(OnemapError, match="can't be read"):
        read_labels([file])
    table.drop(columns="label").to_csv(file, index=False)
    with pytest.raises(OnemapError, match="no column label"):
        read_labels([file])
    table.to_csv(file, index=False)
    with pytest.raises(CrsError, match="not projected"):
        read_labels([file], "EPSG:4326")
    with pytest.raises(CrsError, match="no coordinate reference system"):
        read_labels([file], "EPSG:0")
    assert len(read_labels([file], "EPSG:3395").labels) == 590
