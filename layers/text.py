"""Words for people, in Chinese and English."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Text(BaseModel):
    """One thing said in English and in Chinese.

    A declaration writes it as ``{en: Manhole cover, zh: 井盖}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str
    zh: str

    def say(self, language: str = "en") -> str:
        """Return the words in a language: Chinese for any ``zh…`` tag, else English."""
        return self.zh if language.lower().startswith("zh") else self.en
