"""The sections of several runs as one: each table has a column for the run, each sentence its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks import units
from benchmarks.report.sections.section import Section, Sentence, Table


def merged(by_run: Mapping[str, Sequence[Section]]) -> list[Section]:
    """Return one section for each anchor; of a single run its own, as they are."""
    if len(by_run) == 1:
        return list(next(iter(by_run.values())))
    found: dict[str, dict[str, Section]] = {}
    for run, sections in by_run.items():
        for section in sections:
            if section.text or section.tables:
                found.setdefault(section.anchor, {})[run] = section
    return [
        replace(next(iter(parts.values())), text=_text(parts), tables=_tables(parts))
        for parts in found.values()
    ]


def _text(parts: Mapping[str, Section]) -> list[str]:
    """Return what is said of all runs once, and the rest with the run that it is about."""
    (first, section), *others = parts.items()
    common = [
        text
        for text in section.text
        if not isinstance(text, Sentence) and all(text in other.text for _, other in others)
    ]
    if common and not others:
        common = [f"Of run {first} only.", *common]
    own = [
        Sentence(f"Run {run}: {text}", text.measures, run)
        if isinstance(text, Sentence)
        else f"Run {run}: {text}"
        for run, section in parts.items()
        for text in section.text
        if text not in common
    ]
    return [*common, *own]


def _tables(parts: Mapping[str, Section]) -> list[Table]:
    """Return tables of the same title as one, with the run of each row."""
    found: dict[tuple[object, ...], list[tuple[str, Table]]] = {}
    for run, section in parts.items():
        for table in section.tables:
            name = table.title, table.key, table.detail, *sorted(table.place.items())
            found.setdefault(name, []).append((run, table))
    return [_table(same) for same in found.values()]


def _table(same: Sequence[tuple[str, Table]]) -> Table:
    headers = list(dict.fromkeys(header for _, table in same for header in table.headers))
    rows = []
    for run, table in same:
        at = {header: place for place, header in enumerate(table.headers)}
        rows += [
            [run, *(row[at[header]] if header in at else units.UNKNOWN for header in headers)]
            for row in table.rows
        ]
    return replace(same[0][1], headers=["run", *headers], rows=rows)
