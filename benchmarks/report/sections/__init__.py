"""A run as sections of text and tables: written once, shown by terminal, Markdown and HTML page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmarks import findings, tables, units
from benchmarks.once import Records, once
from benchmarks.report.material import Material
from benchmarks.report.sections import crossover, learning, limit, measurement, memory, parity, speed
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import Record

if TYPE_CHECKING:
    from benchmarks.compare import Comparison

__all__ = ["CHAPTERS", "Section", "Table", "comparison_table", "passed", "relative_sections", "sections"]

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
    records = material.records
    made = [
        *relative_sections(records, reference),
        *_absolute_sections(records),
        measurement.method(material),
        measurement.self_check(material),
        measurement.troubles(material),
        measurement.environment(material),
    ]
    found = {section.anchor: section for section in made if section.text or section.tables}
    return [found[anchor] for anchors in CHAPTERS.values() for anchor in anchors if anchor in found]


@once
def relative_sections(records: Records, reference: str) -> list[Section]:
    """Return the sections that depend on the contender that times are divided by."""
    verdict = findings.verdict(records, reference) or ["Nothing was measured."]
    return [
        Section("verdict", "Verdict", verdict, relative=True),
        speed.speed(records, reference),
        speed.cold_start(records, reference),
        crossover.crossover(records, reference),
        measurement.inconclusive(records, reference),
    ]


@once
def _absolute_sections(records: Records) -> list[Section]:
    """Return the sections that depend on nothing but the records."""
    return [
        parity.elements(records),
        parity.parity(records),
        parity.card(records),
        learning.learning(records),
        speed.target(records),
        limit.limit(records),
        limit.profile(records),
        memory.memory(records),
        learning.course(records),
    ]


def comparison_table(comparison: Comparison) -> Table:
    """Return what is not the same on both sides."""
    rows = [
        [
            change.judgement,
            change.workload,
            change.contender,
            change.threads,
            change.what,
            units.ratio(change.ratio) if change.ratio else f"{change.before:.4g} -> {change.after:.4g}",
            change.why,
        ]
        for change in comparison.changes
        if change.judgement != "same"
    ]
    headers = ["judgement", "workload", "contender", "threads", "what", "after ÷ before", "why"]
    return Table(f"{comparison.before} -> {comparison.after}", headers, rows)


def passed(records: Iterable[Record]) -> bool:
    """Return whether no case failed and every parity check passed."""
    return all(record.status != "failed" and getattr(record.data, "passed", True) for record in records)
