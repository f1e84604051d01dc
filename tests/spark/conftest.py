"""Tests of the extra ``spark``: by ``make test-spark`` alone, as PySpark is no core dependency."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# Not skipped but not there, so that a run that forbids skipping passes without Spark.
collect_ignore_glob = [] if os.environ.get("ONEMAP_SPARK") == "1" else ["*"]


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on two threads of this machine, heard by nobody else."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield session
    session.stop()
