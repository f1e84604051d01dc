"""What a way of sending is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from layers.errors import OnemapError
from layers.store.notice import Notice


class DeliveryError(OnemapError):
    """A notice did not go out.

    Attributes
    ----------
    for_good : whether trying again is of no use, such as for a number that does not exist.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Channel(ABC):
    """A way of sending notices."""

    @abstractmethod
    def send(self, notice: Notice) -> None:
        """Send a notice; return once the other side has answered for it.

        Raises
        ------
        DeliveryError
            where it did not.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Let go of connections."""


class Inbox(Channel):
    """The embedded inbox: what is in the outbox for it has arrived."""

    def send(self, notice: Notice) -> None:
        """See `Channel.send`."""


def secret(environment: Mapping[str, str], name: str | None) -> str | None:
    """Read a secret from the environment; None where none is declared.

    Raises
    ------
    OnemapError
        naming the variable, where it is declared and not set.
    """
    if name is None:
        return None
    value = environment.get(name)
    if not value:
        raise OnemapError(f"the environment variable {name} is not set; a notice channel needs it")
    return value
