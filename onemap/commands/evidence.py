"""``onemap evidence``: packages of a case's evidence, sealed and verified."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from cases.evidence import folder
from cases.evidence.package import package
from cases.evidence.seals import LAYER, chain_of
from cases.evidence.seals import seal as seal_package
from cases.evidence.seen import WholeCity
from cases.evidence.verification import Verdict, verify_package
from layers.positions import PositionStore
from layers.store.tables import to_ms
from onemap.commands.options import CityOption, JsonOption, Opened, StoreOption, now, opened
from onemap.terminal import out, print_json

app = typer.Typer(
    no_args_is_help=True, help="Evidence packages of cases: seal one, verify one later."
)


@app.command()
def seal(
    case: Annotated[str, typer.Argument(help="Id of the case.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to make; a zip with --zip.")
    ],
    as_zip: Annotated[bool, typer.Option("--zip", help="Write one zip file.")] = False,
    by: Annotated[str | None, typer.Option(help="Who seals; your login name by default.")] = None,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Gather all that a case rests on, seal it, and write it for people and for programs.

    The seal's digest is the last link of the case's chain: hand it out with the package.
    """
    at = to_ms(now())
    with opened(city, store) as here:
        here.store.create(here.city.layer(LAYER))
        made = package(_seen(here), case, at, software=_version())
        who = by or getpass.getuser()
        sealed = seal_package(
            here.store, here.city, made, at=at, by=who, target=output, as_zip=as_zip
        )
    link, missing = sealed.link, made.document["missing"]
    if as_json:
        print_json({"file": str(output), "seal": link.as_dict(), "missing": missing})
        return
    out.print(f"{output}: seal {link.seq} of case {case}, digest {link.digest}", markup=False)
    for one in missing:
        out.print(f"  {one['en']}", markup=False)


@app.command()
def verify(
    source: Annotated[Path, typer.Argument(metavar="DIR|ZIP", help="The package.")],
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a package's files and chain, and make its content again from the store.

    Ends with status 1 where anything is not as sealed. What was lawfully changed since the seal,
    its history kept, is told and is no fault.
    """
    files = folder.read(source)
    manifest = folder.read_manifest(files.get(folder.MANIFEST, b""))
    with opened(city, store) as here:
        present = LAYER in here.store.layers()
        chain = chain_of(here.store, here.city, manifest.case_id) if present else []
        verdict = verify_package(files, _seen(here), chain, at=now())
    if as_json:
        told = [vars(one) for one in verdict.differences]
        print_json({"case": verdict.case_id, "holds": verdict.holds, "differences": told})
    else:
        _print(verdict)
    if not verdict.holds:
        raise typer.Exit(1)


def _seen(here: Opened) -> WholeCity:
    return WholeCity(here.city, here.store, PositionStore(here.home.positions))


def _version() -> str:
    from onemap import __version__

    return __version__


def _print(verdict: Verdict) -> None:
    for one in verdict.differences:
        out.print(f"  {one}", markup=False)
    answer = "holds" if verdict.holds else "does NOT hold"
    out.print(f"case {verdict.case_id}: the package {answer}", markup=False)
