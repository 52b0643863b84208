"""`versus selfcheck`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchmarks.cli.group import INTERRUPTED
from benchmarks.cli.options import JSON, RESULTS
from benchmarks.cli.output import print_json


@click.command()
@click.option(
    "--effort",
    type=click.Choice(["quick", "standard", "long"]),
    default="quick",
    show_default=True,
    help="About 3, 15 and 60 minutes, up to 3 hours on a noisy machine; rare events need the long one.",
)
@RESULTS
@JSON
def selfcheck(effort: str, results: Path, as_json: bool) -> None:
    """Measure the harness itself: false alarms, planted slowdowns and faults, its own cost, other tools.

    The result is kept for this machine, and later runs take their margin of "same" from it. Ctrl-C, or
    `kill`, ends it with what was measured until then.

    Exit code 1: it cries wolf, or missed a planted fault.
    """
    from benchmarks.progress import ProgressBar
    from benchmarks.report.terminal import print_rows
    from benchmarks.selfcheck.check import check
    from benchmarks.selfcheck.result import keep

    with ProgressBar() as watcher:
        found = check(effort, watcher)
    kept = keep(found, results)
    if as_json:
        print_json({**found.model_dump(), "rows": found.rows(), "passed": found.passed, "file": str(kept)})
    else:
        print_rows("self-check", found.rows())
        click.echo(f"kept in {kept}")
    if found.interrupted:
        click.echo("versus: interrupted", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(0 if found.passed else 1)
