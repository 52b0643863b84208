"""`versus plain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.cli.launching import chosen
from benchmarks.cli.options import CONTENDERS, JSON, PRESET, SET, THREADS
from benchmarks.cli.output import print_json


@click.command()
@CONTENDERS
@THREADS
@PRESET
@SET
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
@JSON
def plain(out: Path | None, as_json: bool, **choices: Any) -> None:
    """Time the backends beside plain scripts of the same training, and NumPy beside its matrix products.

    A script knows no interface: the ratio to it is what ours costs. Each script must first come to the same
    parameters as its backend.

    Exit code 1: a script or a backend failed.
    """
    from benchmarks.plain.race import race
    from benchmarks.progress import ProgressBar
    from benchmarks.report.terminal import print_rows
    from benchmarks.store import write_whole

    names, overrides = chosen(device=None, **choices)
    with ProgressBar() as watcher:
        found = race(names, overrides, watcher)
    if out:
        write_whole(out, found.model_dump_json(indent=1))
    if as_json:
        print_json(found.model_dump())
    else:
        print_rows("plain scripts", found.rows())
        for name, said in found.failures.items():
            click.echo(f"failed: {name}: {said}")
    sys.exit(1 if found.failures else 0)
