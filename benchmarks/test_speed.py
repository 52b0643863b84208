"""What `pytest --benchmark` runs: a suite's speed cases, through the harness, in pytest-benchmark's table.

The harness measures all selected contenders interleaved and checks their parity first; each benchmark then
replays its own chunk times, so that pytest-benchmark stores and shows exactly what was measured.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contenders, durations, launch, tables
from benchmarks.progress import ProgressBar
from benchmarks.result import Metric, ParityData, Record, SpeedData
from benchmarks.runner import REFERENCE
from benchmarks.suite import load_suite


class Replay:
    """A timer whose consecutive pairs of readings lie as far apart as given durations."""

    def __init__(self) -> None:
        self._readings: deque[float] = deque()

    def load(self, durations: Sequence[float]) -> None:
        """Replace what is to be replayed; the clock goes on in between, as clocks do."""
        self._readings = deque(self._pairs(durations))

    def __call__(self) -> float:
        return self._readings.popleft() if self._readings else time.perf_counter()

    @staticmethod
    def _pairs(durations: Sequence[float]) -> Iterator[float]:
        for duration in durations:
            yield 0.0  # from zero, because a difference of large readings would lose digits
            yield duration


REPLAY = Replay()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    suite = load_suite(metafunc.config.getoption("--suite"))
    names = [each.name for each in contenders.installed(suite.entrants) if each.usable]
    metafunc.parametrize("contender", names)
    metafunc.parametrize("metric", suite.speed.metrics)
    metafunc.parametrize("workload", [workload.name for workload in suite.having("speed")])


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> list[Record]:
    """Run what the selected benchmarks need, the reference of parity included, and return the records."""
    config = request.config
    selected = [item.callspec.params for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = {params["workload"] for params in selected}
    names = dict.fromkeys((REFERENCE, *(str(params["contender"]) for params in selected)))
    begun = launch.begin(
        config.getoption("--suite"), {"measures": ["parity", "speed"]}, list(names), Path("results")
    )
    workloads = [workload for workload in begun.suite.workloads if workload.name in wanted]
    begun = replace(begun, suite=begun.suite.model_copy(update={"workloads": workloads}))
    with ProgressBar() as watcher:
        launch.carry_out(begun, watcher)
    return begun.store.records()[0]


@pytest.mark.benchmark(timer=REPLAY)
def test_speed(workload: str, metric: Metric, contender: str, records: list[Record], benchmark: Any) -> None:
    mine = {
        record.case.measure: record
        for record in records
        if (record.case.workload, record.case.contender) == (workload, contender)
    }
    record, checked = mine["speed"], mine["parity"].data
    if record.status != "finished":
        pytest.fail(f"{record.reason}")
    assert isinstance(record.data, SpeedData)
    assert isinstance(checked, ParityData)
    found = [samples for block in record.data.blocks for samples in block.samples if samples.metric == metric]
    readings = [seconds / samples.iterations for samples in found for seconds in samples.seconds]
    table = tables.speed(records)
    row = table[
        (table["workload"] == workload) & (table["metric"] == metric) & (table["contender"] == contender)
    ].iloc[0]
    benchmark.group = f"{workload} {metric} ({row['tier']})"
    benchmark.extra_info |= {
        "contender": contender,
        "workload": workload,
        "metric": metric,
        "tier": row["tier"],
        "threads": row["threads"],
        "device": row["device"],
        "parity": {
            each.dtype: max(max(drift.loss, drift.parameters) for drift in each.drift)
            for each in checked.trajectories
        },
        "ratio": {
            "to": row["reference"],
            "estimate": _number(row["ratio"]),
            "low": _number(row["ratio_low"]),
            "high": _number(row["ratio_high"]),
        },
        "verdict": row["verdict"],
        "doubts": row["doubts"],
        "stopped_by": row["stopped_by"],
        "block_medians": [durations.block_seconds(block, metric) for block in record.data.blocks],
    }
    REPLAY.load(readings)
    benchmark.pedantic(_nothing, rounds=len(readings), iterations=1)


def _number(value: float) -> float | None:
    """Return what JSON has a number for: of a single block there is no interval."""
    return float(value) if math.isfinite(value) else None


def _nothing() -> None:
    """Stand for what the harness has run already."""
