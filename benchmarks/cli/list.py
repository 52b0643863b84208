"""`versus list`."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.cli.options import JSON, RESULTS
from benchmarks.cli.output import print_json


@click.command("list")
@click.argument(
    "what",
    type=click.Choice(
        [
            "contenders",
            "suites",
            "datasets",
            "activations",
            "losses",
            "optimizers",
            "schedules",
            "normalizations",
            "regularizations",
            "metrics",
            "initializers",
            "runs",
        ]
    ),
)
@RESULTS
@JSON
def list_(what: str, results: Path, as_json: bool) -> None:
    """Explain what there is to choose from."""
    from benchmarks.listing import rows
    from benchmarks.report.terminal import print_rows

    found = rows(what, results)
    if as_json:
        print_json(found)
    else:
        print_rows(what, found)
