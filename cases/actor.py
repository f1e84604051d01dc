"""Who does something to a case."""

from __future__ import annotations

from dataclasses import dataclass

from layers.access import LOCAL, Audience
from layers.city import City
from layers.roles import Account

PLATFORM = "platform"


@dataclass(frozen=True)
class Actor:
    """A person, or the platform itself.

    Attributes
    ----------
    name : of the account; written into the log.
    audience : what he sees and may do.
    role : id of his role; written into the log.
    alone : whether nobody else could act, so that rules that ask for another person don't hold.
    """

    name: str
    audience: Audience
    role: str = ""
    alone: bool = False

    @classmethod
    def of(cls, account: Account, city: City) -> Actor:
        """Return the holder of an account.

        Raises
        ------
        OnemapError
            where the account names what the city hasn't declared.
        """
        return cls(account.name, city.roles.audience(account), account.role)

    @classmethod
    def local(cls) -> Actor:
        """Whoever sits at the machine of a city without accounts."""
        return cls("local", LOCAL, "local", alone=True)

    @classmethod
    def platform(cls) -> Actor:
        """Return the platform itself: rules that find, joint tasks that conclude."""
        return cls(PLATFORM, LOCAL, PLATFORM)
