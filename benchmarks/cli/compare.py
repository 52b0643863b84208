"""`versus compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.cli.launching import carry_out, chosen, refuse_choices
from benchmarks.cli.options import CONTENDERS, DEVICE, JSON, PRESET, RESULTS, SET, THREADS
from benchmarks.cli.output import print_json

if TYPE_CHECKING:
    from benchmarks.compare import Comparison


@click.command()
@click.argument("runs", metavar="[RUN_A RUN_B]", nargs=-1)
@click.option(
    "--force", is_flag=True, help="Compare even if machine, versions or threads differ, and say so."
)
@click.option(
    "--rerun",
    metavar="REF",
    help="Instead of saved runs: measure REF and what is here in turns. REF is a git revision, the folder of"
    " a checkout or of a virtual environment, or requirements such as torch==2.12.0.",
)
@click.option(
    "--suite",
    default="quick",
    show_default=True,
    help="What --rerun measures; quick with at least six blocks, unless --preset asks for more.",
)
@click.option("--markdown", is_flag=True, help="Write a comment for a pull request.")
@CONTENDERS
@DEVICE
@THREADS
@PRESET
@SET
@RESULTS
@click.option("--resume", metavar="RUN", help="Take up a --rerun that was broken off.")
@JSON
def compare(
    runs: tuple[str, ...],
    force: bool,
    rerun: str | None,
    suite: str,
    markdown: bool,
    results: Path,
    resume: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Say what got slower, faster, or wrong from RUN_A to RUN_B, or from REF to what is here.

    Saved runs were not measured in turns, so that only large differences between them mean something; --rerun
    is the sound way.

    Exit code 1: a regression. Exit code 2: nothing could be compared.
    """
    from benchmarks.compare import compare as compare_runs
    from benchmarks.report.markdown import comparison_text
    from benchmarks.report.terminal import print_comparison
    from benchmarks.store import RunStore, find_run
    from implementations import InvalidInput

    ways = [name for name, given in (("--rerun", rerun), ("--resume", resume)) if given]
    if len(runs) != (0 if ways else 2) or len(ways) > 1:
        raise InvalidInput(
            "versus compare",
            expected="two runs, or --rerun REF, or --resume RUN",
            got=" and ".join([f"{len(runs)} runs", *ways]),
            action="see `versus list runs`",
        )
    if ways:
        comparison = _rerun(rerun, resume, suite, results, **choices)
    else:
        folders = [find_run(name, results) for name in runs]
        comparison = compare_runs(RunStore.open(folders[0]), RunStore.open(folders[1]), force=force)
    if as_json:
        print_json(comparison.to_dict())
    elif markdown:
        click.echo(comparison_text(comparison))
    else:
        print_comparison(comparison)
    sys.exit(comparison.exit_code)


def _rerun(
    reference: str | None, resume: str | None, suite: str, results: Path, **choices: Any
) -> Comparison:
    """Measure both sides in turns, or what is left of that, and compare them."""
    from benchmarks import rerun
    from benchmarks.compare import compare_sides
    from benchmarks.store import RunStore

    if resume:
        refuse_choices(*choices.values())
        way = rerun.resume(resume, results)
    else:
        names, overrides = chosen(**choices)
        way = rerun.begin(str(reference), suite, overrides, names, results)
    with way as launch:
        carry_out(launch)
    return compare_sides(RunStore.open(launch.store.folder))
