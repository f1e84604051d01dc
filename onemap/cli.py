"""The ``onemap`` command."""

from __future__ import annotations

import logging
import sys
import uuid
from importlib import import_module
from typing import Any

import structlog
import typer
from rich.markup import escape
from typer.core import TyperGroup

from layers.errors import OnemapError
from onemap import __version__
from onemap.terminal import err

# Commands in the order in which they are listed, and the module of each.
_COMMANDS = {
    "init": "init", "demo": "demo", "run": "demo", "ingest": "ingest", "detect": "detect",
    "evaluate": "detect", "watch": "watch", "terminals": "terminals", "layers": "layers",
    "process": "process", "evidence": "evidence", "tracks": "tracks", "train": "train",
    "accounts": "accounts", "notices": "notices", "warn": "warn", "serve": "serve",
}  # fmt: skip


class Commands(TyperGroup):
    """The commands, each imported when it is used: nobody waits for what others need."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of listing."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command or group of a name, None where there is none."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"onemap.commands.{_COMMANDS[cmd_name]}")
        if hasattr(module, "app"):
            group = typer.main.get_group(module.app)
            group.name = cmd_name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_command(alone)


app = typer.Typer(
    name="onemap",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "The open city brain: every governance element a layer on one H3 grid, "
        "one map for any GIS client.\n\n"
        "Start with [bold]onemap run[/bold]: it builds the demo city, plays its feeds "
        "and serves the map."
    ),
    rich_markup_mode="rich",
)

_INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Write the log to standard error."),
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            # A rich traceback would print local variables: addresses with passwords, personal data.
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Asked for anew each time: what stood there when this was set may be closed by then.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def main() -> None:
    """Run the command.

    An error that a user can mend is one line and exit status 1; a fault of ours has an id and
    status 2.
    """
    try:
        app()
    except OnemapError as failure:
        err.print(f"[red]error:[/red] {escape(str(failure))}", soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        # Typer turns Ctrl-C into this status and says nothing.
        if end.code == _INTERRUPTED:
            err.print("interrupted; what was committed is kept, run the command again to go on")
        raise
    except Exception as failure:
        error_id = uuid.uuid4().hex[:8]
        structlog.get_logger().error("fault", id=error_id, exc_info=True)
        err.print(f"[red]fault {error_id}:[/red] {type(failure).__name__}: {escape(str(failure))}")
        sys.exit(2)


if __name__ == "__main__":
    main()
