"""The harness measured by itself: does it cry wolf, does it sleep, and what does it cost?

Contenders that are identical, or slower by an exactly known share, go through the same interleaving,
statistics and verdict as any others. Planted faults must be found, and none where none is planted.
"""

from __future__ import annotations

import datetime
import itertools
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, stdev
from typing import Any

from benchmarks import environment, launch, stats
from benchmarks.datasets import Dataset
from benchmarks.interleaving import Outcome, interleave
from benchmarks.measures.planted import FAULTS, NOTHING, slowed
from benchmarks.result import Block, SpeedData
from benchmarks.runner import Watcher
from benchmarks.selfcheck.result import SLOWDOWNS, Comparison, Cross, Fault, Freezing, SelfCheck
from benchmarks.sides import Side
from benchmarks.store import timing_lock
from benchmarks.suite import Suite, load_suite
from benchmarks.worker import Worker

TIMEOUT = 120.0
CHUNK_SECONDS = 0.1
"""What the overhead is a share of."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Parameters
    ----------
    sessions
        Times that all contenders are measured anew, each until its own stopping rule.
    same, slower
        Identical contenders, and contenders for each planted slowdown.
    settings
        Replaces settings of the suite.
    frozen_blocks
        Blocks with freezing, and as many without.
    rounds
        Of the cross-check with other tools.
    """

    sessions: int
    same: int
    slower: int
    settings: Mapping[str, Any]
    frozen_blocks: int
    rounds: int


_SHORT = {"chunk_seconds": 0.02, "chunks": 5, "warm_up_seconds": 0.1}
EFFORTS: Mapping[str, Effort] = {
    "quick": Effort(1, 3, 1, {"preset": "quick", "block_limit": 4, "blocks": 4, **_SHORT}, 1, 3),
    "standard": Effort(2, 6, 2, {"preset": "standard", **_SHORT}, 4, 5),
    "long": Effort(4, 6, 2, {"preset": "standard", **_SHORT}, 6, 10),
}


def check(effort: str, watcher: Watcher) -> SelfCheck:
    """Measure the harness; takes from two minutes to an hour."""
    began, chosen = time.monotonic(), EFFORTS[effort]
    suite = load_suite("selfcheck", {f"speed.{name}": value for name, value in chosen.settings.items()})
    data = launch.read_data(suite)
    surroundings = environment.snapshot()
    with tempfile.TemporaryDirectory() as folder, timing_lock():
        bench = _Bench(suite, data, watcher, Path(folder))
        comparisons = [each for session in range(chosen.sessions) for each in bench.compare(session, chosen)]
        overhead, protocol = bench.overhead()
        return SelfCheck(
            effort=effort,
            taken=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            fingerprint=surroundings["fingerprint"],
            machine=surroundings["machine"],
            packages=surroundings["packages"],
            comparisons=comparisons,
            faults=bench.faults(),
            freezing=bench.freezing(chosen.frozen_blocks),
            overhead_share=overhead,
            protocol_seconds=protocol,
            cross=bench.cross_check(chosen.rounds),
            seconds=time.monotonic() - began,
        )


@dataclass
class _Bench:
    """What the checks share: the suite, its data, and a folder for logs."""

    suite: Suite
    data: Mapping[str, Dataset]
    watcher: Watcher
    folder: Path

    def compare(self, session: int, effort: Effort) -> list[Comparison]:
        """Measure identical and slowed contenders, and compare each with each."""
        planted = {f"same {number}": 0.0 for number in range(1, effort.same + 1)}
        for slowdown in SLOWDOWNS:
            planted |= {f"+{slowdown:.0%} {number}": slowdown for number in range(1, effort.slower + 1)}
        sides = {
            name: Side("numpy", planted={"slowdown": slowdown} if slowdown else {})
            for name, slowdown in planted.items()
        }
        outcome = self._measure(
            sides, self.suite.model_copy(update={"seed": session}), f"session {session + 1}"
        )
        return [
            self._comparison(
                session, workload.name, metric, (left, planted[left]), (right, planted[right]), outcome
            )
            for workload in self.suite.workloads
            for metric in self.suite.speed.metrics
            for left, right in itertools.combinations(planted, 2)
        ]

    def _comparison(
        self,
        session: int,
        workload: str,
        metric: Any,
        left: tuple[str, float],
        right: tuple[str, float],
        outcome: Outcome,
    ) -> Comparison:
        blocks = [outcome.blocks[workload, name] for name, _ in (right, left)]
        right_data, left_data = (SpeedData(blocks=each, stopped_by="") for each in blocks)
        ratio = stats.paired_ratio(right_data, left_data, metric)
        repetitions = [
            [slowed(count, share) / count for count in _iterations(each, metric)]
            for each, (_, share) in zip(blocks, (right, left), strict=True)
        ]
        known = math.exp(
            sum(math.log(a / b) for a, b in zip(*repetitions, strict=True)) / len(repetitions[0])
        )
        return Comparison(
            session=session,
            workload=workload,
            metric=metric,
            left=left[0],
            right=right[0],
            planted=(1 + right[1]) / (1 + left[1]) - 1,
            blocks=ratio.count,
            ratio=ratio.estimate,
            low=ratio.low,
            high=ratio.high,
            known=known,
            verdict=stats.verdict(ratio),
        )

    def faults(self) -> list[Fault]:
        """Plant one fault at a time, and none."""
        plants: dict[str, dict[str, Any]] = {name: {"fault": name} for name in FAULTS}
        plants |= {
            "thread count ignored": {"threads": 2},
            "another dtype": {"dtype": "float64"},
            "none": {},
        }
        few = {"blocks": 2, "block_limit": 2, "chunks": 3, "metrics": ["train_step"]}
        suite = self.suite.model_copy(
            update={"speed": self.suite.speed.model_copy(update=few), "workloads": self.suite.workloads[:1]}
        )
        workload, found = suite.workloads[0].name, []
        for name, plant in plants.items():
            outcome = self._measure(
                {"numpy": Side("numpy"), "planted": Side("numpy", planted=plant)}, suite, f"fault: {name}"
            )
            said = outcome.failures.get((workload, "planted"), "")
            if not said:
                data = [
                    SpeedData(blocks=outcome.blocks[workload, each], stopped_by="")
                    for each in ("planted", "numpy")
                ]
                said = "; ".join(stats.doubts(data[0], data[1], "train_step"))
            found.append(Fault(name=name, found=bool(said) == bool(plant), said=said or "nothing"))
        return found

    def freezing(self, blocks: int) -> list[Freezing]:
        """Time NumPy against itself among idle frameworks with as many threads as they like."""
        from benchmarks import contenders

        here = [each.name for each in contenders.installed() if each.usable]
        names = [name for name in ("numpy", "torch", "keras-tensorflow", "keras-jax") if name in here][:3]
        sides = {f"{name} {number}": Side(name) for number in (1, 2) for name in names}
        found = []
        for freeze in (True, False):
            few = {"blocks": blocks, "block_limit": blocks, "metrics": ["train_step"], "freeze": freeze}
            suite = self.suite.model_copy(
                update={
                    "speed": self.suite.speed.model_copy(update=few),
                    "threads": None,
                    "workloads": self.suite.workloads[:1],
                }
            )
            outcome = self._measure(sides, suite, "freezing" if freeze else "no freezing")
            first, second = (outcome.blocks[suite.workloads[0].name, f"numpy {number}"] for number in (1, 2))
            logs = [
                math.log(a / b)
                for one, two in zip(first, second, strict=True)
                for a, b in zip(_per_step(one), _per_step(two), strict=True)
            ]
            found.append(
                Freezing(
                    idle_workers="frozen" if freeze else "running",
                    contenders=list(sides),
                    ratio=math.exp(median(logs)),
                    deviation=stdev(logs),
                )
            )
        return found

    def overhead(self) -> tuple[float, float]:
        """Return the harness's own share of a 100 ms chunk, and the seconds that a chunk costs besides."""
        workload = self.suite.workloads[0]
        self.watcher.begin("overhead", 1)
        with Side("numpy").start(1, self.folder / "overhead.log", TIMEOUT) as worker:
            Side("numpy").load(worker, 1)
            ready = self._open(worker, workload.name)
            steps = round(ready["iterations"]["train_step"] * CHUNK_SECONDS / self.suite.speed.chunk_seconds)
            arguments = {"workload": workload.name, "metric": "train_step", "iterations": steps}
            outside = []
            for _ in range(20):
                began = time.perf_counter()
                chunk = worker.call("time_chunk", **arguments)
                outside.append(time.perf_counter() - began - chunk.wall_seconds)
            worker.call("plant", fault=NOTHING)
            self._open(worker, workload.name)
            inside = [worker.call("time_chunk", **arguments).wall_seconds for _ in range(20)]
        self.watcher.advance("overhead")
        return median(inside) / CHUNK_SECONDS, median(outside)

    def cross_check(self, rounds: int) -> list[Cross]:
        """Time the same steps with two other tools, in turns with ours."""
        from benchmarks import contenders

        here = [each.name for each in contenders.installed(["numpy", "torch"]) if each.usable]
        self.watcher.begin("cross-check", len(here) * len(self.suite.workloads))
        found = []
        for contender in here:
            with Side(contender).start(1, self.folder / "cross.log", TIMEOUT) as worker:
                Side(contender).load(worker, 1)
                for workload in self.suite.workloads:
                    self._open(worker, workload.name)
                    tools: dict[str, list[float]] = worker.call(
                        "cross_check", workload=workload.name, rounds=rounds
                    )
                    ours = tools.pop("versus")
                    for tool, theirs in tools.items():
                        logs = [math.log(a / b) for a, b in zip(theirs, ours, strict=True)]
                        interval = stats.mean_interval(logs)
                        found.append(
                            Cross(
                                workload=workload.name,
                                contender=contender,
                                tool=tool,
                                ratio=math.exp(interval.estimate),
                                low=math.exp(interval.low),
                                high=math.exp(interval.high),
                            )
                        )
                    self.watcher.advance(contender)
        return found

    def _open(self, worker: Worker, name: str) -> dict[str, Any]:
        workload = next(each for each in self.suite.workloads if each.name == name)
        ready: dict[str, Any] = worker.call(
            "open_workload",
            workload=name,
            data=self.data[name],
            model=workload.model,
            device="cpu",
            metrics=["train_step"],
            chunk_seconds=self.suite.speed.chunk_seconds,
            warm_up_steps=10,
            warm_up_seconds=self.suite.speed.warm_up_seconds,
        )
        return ready

    def _measure(self, sides: Mapping[str, Side], suite: Suite, what: str) -> Outcome:
        def hire(name: str) -> tuple[Worker, dict[str, Any]]:
            worker = sides[name].start(suite.threads, self.folder / f"{name}.log", TIMEOUT)
            try:
                return worker, sides[name].load(worker, suite.threads)
            except BaseException:
                worker.close()
                raise

        outcome = Outcome()
        participants = {workload.name: list(sides) for workload in suite.workloads}
        interleave(
            suite,
            suite.workloads,
            participants,
            self.data,
            hire,
            outcome,
            lambda index, turns: self.watcher.begin(f"{what}, block {index + 1}", turns),
            self.watcher.advance,
        )
        return outcome


def _iterations(blocks: Sequence[Block], metric: Any) -> list[int]:
    return [samples.iterations for block in blocks for samples in block.samples if samples.metric == metric]


def _per_step(block: Block) -> list[float]:
    return [seconds / block.samples[0].iterations for seconds in block.samples[0].seconds]
