"""A pass over batches: what it does to the process around it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from analytics.detect import run_batches
from analytics.rule import Columns


@pytest.fixture
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_a_pass_leaves_the_collector_as_it_was(thawed: None) -> None:
    before, within = gc.get_threshold(), []

    def batches() -> Iterator[Columns]:
        within.append((gc.get_threshold() > before, gc.get_freeze_count() > 0))
        yield {}
        raise OSError("no more can be read")

    with pytest.raises(OSError, match="no more"):
        run_batches([], batches())
    assert within == [(True, True)]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_pass_leaves_alone_what_its_process_froze(thawed: None) -> None:
    gc.freeze()
    held = gc.get_freeze_count()
    assert run_batches([], iter(())) == ({}, 0)
    assert gc.get_freeze_count() == held
