"""The city's register of trucks as the entrance of terminals."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingest.decoders.jt808_messages import RegisterResult, Registration
from layers.city import City
from layers.query import Query
from layers.store import Store

LAYER, TERMINAL, PLATE = "truck_registry", "terminal_id", "plate"
_REFRESHED_EVERY = timedelta(minutes=1)


class TruckRegister:
    """Which terminal is on which truck, by the layer ``truck_registry``.

    A terminal is known by the id that its maker gave it or by its number. Where the layer is not
    declared, has no property ``terminal_id`` or is empty, every terminal is admitted.

    Parameters
    ----------
    plates : plate by number of terminal; what the register says is added.
    """

    def __init__(self, city: City, store: Store, plates: dict[str, str]) -> None:
        self._store, self._plates = store, plates
        spec = city.layers.get(LAYER)
        names = set() if spec is None else {one.name for one in spec.properties}
        self._declared = {TERMINAL, PLATE} <= names and LAYER in store.layers()
        self._read_at: datetime | None = None
        self._trucks: dict[str, str] = {}

    @property
    def binding(self) -> bool:
        """Whether only registered terminals are admitted."""
        return bool(self._trucks)

    def refresh(self, at: datetime) -> None:
        """Read the register again, once a minute at most."""
        if not self._declared or (self._read_at and at - self._read_at < _REFRESHED_EVERY):
            return
        rows = self._store.frame(Query(LAYER, skip_geometry=True)).to_dict("records")
        entered = {
            str(row[TERMINAL]): str(row[PLATE]) for row in rows if row[TERMINAL] and row[PLATE]
        }
        # Numbers of terminals are known without their leading zeros.
        numbers = {terminal.lstrip("0"): plate for terminal, plate in entered.items()}
        self._plates.update(numbers)
        self._trucks, self._read_at = entered | numbers, at

    def admit(self, told: Registration, terminal: str) -> RegisterResult:
        """Judge a registration: the terminal must be known, and be on that truck."""
        trucks = self._trucks
        on = [trucks[name] for name in (told.terminal_id, terminal) if name in trucks]
        if not trucks or told.plate in on:
            return RegisterResult.DONE
        return RegisterResult.NO_SUCH_VEHICLE if on else RegisterResult.NO_SUCH_TERMINAL

    def serves(self, terminal: str) -> bool:
        """Whether the truck of a terminal that registered before is still in the register."""
        return not self._trucks or self._plates.get(terminal) in self._trucks.values()
