"""A run as Markdown that GitHub renders, short enough for a comment on a pull request."""

from __future__ import annotations

import html
from pathlib import Path

from benchmarks.report.sections import Table, sections
from benchmarks.store import RunStore


def write(store: RunStore, into: Path) -> Path:
    """Write report.md and return its path."""
    path = into / "report.md"
    path.write_text(text(store), encoding="utf-8")
    return path


def text(store: RunStore) -> str:
    """Return the report; tables that only repeat more precisely are folded."""
    lines = [f"# versus: {_plain(store.manifest.run)}", ""]
    for section in sections(store):
        lines += [f"## {section.title}", ""]
        for paragraph in section.text:
            lines += [_plain(paragraph), ""]
        for table in section.tables:
            lines += _table(table)
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    heading = [f"**{_plain(table.title)}**", ""] if table.title and not table.detail else []
    body = [
        f"| {' | '.join(map(_plain, table.headers))} |",
        f"|{'---|' * len(table.headers)}",
        *(f"| {' | '.join(map(_plain, row))} |" for row in table.rows),
        "",
    ]
    if table.detail:
        summary = _plain(table.title) or "Details"
        return [f"<details><summary>{summary}</summary>", "", *body, "</details>", ""]
    return heading + body


def _plain(value: str) -> str:
    """Return text that Markdown takes literally: names in result files are not to be trusted."""
    escaped = html.escape(" ".join(value.split()), quote=False)
    for character in "\\`*_[]|":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped
