"""Peaks of memory, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.report.charts.chart import Chart, Trace, by_place, linear
from benchmarks.report.styles import Look
from benchmarks.result import MemoryData, Record


def memory(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload the peak of each stage."""
    for place, name, found in by_place(records, MemoryData):
        traces: list[Trace] = [
            {
                "type": "bar",
                "x": list(data.peak_bytes),
                "y": [peak / 1e6 for peak in data.peak_bytes.values()],
                "name": contender,
                "marker": {"color": looks[contender]["color"]},
            }
            for contender, data in found.items()
        ]
        layout = {"yaxis": linear("peak of the process, MB"), "meta": {"xaxis": "stage"}}
        yield Chart("memory", f"{name}: memory by stage", place, traces, layout)
