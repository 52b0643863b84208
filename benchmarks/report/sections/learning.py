"""Learning, and the course's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import findings, tables, units
from benchmarks.once import kept
from benchmarks.report.sections.section import Cell, Section, Table, shared, varying
from benchmarks.result import Curve, CurvesData, Record

if TYPE_CHECKING:
    import pandas as pd


def learning(records: Sequence[Record]) -> Section:
    """Do they learn the same?"""
    own = kept(record for record in records if record.case.experiment is None)
    frame = tables.curves(own)
    if not len(frame):
        return Section("learning", "Learning")
    places = varying(frame)
    rows = [
        {
            "workload": row.workload,
            **{name: getattr(row, name) for name in places},
            "contender": row.contender,
            "dtype": row.dtype,
            "seeds": str(row.seeds) + (f", {row.diverged} diverged" if row.diverged else ""),
            "train loss": units.number(row.train_loss),
            "validation loss": units.number(row.validation_loss),
            "test loss": _interval(row.test_loss, row.test_loss_low, row.test_loss_high, units.number),
            "test accuracy": _interval(
                row.test_accuracy, row.test_accuracy_low, row.test_accuracy_high, units.percent
            ),
            "right answers": f"{row.test_correct} of {row.test_count:.0f}"
            if row.test_correct
            else units.UNKNOWN,
        }
        for row in frame.itertuples()
    ]
    all_of = list(rows[0])
    few = [header for header in all_of if header not in ("dtype", "seeds", "test loss")]
    short = [[row[header] for header in few] for row in rows if row["dtype"] == "float32"]
    details = [list(row.values()) for row in rows]
    text = [_means(frame), *_tests(own)]
    found = [
        *([Table("float32", few, short, place=shared(frame))] if short else []),
        Table("All trainings", all_of, details, detail=True, place=shared(frame)),
    ]
    return Section("learning", "Do they learn the same?", text, found, ("curves",))


def _means(frame: pd.DataFrame) -> str:
    """Return what the numbers are means of, and with what interval."""
    fewest, most = frame["seeds"].min(), frame["seeds"].max()
    seeds = f"{most} seed{'s' if most > 1 else ''}" if fewest == most else f"{fewest} to {most} seeds"
    intervals = ", with 95 % intervals where there are several" if most > 1 else ""
    return f"Means over {seeds} after the last epoch{intervals}."


def _tests(records: Sequence[Record]) -> list[str]:
    """Return how often the test part was used, as far as the records have it."""
    curves = [curve for record in records for curve in _curves(record)]
    tested = [curve.test for curve in curves if curve.test]
    if not tested:
        return ["No training here was tested."]
    # a record of more than one evaluation cannot be read
    return [f"The test part was opened once for {len(tested)} of {len(curves)} trainings, after its end."]


def _curves(record: Record) -> Sequence[Curve]:
    return record.data.curves if isinstance(record.data, CurvesData) else ()


def course(records: Sequence[Record]) -> Section:
    """What a course says, tried out."""
    found = findings.course(records)
    rows = [
        [
            each.experiment,
            Cell("yes" if each.holds else "NO", (float(not each.holds),), "" if each.holds else "failed"),
            each.expected,
            each.sentence,
        ]
        for each in found
    ]
    if not rows:
        return Section("course", "Course")
    headers = ["experiment", "holds", "the textbook says", "the numbers say"]
    shown = [Table("Findings", headers, rows)]
    return Section("course", "What a course says, tried out", [], shown, ("curves",))


def _interval(estimate: float, low: float, high: float, shown: Any) -> str:
    text: str = shown(estimate)
    known = [value for value in (low, high) if value is not None and value == value]
    return f"{text} ({shown(low)} to {shown(high)})" if len(known) == 2 else text
