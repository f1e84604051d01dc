"""Planted vessels, one file for each subject: what rules must find, and what comes close to it.

To plant something, add a file here (it is found by itself) that makes `Story` objects and gives
them to `story.register`, and name them in the ``stories`` of a city's ``demo.yaml``::

    register(Story("loiters", why=Text(en="…", zh="…"), scene=_loiters, raises=("loitering",)))
    register(Story("waits_short", why=…, scene=_waits, silent=("loitering",)))

``scene(told, number, stage)`` gives the voyages: one, or several that belong together. Random
numbers come from ``stage.rng``, which each kind of story has of its own: a new story leaves the
others where they are. A voyage may be silent for spans (`Voyage.silences`), have wild fixes
(``strays``) and any `Identity`; two voyages may share one MMSI. `places` has waters and ways.

**What a story breaks is all that it breaks**: an event of any other rule counts as a false alarm,
so that a story must either keep the other rules quiet (registered name, outside of bans, …) or
name them in ``raises`` too. A story whose places or speeds no ship can have says ``unphysical``.
"""

from __future__ import annotations

from functools import lru_cache

from ingest.simulator.stories.story import BOOK, Story


@lru_cache(maxsize=1)
def discover() -> dict[str, Story]:
    """All stories by kind, sorted."""
    return BOOK.of(__name__, __path__)
