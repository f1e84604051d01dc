"""``onemap terminals``: trucks speak to us."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from threading import Lock
from typing import Annotated

import orjson
import pyarrow as pa
import typer

from ingest.decoders.jt808_fixes import CLOCK_AHEAD_MS, FixDecoder
from ingest.live import gathered
from ingest.sources.network import UdpListener
from ingest.sources.terminal_codes import Codes, secret_of
from ingest.sources.terminal_session import Entrance, Heard, Limits
from ingest.sources.terminals import LONGEST_WAIT_S, MOST_ROWS, TerminalServer
from ingest.take_in.terminals import FixKeeper, TerminalIntake
from ingest.take_in.truck_lines import LineIntake
from ingest.take_in.truck_register import TruckRegister
from layers.city import Source
from layers.errors import OnemapError
from onemap.commands.addresses import source_at
from onemap.commands.options import (
    CityOption,
    JsonOption,
    Opened,
    StoreOption,
    now,
    opened,
)
from onemap.commands.serve import is_loopback
from onemap.commands.telling import tell
from onemap.live_trucks import EVERY_S, LATENESS_S, Judged, TruckWatch, has_truck_rules
from onemap.setup import create_layers
from onemap.terminal import err, out

KEY_FILE = "jt808.key"
# Files that are open beside the connections.
_OTHER_FILES = 256
# Lines of one address that are kept together, at most.
_LINES = 20_000
_DEFAULTS = Limits()


def terminals(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 6808,
    anyone: Annotated[
        bool, typer.Option("--open", help="Take locations of terminals that show no code.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Source in sources.yaml that declares their datum."),
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, help="Terminals at a time, at most.")
    ] = _DEFAULTS.connections,
    per_address: Annotated[
        int, typer.Option(min=1, help="Of these from one address.")
    ] = _DEFAULTS.per_address,
    idle_s: Annotated[
        float, typer.Option("--idle", min=1, help="Seconds of silence that end a connection.")
    ] = _DEFAULTS.idle_s,
    login_s: Annotated[
        float, typer.Option("--login", min=1, help="Seconds within which a code must be shown.")
    ] = _DEFAULTS.login_s,
    clock_ahead_s: Annotated[
        float, typer.Option("--clock-ahead", min=0, help="Seconds that a clock may be ahead.")
    ] = CLOCK_AHEAD_MS / 1000,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds between two commits, at least.")
    ] = LONGEST_WAIT_S,
    rows: Annotated[
        int, typer.Option(min=1, help="Locations that are committed together, at most.")
    ] = MOST_ROWS,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="Also read positions as JSON lines from mqtt://host:port/topic (mqtts://), "
            "tcp://host:port or udp://host:port; may be given several times."
        ),
    ] = None,
    rules: Annotated[
        bool, typer.Option(help="Run the rules on trucks, or only keep positions.")
    ] = True,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")
    ] = None,
    late_s: Annotated[
        float, typer.Option("--late", min=0, help="Seconds that the rules wait for positions.")
    ] = LATENESS_S,
    every_s: Annotated[
        float, typer.Option("--every", min=0, help="Seconds between two looks of the rules.")
    ] = EVERY_S,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve truck terminals that speak JT/T 808 (2013 and 2019) over TCP.

    A terminal registers, is given a code and shows it on each connection; where the city has a
    register of trucks with terminal_id, only its terminals are admitted. A location is answered
    once it is stored: what was not answered the terminal sends again, and it counts once. Stopped
    with Ctrl-C or SIGTERM, everything that was read is stored and answered first.

    The codes are made with ONEMAP_JT808_SECRET, else with a secret that is kept beside the store.
    """
    if anyone and not is_loopback(host):
        raise OnemapError(
            f"refusing to listen on {host} with --open: anyone could send any truck's position; "
            "without --open terminals show a code"
        )
    limits = Limits(_open_files(connections), per_address, login_s=login_s, idle_s=idle_s)
    with opened(city, store, make=True) as at:
        create_layers(at.city, at.store)
        declared = _declared(at, source)
        watch = None
        if rules and (rule or has_truck_rules(at.city)):
            watch = TruckWatch(
                at.city, at.store, at.home, now, rules=rule, lateness_s=late_s, every_s=every_s,
                report=lambda judged: _tell(judged, as_json),
            )  # fmt: skip
        name = f"terminals-{round(time.time())}-{secrets.token_hex(4)}"
        keeper = FixKeeper(at.city, at.store, at.home.folder, now, name)
        door = _door(keeper, watch)
        decoder = FixDecoder(declared.crs if declared else "EPSG:4326", round(clock_ahead_s * 1000))
        intake = TerminalIntake(at.store, at.home.folder, door, decoder=decoder, now=now)
        readers = {
            address: LineIntake(at.home.folder, address, door, source=declared, now=now)
            for address in dict.fromkeys(read or ())
        }
        register = TruckRegister(at.city, at.store, intake.plates)
        register.refresh(now())
        secret = secret_of(os.environ.get("ONEMAP_JT808_SECRET"), at.home.access / KEY_FILE)
        entrance = Entrance(Codes(secret), intake.plates, anyone, register.admit, register.serves)

        def keep(heard: Heard) -> None:
            register.refresh(now())
            intake.keep(heard)

        server = TerminalServer(
            entrance, keep, now_ms=_now_ms, limits=limits, rows=rows, wait_s=wait_s
        )
        if not as_json and not register.binding and not anyone:
            err.print("no truck_registry with terminal_id: every terminal that registers gets in")
        try:
            with asyncio.Runner(loop_factory=_loop) as runner:
                runner.run(_serve(server, host, port, readers, as_json))
        except OSError as failure:
            reason = failure.strerror or failure
            raise OnemapError(f"{host}:{port}: {reason}; choose another with --port") from failure
        finally:
            keeper.finish()
            if watch is not None:
                watch.stop()
    for reader in readers.values():
        intake.tally.add(reader.tally)
    if as_json:
        typer.echo(orjson.dumps(intake.tally.as_dict()).decode())
    else:
        out.print(intake.tally.sentence(), markup=False)


def _door(keeper: FixKeeper, watch: TruckWatch | None) -> Callable[[pa.Table], None]:
    """Give where positions go, whoever brings them: kept, then judged."""
    lock = Lock()

    def take(fixes: pa.Table) -> None:
        with lock:
            keeper(fixes)
            if watch is not None:
                watch.take(fixes)

    return take


def _tell(judged: Judged, as_json: bool) -> None:
    tell(judged.events, as_json)
    if judged.late:
        err.print(f"{judged.late} positions came too late for the rules; they are kept")


async def _serve(
    server: TerminalServer, host: str, port: int, readers: dict[str, LineIntake], as_json: bool
) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def started(port: int) -> None:
        if as_json:
            typer.echo(orjson.dumps({"host": host, "port": port}).decode())
        else:
            heard = " ".join([f"tcp://{host}:{port}", *readers])
            out.print(f"terminals on {heard}; stop with Ctrl-C", markup=False)

    reading = [asyncio.create_task(_read(*one, stop)) for one in readers.items()]
    try:
        await server.run(host, port, stop, started)
    finally:
        stop.set()
        ended = await asyncio.gather(*reading, return_exceptions=True)
    for failure in ended:
        if failure is not None:
            raise failure


async def _read(address: str, intake: LineIntake, stop: asyncio.Event) -> None:
    """Read positions from an address until it fails, which ends the server, or it is stopped."""
    listeners: list[UdpListener] = []
    try:
        lines = await source_at(address, False, listeners)
        async with aclosing(gathered(lines, rows=_LINES, wait_s=LONGEST_WAIT_S)) as lists:
            async for taken in lists:
                await asyncio.to_thread(intake.keep, taken)
                if stop.is_set():
                    break
    except OSError as failure:
        raise OnemapError(f"{address}: {failure.strerror or failure}") from failure
    finally:
        stop.set()
    if dropped := sum(listener.dropped for listener in listeners):
        err.print(f"{dropped} lines came faster than they could be read and are lost")


def _loop() -> asyncio.AbstractEventLoop:
    """Make the faster event loop, where there is one for the system."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def _open_files(connections: int) -> int:
    """Let the process have a file for each connection; how many connections that makes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        err.print(f"the system allows {hard:,} open files only: {hard - _OTHER_FILES:,} terminals")
        wanted = hard
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted - _OTHER_FILES


def _declared(at: Opened, source: str | None) -> Source | None:
    if source is None:
        return None
    if source not in at.city.sources or at.city.sources[source].feed != "gps":
        known = [one.id for one in at.city.sources.values() if one.feed == "gps"]
        raise OnemapError(
            f"no source '{source}' of feed gps in sources.yaml; "
            f"declared are {', '.join(sorted(known)) or 'none'}"
        )
    return at.city.sources[source]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
