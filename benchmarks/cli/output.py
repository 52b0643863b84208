"""What commands print and write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


def conclude(folder: Path, as_json: bool) -> None:
    """Print tables and the report's path; exit with 1 if something failed, 2 if nothing was measured."""
    from benchmarks.report import render, summary
    from benchmarks.report.material import gather
    from benchmarks.report.sections import passed
    from benchmarks.report.terminal import print_run

    material = gather([folder])
    paths = render(material, folder, possible_formats())
    if as_json:
        print_json({**summary(material), "files": [str(path) for path in paths]})
    else:
        print_run(material)
        click.echo(f"report: {paths[0]}")
    if not any(record.status == "finished" for record in material.records):
        click.echo(f"versus: nothing could be measured; see the reasons in {folder}", err=True)
        sys.exit(2)
    sys.exit(0 if passed(material.records) else 1)


def possible_formats() -> tuple[str, ...]:
    """Return the formats for readers that can be made here; say what is missing for the rest."""
    from benchmarks import report

    formats, missing = report.possible_formats()
    if missing:
        click.echo(f"without HTML: {missing}", err=True)
    return formats


def say(content: Any, text: str, as_json: bool) -> None:
    """Print the text, or the content as JSON."""
    if as_json:
        print_json(content)
    else:
        click.echo(text)


def print_json(content: Any) -> None:
    """Write it as JSON; what JSON has no number for, infinity and NaN, as null."""
    from pydantic_core import to_json

    click.echo(to_json(content, indent=2, inf_nan_mode="null", fallback=str))
