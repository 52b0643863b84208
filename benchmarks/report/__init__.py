"""Runs for readers: one offline HTML page, Markdown, CSV, Parquet, the terminal. No framework is needed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.store import no_collection, unwritable

if TYPE_CHECKING:
    from benchmarks.report.material import Material

FORMATS = ("html", "markdown", "csv", "parquet")


def possible_formats() -> tuple[tuple[str, ...], str]:
    """Return the formats for readers that can be made here, and what is missing for the rest."""
    from benchmarks.report.optional import ReportUnavailable, needed

    try:
        for package in ("jinja2", "plotly"):
            needed(package, "HTML")
    except ReportUnavailable as error:
        return ("markdown",), str(error)
    return ("html", "markdown"), ""


@no_collection()
def render(
    material: Material, into: Path, formats: Sequence[str], now: datetime.datetime | None = None
) -> list[Path]:
    """Write a report and return the files' paths.

    Parameters
    ----------
    into
        Folder for the files; made if it is missing.
    formats
        Some of FORMATS.
    now
        The time stamp; by default the time of the call.

    Raises
    ------
    StoreError
        If the files cannot be written.
    ReportUnavailable
        If a format needs a package that is not installed.
    """
    from benchmarks.report import data, markdown

    paths: list[Path] = []
    try:
        into.mkdir(parents=True, exist_ok=True)
        if "html" in formats:
            from benchmarks.report.html import write as write_html

            paths.append(write_html(material, into, now or datetime.datetime.now().astimezone()))
        if "markdown" in formats:
            paths.append(markdown.write(material, into))
        if "csv" in formats:
            paths += data.write_csv(material, into)
        if "parquet" in formats:
            paths += data.write_parquet(material, into)
    except OSError as error:
        raise unwritable(f"report in {into}", error, "--output") from error
    return paths


def summary(material: Material) -> dict[str, Any]:
    """Return the outcome of a run as plain values."""
    from benchmarks import findings
    from benchmarks.report.sections import passed
    from benchmarks.report.spared import spared

    (run,), records = material.runs, material.records
    return {
        "run": str(run.folder),
        "outcome": run.manifest.outcome,
        "passed": passed(records),
        "measured": sum(record.status == "finished" for record in records),
        "verdict": spared(findings.verdict, records)[0] or [],
        "course": [vars(finding) for finding in spared(findings.course, records)[0] or []],
        "tables": {
            name: frame.astype(object).where(frame.notna(), None).to_dict("records")
            for name, frame in material.tables().items()
        },
        "damaged": [{"file": each.path.name, "reason": each.reason} for each in material.damaged],
    }
