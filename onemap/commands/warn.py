"""``onemap warn``: warnings for the public, issued, taken over and ended."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import shapely
import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cases.cap import read_cap, write_cap
from cases.warnings import (
    LAYER,
    Certainty,
    Message,
    Severity,
    Status,
    Urgency,
    WarningError,
    ended,
    of_row,
    publish,
)
from layers.declaration import read
from layers.jurisdictions import ADMINISTRATIVE_LAYERS
from layers.query import Query
from layers.text import Text
from onemap.commands.options import CityOption, Opened, StoreOption, now, opened
from onemap.setup import create_layers
from onemap.terminal import out

app = typer.Typer(no_args_is_help=True, help="Warnings for the public (CAP 1.2).")


class Draft(BaseModel):
    """A warning as somebody writes it, in a YAML file.

    Attributes
    ----------
    units : codes of the units that are warned; their outlines are the area.
    polygon : (lon, lat) pairs of an area of its own.
    hours : how long it holds, where ``expires`` is not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Text
    headline: Text
    description: Text = Text(en="", zh="")
    instruction: Text = Text(en="", zh="")
    area: Text
    category: tuple[str, ...]
    response: tuple[str, ...] = ()
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    status: Status = "Actual"
    units: tuple[str, ...] = ()
    polygon: tuple[tuple[float, float], ...] = ()
    onset: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    hours: float = Field(default=24, gt=0, le=24 * 31)
    contact: str = ""


@app.command()
def issue(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML; see docs.")],
    sender: Annotated[str, typer.Option(help="Who warns, such as operations@city.example.")],
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Issue a warning that a YAML file describes; prints its identifier."""
    draft = read(file).into(Draft)
    with opened(city, store, make=True) as at:
        message = _message(draft, at, sender, now())
        _publish(at, message)
    out.print(f"{message.ident} is issued", markup=False)


@app.command()
def take(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CAP 1.2 XML.")],
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Take over a warning that another sender issued."""
    with opened(city, store, make=True) as at:
        message = read_cap(file.read_bytes())
        _publish(at, message)
    out.print(f"{message.ident} of {message.sender} is taken over", markup=False)


@app.command()
def end(
    ident: Annotated[str, typer.Argument(help="Identifier of the warning.")],
    why_en: Annotated[str, typer.Option("--why", help="Why it is over, in English.")],
    why_zh: Annotated[str, typer.Option("--why-zh", help="The same in Chinese.")],
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """End a warning: issue a message that cancels it."""
    with opened(city, store) as at:
        standing = _standing(at, ident)
        message = ended(standing, str(uuid.uuid4()), now(), Text(en=why_en, zh=why_zh))
        _publish(at, message)
    out.print(f"{ident} is ended by {message.ident}", markup=False)


@app.command()
def show(
    ident: Annotated[str, typer.Argument(help="Identifier of the warning.")],
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Write a warning as CAP 1.2 XML."""
    with opened(city, store) as at:
        typer.echo(write_cap(_standing(at, ident)).decode())


def _publish(at: Opened, message: Message) -> None:
    create_layers(at.city, at.store)
    with at.store.transaction() as unit:
        publish(unit, at.city, message, at=now())


def _standing(at: Opened, ident: str) -> Message:
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()}
        for row in at.store.frame(Query(LAYER, fids=(ident,))).to_dict("records")
    ]
    if not rows:
        raise WarningError(f"there is no warning '{ident}'")
    return of_row(rows[0])


def _message(draft: Draft, at: Opened, sender: str, clock: datetime) -> Message:
    return Message(
        ident=str(uuid.uuid4()),
        sender=sender,
        sent=clock,
        status=draft.status,
        kind="Alert",
        event=draft.event,
        headline=draft.headline,
        description=draft.description,
        instruction=draft.instruction,
        area=draft.area,
        category=draft.category,
        response=draft.response,
        urgency=draft.urgency,
        severity=draft.severity,
        certainty=draft.certainty,
        effective=clock,
        onset=draft.onset,
        expires=draft.expires or clock + timedelta(hours=draft.hours),
        contact=draft.contact,
        geocodes=draft.units,
        shape=_area(draft, at),
    )


def _area(draft: Draft, at: Opened) -> shapely.Geometry | None:
    unknown = [code for code in draft.units if code not in at.city.jurisdictions]
    if unknown:
        raise WarningError(f"units: no unit is called {', '.join(unknown)}")
    parts = [shapely.Polygon(draft.polygon)] if draft.polygon else []
    for layer in set(ADMINISTRATIVE_LAYERS) & set(at.store.layers()):
        parts += list(at.store.frame(Query(layer, fids=draft.units)).geometry.values)
    return shapely.union_all(parts) if parts else None
