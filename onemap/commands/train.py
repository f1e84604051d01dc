"""``onemap train``: weights of your own, with figures from vessels that were not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onemap.commands.options import JsonOption
from onemap.terminal import err, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Train models on your own labelled data.")


@app.callback()
def _group() -> None:
    """Keep ``fishing`` a command of its own while it is the only one."""


@app.command()
def fishing(
    labels: Annotated[
        list[Path],
        typer.Argument(
            help="CSV or Parquet: vessel_id, time, lon, lat, label (fishing, other or empty), "
            "and where there are speed_kn and course_deg.",
            metavar="LABELS...",
        ),
    ],
    weights: Annotated[Path, typer.Option("--out", help="Where to write the weights.")],
    crs: Annotated[
        str | None,
        typer.Option(help="Projected CRS to measure in; by default a plane around each vessel."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the data, kept in the weights.")] = "",
    seed: Annotated[int, typer.Option(help="Of the random draws.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the fishing score and print how well it does on vessels it has not seen.

    Each vessel is scored by a model trained on all the others; the weights come from all of them.
    Rows without a label are part of a track, but neither trained on nor counted.
    """
    # Compilers are loaded here: no other command should wait for them.
    from analytics.fishing.evaluation import by_vessel, leave_one_vessel_out
    from analytics.fishing.labels import read_labels
    from analytics.fishing.training import train

    read = read_labels(labels, crs)
    if not as_json:
        for line in read.rejected[:20]:
            err.print(line, markup=False, soft_wrap=True)
        out.print(
            f"read {read.read:,} = {read.read - len(read.rejected):,} accepted "
            f"+ {len(read.rejected):,} rejected; {len(read.labels):,} labelled"
        )
    scores = leave_one_vessel_out(read.features, read.labels, read.vessels, seed)
    found = by_vessel(read.labels, scores, read.speed_mps, read.vessels)
    rows = [row.as_dict() for row in found]
    about = {
        "data": [path.name for path in labels],
        "licence": licence,
        "leave_one_vessel_out": rows,
    }
    trees = train(read.features, read.labels, read.vessels, seed, about)
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(trees.dump())
    if as_json:
        print_json({"read": read.read, "rejected": read.rejected, **trees.meta})
        return
    heads = ["vessel", "rows", "fishing", "AUC", "AUC of speed", "recall", "false share"]
    print_table("each vessel by a model of the others", heads, [list(r.values()) for r in rows])
    out.print(f"wrote {weights}", markup=False, soft_wrap=True)
