"""A run as Markdown that GitHub renders, short enough for a comment on a pull request."""

from __future__ import annotations

import bisect
import html
import itertools
import re
from collections import Counter
from pathlib import Path

from benchmarks.compare import Comparison
from benchmarks.report.material import Material
from benchmarks.report.sections import Table, comparison_table, sections

LONGEST = 65_000
"""Characters; a comment on GitHub may have 65,536."""
_MARKUP = "\\`*_[]|~$"
_CALLS = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9])|#(?=[0-9])")
"""What GitHub takes for a person, whom it tells, or for an issue, where it notes this comment. It looks for
them in what Markdown has become, so that no backslash helps; a space of no width behind the sign does."""


def write(material: Material, into: Path) -> Path:
    """Write report.md and return its path."""
    path = into / "report.md"
    path.write_text(text(material), encoding="utf-8")
    return path


def text(material: Material) -> str:
    """Return the report; tables that only repeat more precisely are folded.

    Where it would be too long for a comment, the longest tables give way to a line that says so.
    """
    parts: list[str] = [f"# versus: {_plain(material.title)}\n"]
    spare: dict[int, str] = {}
    for section in sections(material):
        parts += [f"## {section.title}\n", *(f"{_paragraph(each)}\n" for each in section.text)]
        for table in section.tables:
            name = _plain(table.title) or section.title
            spare[len(parts)] = (
                f"{name}: {len(table.rows)} rows, left out for length; the HTML page has them.\n"
            )
            parts.append("\n".join(_table(table)))
    for number in sorted(spare, key=lambda number: -len(parts[number])):
        if sum(map(len, parts)) + len(parts) <= LONGEST:
            break
        parts[number] = min(parts[number], spare[number], key=len)
    return "\n".join(parts)


def comparison_text(comparison: Comparison) -> str:
    """Return what changed, as a comment for a pull request; what makes it too long is only counted."""
    counts = Counter(change.judgement for change in comparison.changes)
    told = ", ".join(f"{count} {judgement}" for judgement, count in counts.items()) or "nothing to compare"
    lines = [f"**versus: {_plain(comparison.before)} → {_plain(comparison.after)}**", "", _plain(told), ""]
    lines += [f"forced in spite of {_plain(difference)}\n" for difference in comparison.differences]
    table = comparison_table(comparison)
    *body, last = _table(table)
    room = LONGEST - len("\n".join(lines)) - 100  # for the line that counts
    kept = bisect.bisect_right(list(itertools.accumulate(len(line) + 1 for line in body)), room)
    left_out = len(body) - kept
    more = f"and {left_out} more, left out for length\n" if left_out else ""
    return "\n".join([*lines, *body[:kept], last, more])


def _table(table: Table) -> list[str]:
    heading = [f"**{_plain(table.title)}**", ""] if table.title and not table.detail else []
    body = [
        f"| {' | '.join(map(_plain, table.headers))} |",
        f"|{'---|' * len(table.headers)}",
        *(f"| {' | '.join(map(_plain, row))} |" for row in table.rows),
        "",
    ]
    if table.detail:
        summary = _in_html(table.title) or "Details"
        return [f"<details><summary>{summary}</summary>", "", *body, "</details>", ""]
    return heading + body


def _paragraph(value: str) -> str:
    """Return text that begins no list and no heading."""
    text = _plain(value)
    return f"\\{text}" if text.startswith(("-", "+", "#", "=")) else text


def _plain(value: str) -> str:
    """Return text that Markdown takes literally: names in result files are not to be trusted."""
    escaped = _escaped(value)
    for character in _MARKUP:
        escaped = escaped.replace(character, f"\\{character}")
    return _unheard(escaped)


def _in_html(value: str) -> str:
    """Return text for a line of HTML, in which backslashes would be seen."""
    return "".join(
        f"&#{ord(letter)};" if letter in _MARKUP else letter for letter in _unheard(_escaped(value))
    )


def _escaped(value: str) -> str:
    """Return text in one line, without HTML."""
    return html.escape(" ".join(value.split()), quote=False)


def _unheard(text: str) -> str:
    """Return text that calls nobody."""
    return _CALLS.sub(r"\g<0>&#8203;", text)
