"""The same step timed by other people's tools: pytest-benchmark and `torch.utils.benchmark.Timer`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measures import Alive, Session
from benchmarks.measures.speed import Bench

CHUNKS = 5
TEST = """
def test_step(benchmark, chunk):
    benchmark.pedantic(chunk, rounds=5, iterations=1, warmup_rounds=1)
"""


def compute(session: Session, alive: Alive, *, workload: str, rounds: int) -> dict[str, list[float]]:
    """Return seconds for one step by tool, once for each round; needs an open workload."""
    bench: Bench = session["benches"][workload]
    count = max(1, round(0.05 / (bench.time("train_step", 100).wall_seconds / 100)))
    tools: dict[str, Callable[[], float]] = {
        "versus": lambda: median(bench.time("train_step", count).wall_seconds for _ in range(CHUNKS)) / count,
        "pytest-benchmark": lambda: _pytest_benchmark(bench, count) / count,
    }
    if "torch" in sys.modules:  # another framework's process is not to load it
        tools["torch.utils.benchmark"] = lambda: _torch_timer(bench, count) / count
    found: dict[str, list[float]] = {tool: [] for tool in tools}
    for number in range(rounds):
        # every tool comes first once, last once
        order = list(tools)[number % len(tools) :] + list(tools)[: number % len(tools)]
        for tool in order:
            bench.start_again()
            found[tool].append(tools[tool]())
            alive()
    return found


def _pytest_benchmark(bench: Bench, count: int) -> float:
    """Have pytest-benchmark time chunks of that many steps; return its median."""
    import pytest

    class Plugin:
        @pytest.fixture
        def chunk(self) -> Callable[[], None]:
            def run() -> None:
                bench.repeat["train_step"](count)
                bench.learner.synchronize()

            return run

    with tempfile.TemporaryDirectory() as folder:
        test, told = Path(folder) / "test_step.py", Path(folder) / "told.json"
        test.write_text(TEST)
        options = [
            str(test),
            "-q",
            "--import-mode=importlib",
            "-p",
            "no:cacheprovider",
            f"--rootdir={folder}",
            "-c",
            "/dev/null",
        ]
        code = pytest.main([*options, f"--benchmark-json={told}"], plugins=[Plugin()])
        if code:
            raise RuntimeError(f"pytest ended with {code}")
        found: Any = json.loads(told.read_text())
    return float(found["benchmarks"][0]["stats"]["median"])


def _torch_timer(bench: Bench, count: int) -> float:
    from torch.utils.benchmark import Timer

    timer = Timer("run(count)", globals={"run": bench.repeat["train_step"], "count": count})
    return float(timer.timeit(CHUNKS).median)
