"""Learning, and the course's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import findings, tables, units
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import Record


def learning(records: Sequence[Record]) -> Section:
    """Do they learn the same?"""
    frame = tables.curves([record for record in records if record.case.experiment is None])
    if not len(frame):
        return Section("learning", "Learning")
    rows = [
        [
            row.workload,
            row.contender,
            row.dtype,
            str(row.seeds) + (f", {row.diverged} diverged" if row.diverged else ""),
            units.number(row.train_loss),
            units.number(row.validation_loss),
            _interval(row.test_loss, row.test_loss_low, row.test_loss_high, units.number),
            _interval(row.test_accuracy, row.test_accuracy_low, row.test_accuracy_high, units.percent),
            f"{row.test_correct} of {row.test_count:.0f}" if row.test_correct else units.UNKNOWN,
        ]
        for row in frame.itertuples()
    ]
    headers = [
        "workload",
        "contender",
        "dtype",
        "seeds",
        "train loss",
        "validation loss",
        "test loss",
        "test accuracy",
        "right answers",
    ]
    float64 = headers.index("dtype")
    short = [[row[0], row[1], row[4], row[5], row[7], row[8]] for row in rows if row[float64] == "float32"]
    return Section(
        "learning",
        "Do they learn the same?",
        [
            "Means over seeds after the last epoch, with 95 % intervals.",
            "The test part was opened once for each trained model, after its training.",
        ],
        [
            Table("float32", [headers[i] for i in (0, 1, 4, 5, 7, 8)], short),
            Table("All trainings", headers, rows, detail=True),
        ],
        ("curves",),
    )


def course(records: Sequence[Record]) -> Section:
    """What a course says, tried out."""
    found = findings.course(records)
    rows = [[each.experiment, "yes" if each.holds else "NO", each.expected, each.sentence] for each in found]
    if not rows:
        return Section("course", "Course")
    headers = ["experiment", "holds", "the textbook says", "the numbers say"]
    shown = [Table("Findings", headers, rows)]
    return Section("course", "What a course says, tried out", [], shown, ("curves",))


def _interval(estimate: float, low: float, high: float, shown: Any) -> str:
    text: str = shown(estimate)
    known = [value for value in (low, high) if value is not None and value == value]
    return f"{text} ({shown(low)} to {shown(high)})" if len(known) == 2 else text
