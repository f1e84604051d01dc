"""Roles that a city declares, and accounts that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from layers.access import Audience, Right
from layers.errors import OnemapError
from layers.query import Scope
from layers.spec import Sensitivity
from layers.subtrees import prefixes
from layers.text import Text

NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
DEFAULT_ROLES = Path(__file__).parent / "access.yaml"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_persons(reads: tuple[Sensitivity, ...]) -> tuple[Sensitivity, ...]:
    if "personal" in reads:
        raise ValueError("personal layers are never read as rows, only counted by cells")
    return reads


class Role(_Declared):
    """What holders of a role may see and do.

    Attributes
    ----------
    reads : layers of these sensitivities exist for them, public ones always.
    departments : ``own`` limits restricted layers, findings and editing to their own departments.
    rights : what they may do beyond reading.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    title: Text
    reads: Annotated[tuple[Sensitivity, ...], AfterValidator(_no_persons)]
    departments: Literal["own", "all"] = "own"
    rights: tuple[Right, ...] = ()


class Account(_Declared):
    """Somebody who signs in.

    Attributes
    ----------
    name : what he signs in with.
    role : id of a declared role.
    jurisdictions : codes of the units whose subtrees he sees; empty for the whole city.
    departments : ids of the departments he works for.
    disabled : signs in no more, whatever he holds.
    expires : from then on likewise (aware), None for never.
    """

    name: str = Field(pattern=f"^{NAME}$")
    role: str
    jurisdictions: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    disabled: bool = False
    expires: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether the account may be used at a moment."""
        return not self.disabled and (self.expires is None or now < self.expires)


class Roles:
    """The roles of a city, and what its units and departments make of them.

    Parameters
    ----------
    roles : by id.
    parents : code of the parent of each declared unit.
    departments : ids of all declared departments.
    """

    def __init__(
        self,
        roles: dict[str, Role],
        parents: Mapping[str, str | None],
        departments: frozenset[str],
    ) -> None:
        self.roles, self._departments = roles, departments
        self._prefixes = prefixes(parents)

    def check(self, account: Account) -> None:
        """Refuse an account that names what the city hasn't declared; OnemapError saying what."""
        if account.role not in self.roles:
            known = ", ".join(self.roles)
            raise OnemapError(f"no role '{account.role}' is declared; there are {known}")
        for code in account.jurisdictions:
            if self._prefixes.get(code) is None:
                raise OnemapError(f"no unit '{code}' is declared in jurisdictions.yaml")
        for department in account.departments:
            if department not in self._departments:
                raise OnemapError(f"no department '{department}' is declared in city.yaml")

    def audience(self, account: Account) -> Audience:
        """Return the walls of an account's holder; equal accounts give equal audiences.

        Raises
        ------
        OnemapError
            where the account names what the city hasn't declared: nobody is let in by mistake.
        """
        self.check(account)
        role = self.roles[account.role]
        own = frozenset(account.departments) if role.departments == "own" else None
        units = tuple(sorted(self._prefixes[code] or "" for code in account.jurisdictions)) or None
        parts = [role.id, *(units or ("*",)), *(sorted(own) if own is not None else ("*",))]
        return Audience(
            name=":".join(parts),
            sensitivities=frozenset({"public", *role.reads}),
            scope=Scope(units, None if own is None else tuple(sorted(own))),
            departments=own,
            rights=frozenset(role.rights),
        )
