"""Words of the report in English and Chinese."""

from __future__ import annotations

from pathlib import Path

from pydantic import RootModel

from layers.declaration import read
from layers.text import Text


class _Words(RootModel[dict[str, Text]]):
    pass


WORDS: dict[str, Text] = read(Path(__file__).parent / "words.yaml").into(_Words).root
