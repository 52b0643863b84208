"""Runs for readers: one offline HTML page, Markdown, CSV, Parquet, the terminal. No framework is needed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.once import Records
from benchmarks.store import RunStore, StoreError, no_collection

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
    folders: Sequence[Path], into: Path, formats: Sequence[str], now: datetime.datetime | None = None
) -> list[Path]:
    """Write one report of the runs in `folders` and return the files' paths.

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
        If no run can be read, or the files cannot be written.
    ReportUnavailable
        If a format needs a package that is not installed.
    """
    from benchmarks.report import data, markdown
    from benchmarks.report.material import gather

    material = gather(folders)
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
        raise StoreError(
            f"report in {into}",
            expected="a folder that can be written",
            got=error.strerror or str(error),
            action="free space or permissions, or name another folder with --output",
        ) from error
    return paths


def summary(store: RunStore) -> dict[str, Any]:
    """Return a run's outcome as plain values: for programs, and to decide the exit code."""
    from benchmarks import findings, tables
    from benchmarks.report.sections import passed

    found, damaged = store.records()
    records = Records(found)
    return {
        "run": str(store.folder),
        "outcome": store.manifest.outcome,
        "passed": passed(records),
        "measured": sum(record.status == "finished" for record in records),
        "verdict": findings.verdict(records),
        "course": [vars(finding) for finding in findings.course(records)],
        "tables": {
            name: frame.astype(object).where(frame.notna(), None).to_dict("records")
            for name, frame in tables.tables(records).items()
        },
        "damaged": [{"file": each.path.name, "reason": each.reason} for each in damaged],
    }
