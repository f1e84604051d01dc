"""``onemap init``: make the store and load what the city declares."""

from __future__ import annotations

from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.setup import initialise
from onemap.terminal import out, print_json


def init(city: CityOption = None, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Make the store's tables and load the city's declared rows (zones and the like).

    Harmless where they exist: declared rows that changed are updated, their old state goes to
    history.
    """
    with opened(city, store, make=True) as at:
        loaded = initialise(at.city, at.store, at.home, at=now())
        if as_json:
            print_json({layer: tally.as_dict() for layer, tally in loaded.items()})
            return
        out.print(
            f"{at.city.title.en} {at.city.title.zh}: "
            f"{len(at.city.layers)} layers in {at.home.shown}",
            markup=False,
        )
        for layer, tally in loaded.items():
            out.print(f"  {layer}: {tally.sentence()}")
