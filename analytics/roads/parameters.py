"""What a city declares of the matching of trucks to roads (``preparation.yaml``, ``gps``)."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field, model_validator

from analytics.rule import Parameters

# Scores are whole millionths of a nat: sums of them do not depend on where they begin.
SCALE = 1_000_000


class Limits(NamedTuple):
    """`MatchingParameters` for compiled code, times in ms, scores in millionths of a nat."""

    radius_m: float
    candidates: int
    sigma_m: float
    heading_weight: float
    heading_min_mps: float
    beta_m: float
    detour: float
    detour_m: float
    step_m: float
    backward_m: float
    u_turn_m: float
    beam: int
    lag_ms: int
    lag_fixes: int
    gap_ms: int
    max_speed_mps: float
    clock_s: float
    still_m: float
    still_mps: float
    forget_ms: int


class MatchingParameters(Parameters):
    """Numbers of the method (Newson and Krumm, ACM SIGSPATIAL 2009, and what was added to it).

    Attributes
    ----------
    join_m : ends of roads as close as this meet.
    radius_m : how far from a position its road may be.
    candidates : arcs that a position is held against.
    sigma_m : standard deviation of a position across the road.
    heading_weight : concentration of the course around the road's direction (von Mises), 0 for
        none.
    heading_min_mps : a slower truck's course says nothing.
    beta_m : scale of the difference between the way by road and the straight one (exponential).
    detour, detour_m : the way by road may be this many times the straight one, and so much more.
    turn_m : what a turn by a right angle costs where ways are looked for, as a length; a way that
        was found is as long as it is.
    table_m : ways up to this length are found beforehand.
    step_sigmas : a position closer to the last one that counted does not count.
    backward_m : how far noise may bring a truck back along its arc.
    u_turn_m : what turning round costs, as a difference of ways.
    beam_nats : what is less likely than the best by more is given up.
    lag_s, lag_fixes : a match is decided by what was seen this long, or this many positions, after.
    gap_s : a longer silence ends a chain.
    max_speed_mps : what goes faster is no position of this truck, and no way by road.
    clock_s : how coarse clocks are.
    still_m : a truck this close to where it stopped still stands.
    still_mps : and one that says that it is as fast as this has not stopped.
    forget_s : a truck silent for longer is a new one.
    """

    join_m: float = Field(default=0.5, ge=0)
    radius_m: float = Field(default=50, gt=0)
    candidates: int = Field(default=8, ge=1, le=64)
    sigma_m: float = Field(default=10, gt=0)
    heading_weight: float = Field(default=4, ge=0)
    heading_min_mps: float = Field(default=2, ge=0)
    beta_m: float = Field(default=30, gt=0)
    detour: float = Field(default=2, ge=1)
    detour_m: float = Field(default=1000, ge=0)
    turn_m: float = Field(default=100, ge=0, le=1000)
    table_m: float = Field(default=1500, ge=0, le=100_000)
    step_sigmas: float = Field(default=2, ge=0)
    backward_m: float = Field(default=20, ge=0)
    u_turn_m: float = Field(default=100, ge=0)
    beam_nats: float = Field(default=20, gt=0)
    lag_s: float = Field(default=120, ge=0)
    lag_fixes: int = Field(default=10, ge=1, le=1000)
    gap_s: float = Field(default=600, gt=0)
    max_speed_mps: float = Field(default=45, gt=0)
    clock_s: float = Field(default=1, ge=0)
    still_m: float = Field(default=50, gt=0)
    still_mps: float = Field(default=1.5, gt=0)
    forget_s: float = Field(default=604_800, gt=0)

    @model_validator(mode="after")
    def _forgets_last(self) -> MatchingParameters:
        if self.forget_s < self.gap_s:
            raise ValueError("expected forget_s to be no shorter than gap_s")
        return self

    def limits(self) -> Limits:
        """The same for compiled code."""
        return Limits(
            radius_m=self.radius_m,
            candidates=self.candidates,
            sigma_m=self.sigma_m,
            heading_weight=self.heading_weight,
            heading_min_mps=self.heading_min_mps,
            beta_m=self.beta_m,
            detour=self.detour,
            detour_m=self.detour_m,
            step_m=self.step_sigmas * self.sigma_m,
            backward_m=self.backward_m,
            u_turn_m=self.u_turn_m,
            beam=round(self.beam_nats * SCALE),
            lag_ms=round(self.lag_s * 1000),
            lag_fixes=self.lag_fixes,
            gap_ms=round(self.gap_s * 1000),
            max_speed_mps=self.max_speed_mps,
            clock_s=self.clock_s,
            still_m=self.still_m,
            still_mps=self.still_mps,
            forget_ms=round(self.forget_s * 1000),
        )
