"""What a city declares of the preparation of AIS rows (``preparation.yaml``)."""

from __future__ import annotations

from pydantic import Field

from analytics.kernels.segmenter import SegmenterLimits
from analytics.names import NameTables
from analytics.rule import Parameters


class SegmenterParameters(Parameters):
    """When positions of one MMSI are those of one vessel; see `analytics.kernels.segmenter`."""

    max_gap_s: float = Field(default=86_400, gt=0)
    penalty_s: float = Field(default=14_400, gt=0)
    buffer_s: float = Field(default=900, gt=0)
    max_speed_kn: float = Field(default=25, gt=0)
    ambiguity: float = Field(default=10, ge=1)
    coarse_s: float = Field(default=3600, ge=0)
    most_open: int = Field(default=32, ge=2, le=200)

    def limits(self) -> SegmenterLimits:
        """The same for the kernel."""
        return SegmenterLimits(
            max_gap_s=self.max_gap_s,
            penalty_s=self.penalty_s,
            buffer_s=self.buffer_s,
            max_speed_mps=self.max_speed_kn * 1852 / 3600,
            ambiguity=self.ambiguity,
            coarse_s=self.coarse_s,
            most_open=self.most_open,
        )


class BuoyParameters(Parameters):
    """When a sender that only drifts and tells nothing of a hull is a net buoy.

    Attributes
    ----------
    drift_mps : a buoy is hardly ever faster.
    fixes : positions that are needed to say so.
    fast_share : share of faster ones that is still believed to be noise.
    """

    drift_mps: float = Field(default=1.5, gt=0)
    fixes: int = Field(default=60, ge=1)
    fast_share: float = Field(default=0.02, ge=0, lt=1)


class PreparationParameters(Parameters):
    """Everything of it.

    Attributes
    ----------
    names : tables about names; rules that declare none of their own use them too.
    ship_types : AIS types that claim to be a fishing boat; likewise.
    forget_s : a sender silent for longer is a new one.
    """

    names: NameTables = Field(default_factory=NameTables)
    ship_types: tuple[int, ...] = (30,)
    segmenter: SegmenterParameters = Field(default_factory=SegmenterParameters)
    buoys: BuoyParameters = Field(default_factory=BuoyParameters)
    forget_s: float = Field(default=604_800, gt=0)
