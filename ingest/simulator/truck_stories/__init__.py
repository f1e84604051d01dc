"""Planted trucks, one file for each subject: what rules must find, and what comes close to it.

To plant something, add a file here (it is found by itself) that makes `Story` objects and gives
them to `story.register`, and name them in ``trucks: stories`` of a city's ``demo.yaml``::

    register(Story("drives_on", why=Text(en="…", zh="…"), scene=_on, raises=("fatigue",)))
    register(Story("rests_in_time", why=…, scene=_rests, silent=("fatigue",)))

``scene(number, stage)`` builds the truck's day with a `Shift`. Random numbers come from
``stage.rng``, which each kind of story has of its own: a new story leaves the others where they
are. `ways` has ways over the roads: tours, ways along one street, ways around something.

**What a story breaks is all that it breaks**: it drives at `KEEPS_OF_LIMIT` of speed limits, on
``stage.roads.quiet`` (no limited roads, no street with a weigh station), unless it is about these.
"""

from __future__ import annotations

from functools import lru_cache

from ingest.simulator.truck_stories.story import BOOK, Story


@lru_cache(maxsize=1)
def discover() -> dict[str, Story]:
    """All stories by kind, sorted."""
    return BOOK.of(__name__, __path__)
