"""`versus run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.cli.launching import carry_out, launched
from benchmarks.cli.options import CONTENDERS, DEVICE, JSON, PRESET, RESULTS, RESUME, SET, THREADS
from benchmarks.cli.output import conclude


@click.command()
@click.argument("suite", default="quick")
@CONTENDERS
@DEVICE
@THREADS
@PRESET
@SET
@RESULTS
@RESUME
@JSON
def run(suite: str, results: Path, resume: str | None, as_json: bool, **choices: Any) -> None:
    """Train and measure every contender on SUITE (default: quick).

    SUITE is a name from `versus list suites` or the path of a TOML file. Parity comes first, then learning
    curves, speed and memory. Ctrl-C, or `kill`, keeps what is finished; --resume goes on from there.

    Exit code 1: a case failed, or parity failed.
    """
    launch = launched(suite, results, resume, **choices)
    carry_out(launch)
    conclude(launch.store.folder, as_json)
