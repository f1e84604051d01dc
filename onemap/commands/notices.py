"""``onemap notices``: what people are told, and whether it reached them."""

from __future__ import annotations

import os
import signal
import threading
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cases.channels import open_channels
from cases.channels.peer import peer_channels
from cases.notices import read_notices
from cases.outbox import Delivered, Outbox
from cases.peers import read_peers
from layers.store.notices import NoticeRecords
from onemap.commands.options import CityOption, JsonOption, Opened, StoreOption, now, opened
from onemap.terminal import out, print_json


class Shown(StrEnum):
    """Statuses of notices to list."""

    waiting = "waiting"
    sent = "sent"
    failed = "failed"


app = typer.Typer(no_args_is_help=True, help="Notices: what waits, what went out, what failed.")


@app.command()
def deliver(
    once: Annotated[bool, typer.Option(help="Send what is due now and end.")] = False,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send notices by the channels that the city declares, until stopped.

    Secrets come from the environment variables that notices.yaml names. A notice is sent at least
    once, whatever dies meanwhile; its key tells a receiver of a second time.
    """
    with opened(city, store) as at:
        outbox = outbox_of(at)
        try:
            if once:
                _say(outbox.deliver(), as_json)
                return
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            outbox.run(stop)
        finally:
            outbox.close()


@app.command("list")
def list_(
    status: Annotated[Shown | None, typer.Option(help="Only these; all by default.")] = None,
    case: Annotated[str | None, typer.Option(help="Only notices about this case.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List notices, the newest first; neither words nor recipients are shown."""
    with opened(city, store) as at:
        records = NoticeRecords(at.store)
        chosen = None if status is None else status.value
        rows = [
            {
                "key": one.key,
                "status": one.status,
                "channel": one.channel,
                "template": one.template,
                "case": one.about,
                "created": one.created.isoformat(),
                "attempts": one.attempts,
                "fault": one.fault,
            }
            for one in records.listed(status=chosen, about=case, limit=limit)
        ]
    if as_json:
        print_json(rows)
        return
    table = Table("key", "status", "channel", "template", "case", "created", "attempts", "fault")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)


@app.command()
def retry(
    keys: Annotated[list[str], typer.Argument(help="Keys of notices that failed.")],
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Try notices that were given up once more."""
    with opened(city, store) as at:
        number = NoticeRecords(at.store).again(keys, now())
    out.print(f"{number} of {len(keys)} notices are tried again")


def outbox_of(at: Opened) -> Outbox:
    """Open the outbox of a store with the channels of its city, and those to other nodes."""
    declared = read_notices(at.city)
    channels = open_channels(declared, os.environ)
    channels |= peer_channels(read_peers(at.city), os.environ)
    return Outbox(NoticeRecords(at.store), channels, declared.retry, now)


def _say(done: Delivered, as_json: bool) -> None:
    if as_json:
        print_json({"sent": done.sent, "postponed": done.postponed, "failed": done.failed})
    else:
        out.print(f"{done.sent} sent, {done.postponed} tried again later, {done.failed} given up")
