"""`versus report`."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.cli.options import JSON, RESULTS
from benchmarks.cli.output import possible_formats, say


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["html", "markdown", "csv", "parquet"]),
    multiple=True,
    help="May be repeated.  [default: html and markdown]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go.  [default: the run's folder; of several runs results/report]",
)
@RESULTS
@JSON
def report(
    runs: tuple[str, ...], formats: tuple[str, ...], output: Path | None, results: Path, as_json: bool
) -> None:
    """Render runs (default: the latest) as one offline HTML page, Markdown, CSV or Parquet.

    RUN is a folder, or the name of a run under the results folder. Several runs become one report.
    No framework is needed.
    """
    from benchmarks.report import render
    from benchmarks.report.material import gather
    from benchmarks.store import find_run

    folders = [find_run(name, results) for name in runs or ("latest",)]
    into = output or (folders[0] if len(folders) == 1 else results / "report")
    paths = render(gather(folders), into, formats or possible_formats())
    say({"files": [str(path) for path in paths]}, "\n".join(map(str, paths)), as_json)
