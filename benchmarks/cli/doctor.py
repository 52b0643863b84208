"""`versus doctor`."""

from __future__ import annotations

import sys

import click

from benchmarks.cli.options import JSON
from benchmarks.cli.output import print_json


@click.command()
@JSON
def doctor(as_json: bool) -> None:
    """Say what is installed and usable, on which device, and how to get the rest.

    Exit code 1: nothing is usable.
    """
    from dataclasses import asdict

    from benchmarks.contenders import loaded
    from benchmarks.progress import waiting
    from benchmarks.report.terminal import print_doctor

    with waiting("loading each contender in a process of its own"):
        found = loaded()
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        print_doctor(found)
    sys.exit(0 if any(each.usable for each in found) else 1)
