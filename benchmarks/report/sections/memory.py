"""Memory."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import tables, units
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import Record


def memory(records: Sequence[Record]) -> Section:
    """How much memory does it take?"""
    frame = tables.memory(records)
    if not len(frame):
        return Section("memory", "Memory")
    stages = [column for column in frame.columns if column.endswith("_bytes")]
    rows = [
        [row["workload"], row["contender"], *(units.megabytes(row[stage]) for stage in stages)]
        for row in frame.to_dict("records")
    ]
    headers = ["workload", "contender", *(stage.removesuffix("_bytes") for stage in stages)]
    text = ["Peak resident memory within each stage, in processes that were not timed."]
    found = [Table("Peak memory", headers, rows)]
    return Section("memory", "How much memory does it take?", text, found, ("memory",))
