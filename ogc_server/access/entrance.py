"""The rules at the entrance: who comes in as whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from layers.access import LOCAL, PUBLIC, Audience
from layers.accounts import Accounts
from layers.errors import OnemapError
from layers.roles import Account, Roles
from ogc_server.access.credentials import Credentials
from ogc_server.access.tokens import Issuer, LocalTokens, TokenError


@dataclass(frozen=True)
class Reader:
    """Who asks.

    Attributes
    ----------
    name : account, or what stands for one.
    audience : his walls.
    """

    name: str
    audience: Audience


class RefusedError(Exception):
    """Credentials that let nobody in; the reason is for the log only."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Entrance:
    """Who may come in, and how.

    Attributes
    ----------
    accounts, roles : who there is; None where the server has no accounts at all.
    tokens, issuer : what signs bearer tokens.
    anonymous : whoever comes without a name, once there are accounts; None to refuse him.
    alone : whoever comes without a name as long as there are none; None to refuse him.
    clock : the time now, aware.
    """

    accounts: Accounts | None = None
    roles: Roles | None = None
    tokens: LocalTokens | None = None
    issuer: Issuer | None = None
    anonymous: Audience | None = PUBLIC
    alone: Audience | None = LOCAL
    clock: Callable[[], datetime] = field(default=_now)

    @property
    def guarded(self) -> bool:
        """Whether a name is needed to see more than what is public."""
        return bool(self.accounts) or self.issuer is not None

    def admit(self, brought: Credentials | None) -> Reader:
        """Let somebody in; `RefusedError` for whom nothing speaks."""
        if brought is None:
            audience = self.anonymous if self.guarded else self.alone
            if audience is None:
                raise RefusedError("no credentials")
            return Reader(audience.name, audience)
        account = self._account(brought)
        if account is None or self.roles is None:
            raise RefusedError("unknown credentials")
        if not account.stands(self.clock()):
            raise RefusedError("the account is disabled or expired")
        try:
            return Reader(account.name, self.roles.audience(account))
        except OnemapError as failure:
            raise RefusedError(str(failure)) from failure

    def standing(self, name: str, audience: Audience) -> Audience | None:
        """What somebody who came in earlier may see by now; None where he may not come in.

        Parameters
        ----------
        name, audience : as `admit` told them then.
        """
        if audience in (self.anonymous, self.alone) and name == audience.name:
            nameless = self.anonymous if self.guarded else self.alone
            return audience if nameless == audience else None
        account = None if self.accounts is None else self.accounts.find(name)
        if account is None or self.roles is None or not account.stands(self.clock()):
            return None
        try:
            return self.roles.audience(account)
        except OnemapError:
            return None

    def _account(self, brought: Credentials) -> Account | None:
        if self.accounts is None:
            return None
        if brought.name is not None:
            return self.accounts.verify(brought.name, brought.secret)
        return self.accounts.find(self._name(brought.secret))

    def _name(self, token: str) -> str:
        now, reasons = self.clock().timestamp(), []
        for signer in (self.tokens, self.issuer):
            if signer is None:
                continue
            try:
                return signer.name(token, now)
            except TokenError as failure:
                reasons.append(str(failure))
        raise RefusedError("; ".join(reasons) or "no tokens are taken here")
