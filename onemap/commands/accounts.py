"""``onemap accounts``: who may sign in, as what, and with which app passwords."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from layers.accounts import Accounts
from layers.errors import OnemapError
from layers.roles import NAME, Account
from onemap.commands.options import CityOption, JsonOption, StoreOption, now
from onemap.entrance import local_tokens
from onemap.home import Home, locate, read_city
from onemap.terminal import err, out, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Who may sign in. As long as there is no account, the map is for this machine alone.",
)
Name = Annotated[str, typer.Argument(help="What he signs in with.")]


def _at(city: CityOption, store: StoreOption) -> tuple[Home, Accounts]:
    home = locate(city, store)
    return home, Accounts(home.access)


def _known(accounts: Accounts, name: str) -> Account:
    account = accounts.find(name)
    if account is None:
        raise OnemapError(f"there is no account '{name}'")
    return account


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="Id of a role; see access.yaml of the city.")],
    unit: Annotated[
        list[str] | None, typer.Option(help="Code of a unit whose subtree he sees; all if none.")
    ] = None,
    department: Annotated[
        list[str] | None, typer.Option(help="Id of a department he works for.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0, help="The account ends after so many days.")
    ] = None,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Add an account or change it; a new one gets an app password, which is told this once."""
    home, accounts = _at(city, store)
    if not re.fullmatch(NAME, name):
        raise OnemapError(f"'{name}' is no name of an account: letters, digits and . _ @ -")
    account = Account(
        name=name,
        role=role,
        jurisdictions=tuple(unit or ()),
        departments=tuple(department or ()),
        expires=None if days is None else now() + timedelta(days=days),
    )
    roles = read_city(home).roles
    roles.check(account)
    if roles.roles[role].departments == "own" and not account.departments:
        err.print(f"[yellow]a {role} without --department[/yellow] finds no restricted layer,")
        err.print("no finding, and may edit nothing")
    new = accounts.find(name) is None
    accounts.put(account)
    out.print(f"account '{name}' is {'added' if new else 'changed'}")
    if new:
        _tell(accounts, name)


@app.command()
def password(name: Name, city: CityOption = None, store: StoreOption = None) -> None:
    """Make another app password for an account, such as one for each program."""
    _, accounts = _at(city, store)
    _tell(accounts, name)


def _tell(accounts: Accounts, name: str) -> None:
    secret = accounts.new_secret(name)
    out.print(f"app password (not shown again): {secret}")
    out.print(f"where only an address can be given: ?token={name}~{secret}")


@app.command()
def token(
    name: Name,
    hours: Annotated[float, typer.Option(min=0.01, help="How long it is good for.")] = 12,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Print a bearer token (JWT) for an account."""
    home, accounts = _at(city, store)
    _known(accounts, name)
    typer.echo(local_tokens(home).issue(name, now().timestamp(), hours))


@app.command()
def disable(name: Name, city: CityOption = None, store: StoreOption = None) -> None:
    """Let an account in no more: its app passwords are dropped, its tokens worthless."""
    _, accounts = _at(city, store)
    accounts.put(_known(accounts, name).model_copy(update={"disabled": True}))
    dropped = accounts.drop_secrets(name)
    out.print(f"account '{name}' is disabled; {dropped} app passwords dropped")


@app.command("list")
def list_(city: CityOption = None, store: StoreOption = None, json: JsonOption = False) -> None:
    """List the accounts."""
    _, accounts = _at(city, store)
    rows = [account.model_dump(mode="json") for account in accounts.all()]
    if json:
        print_json(rows)
        return
    table = Table("name", "role", "units", "departments", "state")
    for row in rows:
        state = "disabled" if row["disabled"] else (row["expires"] or "")
        units, departments = ", ".join(row["jurisdictions"]), ", ".join(row["departments"])
        table.add_row(row["name"], row["role"], units or "all", departments, state)
    out.print(table)
