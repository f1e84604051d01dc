"""The AIS messages that the simulator sends, as bits (field widths of ITU-R M.1371-5, annex 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.nmea import Bytes, Field, Ints, pack, text_bits

Floats = npt.NDArray[np.float64]
NO_HEADING = 511


@dataclass(frozen=True)
class Reports:
    """Position reports of many ships; every column has shape (n,).

    Attributes
    ----------
    mmsi : 9-digit numbers.
    t : Unix seconds, UTC.
    lon, lat : degrees, EPSG:4326.
    sog_kn : speed over ground in knots.
    cog : course over ground in degrees.
    heading : whole degrees, 511 for none.
    status : navigational status, 0 under way, 1 at anchor, 5 moored, 7 fishing.
    """

    mmsi: Ints
    t: Ints
    lon: Floats
    lat: Floats
    sog_kn: Floats
    cog: Floats
    heading: Ints
    status: Ints

    def __len__(self) -> int:
        return len(self.mmsi)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Reports:
        """The chosen reports."""
        return Reports(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Identity:
    """What a ship says of itself, once for all its messages.

    Attributes
    ----------
    name, callsign, destination : six-bit ASCII.
    ship_type : AIS code, 30 fishing, 52 tug, 60-69 passenger, 70-79 cargo, 0 unknown.
    bow, stern, port, starboard : metres from the antenna.
    draught_dm : decimetres.
    """

    mmsi: int
    name: str
    callsign: str = ""
    imo: int = 0
    ship_type: int = 0
    bow: int = 0
    stern: int = 0
    port: int = 0
    starboard: int = 0
    draught_dm: int = 0
    destination: str = ""


def _tenths(values: Floats) -> Ints:
    return np.rint(values * 10).astype(np.int64)


def _minutes(values: Floats, share: int) -> Ints:
    return np.rint(values * 60 * share).astype(np.int64)


def _where(r: Reports) -> list[Field]:
    course = _tenths(r.cog) % 3600
    return [
        (np.minimum(_tenths(r.sog_kn), 1022), 10),
        (1, 1),
        (_minutes(r.lon, 10_000), 28),
        (_minutes(r.lat, 10_000), 27),
        (course, 12),
        (r.heading, 9),
        (r.t % 60, 6),
    ]


def class_a(r: Reports, kind: int = 1) -> Bytes:
    """Types 1 and 3, position reports of class A; 168 bits."""
    head: list[Field] = [(kind, 6), (0, 2), (r.mmsi, 30), (r.status, 4), (-128, 8)]
    return pack([*head, *_where(r), (0, 2), (0, 3), (0, 1), (r.t % 60 * 7 + 2249, 19)], len(r))


def class_b(r: Reports) -> Bytes:
    """Type 18, position reports of class B; 168 bits."""
    head: list[Field] = [(18, 6), (0, 2), (r.mmsi, 30), (0, 8)]
    flags: list[Field] = [
        (0, 2),
        (1, 1),
        (0, 1),
        (1, 1),
        (1, 1),
        (1, 1),
        (0, 1),
        (0, 1),
        (917_510, 20),
    ]
    return pack([*head, *_where(r), *flags], len(r))


def long_range(r: Reports) -> Bytes:
    """Type 27, position reports for satellites; a tenth of a minute; 96 bits."""
    speed = np.minimum(np.rint(r.sog_kn).astype(np.int64), 62)
    course = np.rint(r.cog).astype(np.int64) % 360
    place: list[Field] = [(_minutes(r.lon, 10), 18), (_minutes(r.lat, 10), 17)]
    head: list[Field] = [(27, 6), (3, 2), (r.mmsi, 30), (0, 1), (0, 1), (r.status, 4)]
    return pack([*head, *place, (speed, 6), (course, 9), (0, 1), (0, 1)], len(r))


def _column(ships: Sequence[Identity], name: str) -> Ints:
    return np.array([getattr(ship, name) for ship in ships], np.int64)


def _size(ships: Sequence[Identity]) -> list[Field]:
    widths = (("bow", 9), ("stern", 9), ("port", 6), ("starboard", 6))
    return [(_column(ships, name), width) for name, width in widths]


def static_a(ships: Sequence[Identity], arrival: tuple[int, int, int, int]) -> Bytes:
    """Type 5, static and voyage data of class A; 424 bits.

    Parameters
    ----------
    arrival : month, day, hour and minute of the estimated arrival, UTC.
    """
    month, day, hour, minute = arrival
    fields: list[Field] = [
        *((5, 6), (0, 2), (_column(ships, "mmsi"), 30), (0, 2), (_column(ships, "imo"), 30)),
        (text_bits([ship.callsign for ship in ships], 7), 42),
        (text_bits([ship.name for ship in ships], 20), 120),
        (_column(ships, "ship_type"), 8),
        *_size(ships),
        *((1, 4), (month, 4), (day, 5), (hour, 5), (minute, 6)),
        (_column(ships, "draught_dm"), 8),
        (text_bits([ship.destination for ship in ships], 20), 120),
        *((0, 1), (0, 1)),
    ]
    return pack(fields, len(ships))


def static_b_name(ships: Sequence[Identity]) -> Bytes:
    """Type 24 part A, the name of a class B ship; 168 bits."""
    name = text_bits([ship.name for ship in ships], 20)
    fields: list[Field] = [
        (24, 6),
        (0, 2),
        (_column(ships, "mmsi"), 30),
        (0, 2),
        (name, 120),
        (0, 8),
    ]
    return pack(fields, len(ships))


def static_b_hull(ships: Sequence[Identity]) -> Bytes:
    """Type 24 part B, type, call sign and size of a class B ship; 168 bits."""
    callsign = text_bits([ship.callsign for ship in ships], 7)
    fields: list[Field] = [
        *((24, 6), (0, 2), (_column(ships, "mmsi"), 30), (1, 2)),
        *((_column(ships, "ship_type"), 8), (text_bits(["SIM"] * len(ships), 3), 18)),
        *((1, 4), (_column(ships, "mmsi") % 1_000_000, 20), (callsign, 42)),
        *_size(ships),
        (0, 6),
    ]
    return pack(fields, len(ships))


def base_station(mmsi: Ints, t: Ints, lon: Floats, lat: Floats) -> Bytes:
    """Type 4, the clock and place of a base station; 168 bits."""
    moment = t.astype("datetime64[s]")
    day = moment.astype("datetime64[D]")
    month = moment.astype("datetime64[M]")
    year = moment.astype("datetime64[Y]")
    fields: list[Field] = [
        *((4, 6), (0, 2), (mmsi, 30), (year.astype(np.int64) + 1970, 14)),
        ((month - year.astype("datetime64[M]")).astype(np.int64) + 1, 4),
        ((day - month.astype("datetime64[D]")).astype(np.int64) + 1, 5),
        *((t // 3600 % 24, 5), (t // 60 % 60, 6), (t % 60, 6), (1, 1)),
        *((_minutes(lon, 10_000), 28), (_minutes(lat, 10_000), 27)),
        *((7, 4), (0, 10), (0, 1), (0, 19)),
    ]
    return pack(fields, len(mmsi))


def aid_to_navigation(
    names: Sequence[str], mmsi: Ints, t: Ints, lon: Floats, lat: Floats, kind: int = 20
) -> Bytes:
    """Type 21, a buoy or light; 272 bits.

    Parameters
    ----------
    kind : type of aid; 20 is a cardinal mark N, 24 a port hand mark.
    """
    fields: list[Field] = [
        *((21, 6), (0, 2), (mmsi, 30), (kind, 5), (text_bits(names, 20), 120), (1, 1)),
        *((_minutes(lon, 10_000), 28), (_minutes(lat, 10_000), 27)),
        *((2, 9), (2, 9), (2, 6), (2, 6), (1, 4), (t % 60, 6)),
        *((0, 1), (0, 8), (0, 1), (0, 1), (0, 1), (0, 1)),
    ]
    return pack(fields, len(names))
