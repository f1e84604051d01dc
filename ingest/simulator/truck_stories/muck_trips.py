"""Trips of muck trucks: from their site over their permitted way, as stories tell them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.simulator.geography import MuckPermit
from ingest.simulator.road_graph import Course, Way
from ingest.simulator.truck_shift import Shift, Span
from ingest.simulator.truck_stories.story import Stage
from ingest.simulator.trucks import Truck, fill

_FILL_S = 900.0
_AROUND_S = 4200.0


def permitted_course(stage: Stage, permit: MuckPermit) -> Course:
    """The permitted way, driven."""
    return stage.roads.quiet.course(Way(permit.junctions, permit.roads))


def lasts(stage: Stage, permit: MuckPermit) -> float:
    """How long a trip with all its stops may take, seconds."""
    return float(permitted_course(stage, permit).t[-1]) + _AROUND_S


def loaded_in_hours(stage: Stage, permit: MuckPermit) -> Shift:
    """A shift that is loaded on the permit's site, ready to drive in the permit's hours."""
    return loaded_at(stage, permit, stage.within(permit.hours, lasts(stage, permit)))


def loaded_at(stage: Stage, permit: MuckPermit, moment: float) -> Shift:
    """The same at a moment of one's own."""
    shift = stage.begin(permit.site.junction, moment)
    shift.load("empty")
    fill(shift, permit, _FILL_S)
    return shift


def end_muck(stage: Stage, shift: Shift, permit: MuckPermit, *, tells_load: bool = True) -> Truck:
    """The muck truck that a permit names, at the end of its shift."""
    truck = stage.end(shift, stage.yard.vehicle("muck"), plate=permit.plate)
    return truck if tells_load else replace(truck, loads=())


def stop_beside(shift: Shift, permit: MuckPermit, seconds: float, state: str = "") -> Span:
    """Leave the way for the permit's tip, stop there, and come back to the road.

    Parameters
    ----------
    state : what is on the truck from the middle of the stop on; "" changes nothing.
    """
    road = shift.here
    assert permit.tip is not None
    shift.aside(np.array(permit.tip))
    start, _ = shift.wait(seconds / 2)
    if state:
        shift.load(state)
    _, end = shift.wait(seconds / 2)
    shift.aside(road)
    return start, end
