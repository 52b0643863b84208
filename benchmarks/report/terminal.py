"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.report.material import Material
from benchmarks.report.sections import comparison_table, sections

if TYPE_CHECKING:
    from benchmarks.compare import Comparison
    from benchmarks.contenders import Contender

NARROWEST = 120
"""Columns that tables get where the output is no terminal."""


def print_run(material: Material) -> None:
    """Print each answer with its table, and the verdict last: that is what the screen shows in the end."""
    console = _console()
    verdict, *answers = sections(material)
    for section in (*answers, verdict):
        shown = [table for table in section.tables if not table.detail]
        if not shown and section.anchor == "environment":
            continue
        console.print(f"\n[bold]{escape(section.title)}[/bold]")
        for paragraph in section.text:
            console.print(escape(paragraph), highlight=False)
        for table in shown:
            _print_table(console, table.title, table.headers, table.rows)


def print_comparison(comparison: Comparison) -> None:
    """Print what changed between two runs; what stayed the same is only counted."""
    console = _console()
    for difference in comparison.differences:
        console.print(f"[yellow]forced in spite of {escape(difference)}[/yellow]")
    table = comparison_table(comparison)
    _print_table(console, table.title, table.headers, table.rows)
    same = len(comparison.changes) - len(table.rows)
    console.print(f"{len(comparison.changes)} compared, {same} the same")


def print_rows(what: str, rows: Sequence[dict[str, str]]) -> None:
    """Print rows that all have the same keys."""
    if rows:
        _print_table(_console(), what, list(rows[0]), [list(row.values()) for row in rows])
    else:
        _console().print(f"no {what}")


def print_doctor(contenders: Sequence[Contender]) -> None:
    """Print what is usable, on which device, and how to get the rest."""
    console = _console()
    rows = []
    for each in contenders:
        devices = ", ".join(name for name, support in each.devices.items() if support.available)
        versions = ", ".join(f"{name} {version}" for name, version in each.versions.items())
        rows.append([each.name, "yes" if each.usable else "no", versions, devices])
    _print_table(console, "contenders", ["name", "usable", "versions", "devices"], rows)
    for each in contenders:
        if not each.usable:
            console.print(f"{escape(each.name)}: {escape(each.reason)}", highlight=False)
        for name, support in each.devices.items():
            if not support.available:
                console.print(f"{escape(each.name)} on {name}: {escape(support.reason)}", highlight=False)


def _print_table(console: Console, title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = RichTable(title=escape(title) or None, title_justify="left")
    for number, header in enumerate(headers):
        # the first column names the row, and a name broken in two is hard to find again
        table.add_column(escape(header), overflow="fold", no_wrap=number == 0 and len(headers) > 2)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=NARROWEST)
