"""Runs as sections of text and tables: written once, shown by terminal, Markdown and HTML page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from benchmarks import findings, tables
from benchmarks.once import Records, once
from benchmarks.report.material import Material, Run
from benchmarks.report.sections import crossover, learning, limit, measurement, memory, parity, speed
from benchmarks.report.sections.section import Cell, Section, Sentence, Table
from benchmarks.report.sections.several import merged
from benchmarks.report.spared import spared
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    from benchmarks.compare import Comparison, Judgement

__all__ = [
    "CHAPTERS",
    "Cell",
    "Section",
    "Sentence",
    "Table",
    "comparison_table",
    "passed",
    "relative_sections",
    "sections",
]

CHAPTERS: dict[str, tuple[str, ...]] = {
    "Verdict": ("verdict",),
    "Parity": ("elements", "parity", "card"),
    "Learning": ("learning",),
    "Speed": ("speed", "cold-start", "target", "crossover", "limit", "profile"),
    "Memory": ("memory",),
    "The course": ("course",),
    "How this was measured": ("method", "inconclusive", "selfcheck", "troubles"),
    "Environment": ("environment",),
}
"""The order of answers: each chapter's sections by their anchors."""


def sections(material: Material, reference: str = tables.REFERENCE) -> list[Section]:
    """Return all sections that have something to say, the verdict first.

    Parameters
    ----------
    reference
        The contender that times are divided by where it was timed; by default as in `tables.speed`.
    """
    own = {
        run.name: [
            *_absolute_sections(run.records),
            *(_section(anchor, _of(run, make), run.records) for anchor, make in _OF_A_RUN.items()),
        ]
        for run in material.runs
    }
    made = [
        *relative_sections(material, reference),
        *merged(own),
        measurement.self_check(material),
        measurement.troubles(material),
    ]
    found = {section.anchor: section for section in made if section.text or section.tables}
    return [found[anchor] for anchors in CHAPTERS.values() for anchor in anchors if anchor in found]


def relative_sections(material: Material, reference: str) -> list[Section]:
    """Return the sections that depend on the contender that times are divided by."""
    return merged({run.name: _relative_sections(run.records, reference) for run in material.runs})


def _of(run: Run, make: Callable[[Run], Section]) -> Callable[[Records], Section]:
    """Return what makes a run's section of some of its records."""
    return lambda records: make(replace(run, records=records))


@once
def _relative_sections(records: Records, reference: str) -> list[Section]:
    return [
        _section(anchor, partial(make, reference=reference), records) for anchor, make in _RELATIVE.items()
    ]


@once
def _absolute_sections(records: Records) -> list[Section]:
    return [_section(anchor, make, records) for anchor, make in _ABSOLUTE.items()]


def _section(anchor: str, make: Callable[[Records], Section], records: Records) -> Section:
    """Return a section without the records that it cannot be made of, which it names."""
    made, left_out = spared(make, records)
    section = made or Section(anchor, anchor.replace("-", " ").capitalize())
    return replace(section, text=[*section.text, *map(str, left_out)]) if left_out else section


def _verdict(records: Records, reference: str) -> Section:
    measures: tuple[tuple[Measure, ...], ...] = (
        ("elements", "parity", "curves"),
        ("parity", "speed"),
        get_args(Measure),
    )
    told = findings.verdict(records, reference)
    text: list[str] = [*map(Sentence, told, measures)] if told else ["Nothing was measured."]
    return Section("verdict", "Verdict", text, relative=True)


_RELATIVE: dict[str, Callable[..., Section]] = {
    "verdict": _verdict,
    "speed": speed.speed,
    "cold-start": speed.cold_start,
    "crossover": crossover.crossover,
    "inconclusive": measurement.inconclusive,
}
_ABSOLUTE: dict[str, Callable[[Records], Section]] = {
    "elements": parity.elements,
    "parity": parity.parity,
    "card": parity.card,
    "learning": learning.learning,
    "target": speed.target,
    "limit": limit.limit,
    "profile": limit.profile,
    "memory": memory.memory,
    "course": learning.course,
}
_OF_A_RUN: dict[str, Callable[[Run], Section]] = {
    "method": measurement.method,
    "environment": measurement.environment,
}


def comparison_table(comparison: Comparison) -> Table:
    """Return what is not the same on both sides, regressions first."""
    order: tuple[Judgement, ...] = ("regression", "improvement", "inconclusive")
    rows = [
        [
            change.judgement,
            change.workload,
            change.contender,
            change.threads,
            change.what,
            change.told,
            change.why,
        ]
        for judgement in order
        for change in comparison.changes
        if change.judgement == judgement
    ]
    headers = ["judgement", "workload", "contender", "threads", "what", "after ÷ before", "why"]
    return Table(f"{comparison.before} -> {comparison.after}", headers, rows)


def passed(records: Iterable[Record]) -> bool:
    """Return whether no case failed and every parity check passed."""
    return all(record.status != "failed" and getattr(record.data, "passed", True) for record in records)
