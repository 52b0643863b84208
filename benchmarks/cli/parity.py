"""`versus parity`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from benchmarks.cli.launching import carry_out, launched
from benchmarks.cli.options import CONTENDERS, DEVICE, JSON, RESULTS, RESUME, SET
from benchmarks.cli.output import conclude, print_json


@click.command()
@click.argument("suite", default="parity")
@click.option(
    "--full",
    is_flag=True,
    help="Every exponent (of losses every 4th or 32nd), every optimizer, changing rates in both dtypes, 1000 "
    "steps: suite parity-full.",
)
@click.option("--card", is_flag=True, help="Print each contender's semantics card instead.")
@CONTENDERS
@DEVICE
@SET
@RESULTS
@RESUME
@JSON
def parity(
    suite: str, full: bool, card: bool, results: Path, resume: str | None, as_json: bool, **choices: Any
) -> None:
    """Compare elements, gradients, optimizer steps and whole trainings with exact results.

    Takes the workloads of SUITE (default: parity) and asks nothing else of them.

    Exit code 1: something differs by more than its tolerance, and not for a known reason.
    """
    if card:
        _refuse_with_card()
        _print_cards(choices["contenders"], as_json)
        return
    if full:
        suite = "parity-full" if suite == "parity" else suite
    launch = launched(suite, results, resume, only=["elements", "parity"], **choices)
    carry_out(launch)
    conclude(launch.store.folder, as_json)


def _refuse_with_card() -> None:
    """Refuse whatever was given beside --card, which asks no suite and leaves no run."""
    from implementations import InvalidInput

    context = click.get_current_context()
    given = [
        parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
        for parameter in context.command.params
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
        and parameter.name not in ("card", "contenders", "as_json")
    ]
    if given:
        raise InvalidInput(
            "versus parity --card",
            expected="no choices but --contenders and --json",
            got=", ".join(given),
            action="leave them out: a card is of a contender on the CPU, whatever the suite",
        )


def _print_cards(names: str | None, as_json: bool) -> None:
    """Print what each contender does where frameworks differ; exit with 2 if no contender could be asked."""
    from benchmarks import contenders
    from benchmarks.progress import waiting
    from benchmarks.report.terminal import print_rows

    asked = names.split(",") if names else None
    contenders.require(asked or [])
    with waiting("trying each contender"):
        cards = contenders.cards(asked)
    if as_json:
        print_json(cards)
    else:
        for name, facts in cards.items():
            print_rows(name, [{"what": what, "found": found} for what, found in facts.items()])
    sys.exit(2 if all("failed" in facts for facts in cards.values()) else 0)
