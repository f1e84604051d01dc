"""How much a package holds beside what is cited: declared, by the city or by the platform."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from layers.city import City
from layers.declaration import read

_DEFAULT = Path(__file__).parent / "excerpt.yaml"
_FILE = "evidence.yaml"
_WEEK_MIN = 7 * 24 * 60


class Excerpt(BaseModel):
    """What is taken of tracks and of the ground.

    Attributes
    ----------
    before_min, after_min : minutes before and after each alert.
    most_fixes : fixes of one mover; of more, every so-many-th is kept beside those that are cited.
    most_ground : rows of each background layer in the picture.
    sources : for each of these where its value comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    before_min: float = Field(ge=0, le=_WEEK_MIN)
    after_min: float = Field(ge=0, le=_WEEK_MIN)
    most_fixes: int = Field(ge=2, le=200_000)
    most_ground: int = Field(ge=0, le=5_000)
    sources: dict[str, str] = Field(default_factory=dict)


def excerpt_of(city: City) -> Excerpt:
    """Read what the city declares in ``evidence.yaml``, else what the platform does.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    own = city.folder / _FILE
    return read(own if own.is_file() else _DEFAULT).into(Excerpt)
