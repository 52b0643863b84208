"""Memory."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import tables, units
from benchmarks.report.sections.section import Section, Table, shared, varying
from benchmarks.result import MemoryData, Record


def memory(records: Sequence[Record]) -> Section:
    """How much memory does it take?"""
    frame = tables.memory(records)
    if not len(frame):
        return Section("memory", "Memory")
    stages = [column for column in frame.columns if column.endswith("_bytes")]
    places = ["workload", *varying(frame), "contender"]
    rows = [
        [*(row[name] for name in places), *(units.megabytes(row[stage]) for stage in stages)]
        for row in frame.to_dict("records")
    ]
    headers = [*places, *(stage.removesuffix("_bytes") for stage in stages)]
    methods = dict.fromkeys(record.data.method for record in records if isinstance(record.data, MemoryData))
    text = [f"Peak resident memory within each stage: {'; '.join(methods)}."]
    found = [Table("Peak memory", headers, rows, place=shared(frame))]
    return Section("memory", "How much memory does it take?", text, found, ("memory",))
