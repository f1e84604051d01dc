"""What is declared of repeat offenders and patrols, by the city or by the platform."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from layers.city import City
from layers.declaration import read

_DEFAULT = Path(__file__).parent / "enforcement.yaml"
_FILE = "enforcement.yaml"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RepeatParameters(_Declared):
    """When somebody, or some place, is one of repeat.

    Attributes
    ----------
    times : alerts within the period that make a repeat offender.
    period_days : length of the period, days.
    fleet_share : share of a firm's trucks with an alert in the period beyond which the firm is one.
    corridor_resolution : H3 resolution of the cells that make up corridors.
    station_layers, site_layers : layers that a reference of an alert must be of to name a station
        or a site.
    cells_listed : cells named with each row, those with most alerts.
    """

    times: int = Field(ge=2, le=10_000)
    period_days: float = Field(gt=0, le=36_600)
    fleet_share: float = Field(gt=0, le=1)
    corridor_resolution: int = Field(ge=0, le=12)
    station_layers: tuple[str, ...]
    site_layers: tuple[str, ...]
    cells_listed: int = Field(ge=1, le=1_000)


class PatrolParameters(_Declared):
    """How a patrol is planned.

    Attributes
    ----------
    resolution : H3 resolution of a place.
    places : shifts a week in all: each is one team in one place for one window.
    teams : at most so many shifts in one window.
    shift_h : length of a window, hours; windows follow one another from the city's midnight.
    fit_share : share of the span of alerts that the plan is made from; the rest is held out.
    longest_h : of an alert that lasted longer only the hour in which it began counts.
    """

    resolution: int = Field(ge=0, le=12)
    places: int = Field(ge=1, le=1_000)
    teams: int = Field(ge=1, le=1_000)
    shift_h: int = Field(ge=1, le=24)
    fit_share: float = Field(gt=0, lt=1)
    longest_h: float = Field(ge=0, le=168)

    @field_validator("shift_h")
    @classmethod
    def _fits_a_day(cls, value: int) -> int:
        if 24 % value:
            raise ValueError("must divide 24, so that windows are the same each day")
        return value


class Enforcement(_Declared):
    """All of it, each value with its source."""

    repeat: RepeatParameters
    patrol: PatrolParameters
    sources: dict[str, str]

    @model_validator(mode="after")
    def _sourced(self) -> Enforcement:
        named = {f"repeat.{name}" for name in RepeatParameters.model_fields}
        named |= {f"patrol.{name}" for name in PatrolParameters.model_fields}
        if named != set(self.sources):
            odd = sorted(named ^ set(self.sources))
            raise ValueError(f"sources: exactly one for each parameter; see {', '.join(odd)}")
        return self


def enforcement_of(city: City) -> Enforcement:
    """Read what the city declares in ``enforcement.yaml``, else what the platform does.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    own = city.folder / _FILE
    return read(own if own.is_file() else _DEFAULT).into(Enforcement)
