"""The ``onemap`` command."""

from __future__ import annotations

import logging
import sys
import uuid

import structlog
import typer
from rich.markup import escape

from layers.errors import OnemapError
from onemap import __version__
from onemap.commands import (
    accounts,
    demo,
    detect,
    evidence,
    ingest,
    init,
    layers,
    notices,
    process,
    serve,
    terminals,
    tracks,
    train,
    warn,
    watch,
)
from onemap.terminal import err

app = typer.Typer(
    name="onemap",
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
app.command()(init.init)
app.command()(demo.demo)
app.command()(demo.run)
app.add_typer(ingest.app, name="ingest")
app.command()(detect.detect)
app.command()(detect.evaluate)
app.command()(watch.watch)
app.command()(terminals.terminals)
app.add_typer(layers.app, name="layers")
app.add_typer(process.app, name="process")
app.add_typer(evidence.app, name="evidence")
app.add_typer(tracks.app, name="tracks")
app.add_typer(train.app, name="train")
app.add_typer(accounts.app, name="accounts")
app.add_typer(notices.app, name="notices")
app.add_typer(warn.app, name="warn")
app.command()(serve.serve)


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
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
