"""Interleaved timing: blocks of fresh workers that take turns, chunk by chunk, in random order.

While one contender is timed, the others are frozen: idle frameworks spin in their thread pools and slow
whoever is being timed. Where processes cannot be frozen, one worker is alive at a time.
"""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datasets import Dataset
from benchmarks.result import Block, Metric, Samples, Stage, Tier
from benchmarks.suite import Suite, Workload
from benchmarks.worker import CAN_FREEZE, Worker, WorkerFailed

TIERS: Mapping[Metric, Tier] = {"train_step": "loop", "epoch": "idiomatic", "predict": "idiomatic"}
"""A step is called one at a time; an epoch and a prediction run the way the framework's users run them."""

Hire = Callable[[str], tuple[Worker, dict[str, Any]]]
"""Start a worker for a contender and load its framework; returns what `load` said."""

Pair = tuple[str, str]
"""Workload and contender."""


@dataclass
class Outcome:
    """What timing has brought so far."""

    blocks: dict[Pair, list[Block]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[Pair, str] = field(default_factory=dict)
    stopped_by: str = "interrupted"


def interleave(
    suite: Suite,
    workloads: Sequence[Workload],
    participants: Mapping[str, Sequence[str]],
    data: Mapping[str, Dataset],
    hire: Hire,
    outcome: Outcome,
    on_turn: Callable[[str], None],
) -> None:
    """Time the participants of each workload, block after block, filling `outcome` as blocks are completed.

    Parameters
    ----------
    participants
        Workload name -> contenders that passed its parity check.
    data
        Workload name -> its data set.
    on_turn
        Called after each turn of a contender with what it did, for a progress bar.
    """
    began = time.monotonic()
    contenders = sorted({contender for names in participants.values() for contender in names})
    teams = [contenders] if CAN_FREEZE else [[contender] for contender in contenders]
    for index in range(suite.speed.blocks):
        budget = suite.speed.time_budget_seconds
        if budget and index >= 2 and time.monotonic() - began > budget:
            outcome.stopped_by = f"time budget of {budget:g} s after {index} blocks"
            return
        for team in teams:
            _BlockRun(suite, workloads, participants, data, hire, outcome, on_turn, index).run(team)
    outcome.stopped_by = f"all {suite.speed.blocks} blocks done"


def turns_in(suite: Suite, participants: Mapping[str, Sequence[str]]) -> int:
    """Return how often `interleave` calls `on_turn` when nothing fails."""
    rounds = suite.speed.chunks * len(suite.speed.metrics)
    return suite.speed.blocks * sum(len(names) * (rounds + 1) for names in participants.values())


@dataclass
class _BlockRun:
    """One block: fresh workers, all workloads in random order."""

    suite: Suite
    workloads: Sequence[Workload]
    participants: Mapping[str, Sequence[str]]
    data: Mapping[str, Dataset]
    hire: Hire
    outcome: Outcome
    on_turn: Callable[[str], None]
    index: int

    def run(self, team: Sequence[str]) -> None:
        shuffle = random.Random(f"{self.suite.seed} block {self.index} {team}")
        workers: dict[str, Worker] = {}
        loaded: dict[str, dict[str, Any]] = {}
        try:
            self._hire_all(shuffle.sample(team, len(team)), workers, loaded)
            for workload in shuffle.sample(self.workloads, len(self.workloads)):
                self._time_workload(workload, workers, loaded, shuffle)
        finally:
            for worker in workers.values():
                worker.close()

    def _hire_all(
        self, team: Sequence[str], workers: dict[str, Worker], loaded: dict[str, dict[str, Any]]
    ) -> None:
        """Start the workers: one after the other where their start is measured, else on all cores."""
        with ThreadPoolExecutor(1 if self._measures_start else os.cpu_count()) as pool:
            futures = {contender: pool.submit(self.hire, contender) for contender in team}
            for contender, future in futures.items():
                try:
                    workers[contender], loaded[contender] = future.result()
                except WorkerFailed as error:
                    self._fail(contender, [workload.name for workload in self.workloads], error)
        for worker in workers.values():
            worker.freeze()

    @property
    def _measures_start(self) -> bool:
        return self.index == 0

    def _time_workload(
        self,
        workload: Workload,
        workers: dict[str, Worker],
        loaded: dict[str, dict[str, Any]],
        shuffle: random.Random,
    ) -> None:
        ready: dict[str, dict[str, Any]] = {}
        present = [name for name in self.participants[workload.name] if name in workers]
        present = [name for name in present if (workload.name, name) not in self.outcome.failures]
        for contender in shuffle.sample(present, len(present)):
            with self._turn(contender, workload, workers):
                ready[contender] = workers[contender].call("open_workload", **self._arguments(workload))
        samples: dict[tuple[str, Metric], list[tuple[float, int]]] = defaultdict(list)
        cpu: dict[str, float] = defaultdict(float)
        for _ in range(self.suite.speed.chunks):
            for metric in self.suite.speed.metrics:
                order = [name for name in ready if name in workers]
                for turn, contender in enumerate(shuffle.sample(order, len(order))):
                    with self._turn(contender, workload, workers):
                        wall_seconds, cpu_seconds = workers[contender].call(
                            "time_chunk",
                            workload=workload.name,
                            metric=metric,
                            iterations=ready[contender]["iterations"][metric],
                        )
                        samples[contender, metric].append((wall_seconds, turn))
                        cpu[contender] += cpu_seconds
        for contender in ready:
            if contender in workers:
                block = self._block(
                    ready[contender], loaded[contender], workers[contender], contender, samples, cpu
                )
                self.outcome.blocks[workload.name, contender].append(block)

    @contextmanager
    def _turn(self, contender: str, workload: Workload, workers: dict[str, Worker]) -> Iterator[None]:
        """Let one worker run; if it fails, it is out for the rest of the block and of this workload."""
        worker = workers[contender]
        worker.thaw()
        try:
            yield
            worker.freeze()
        except WorkerFailed as error:
            workers.pop(contender).close()
            self._fail(contender, [workload.name], error)
        self.on_turn(f"{workload.name} {contender}")

    def _fail(self, contender: str, names: Sequence[str], error: WorkerFailed) -> None:
        for name in names:
            if contender in self.participants[name]:
                self.outcome.failures.setdefault((name, contender), str(error))

    def _arguments(self, workload: Workload) -> dict[str, Any]:
        speed = self.suite.speed
        return {
            "workload": workload.name,
            "data": self.data[workload.name],
            "model": workload.model,
            "device": self.suite.device,
            "metrics": speed.metrics,
            "chunk_seconds": speed.chunk_seconds,
            "warm_up_steps": speed.warm_up_steps,
            "warm_up_seconds": speed.warm_up_seconds,
        }

    def _block(
        self,
        ready: dict[str, Any],
        loaded: dict[str, Any],
        worker: Worker,
        contender: str,
        samples: Mapping[tuple[str, Metric], list[tuple[float, int]]],
        cpu: Mapping[str, float],
    ) -> Block:
        wall = sum(
            seconds for metric in self.suite.speed.metrics for seconds, _ in samples[contender, metric]
        )
        start: dict[Stage, float] = {"spawn": worker.spawn_seconds, "import": loaded["import"]}
        if not self._measures_start:
            start.clear()
        return Block(
            index=self.index,
            stages={
                **start,
                "build": ready["build"],
                "first_step": ready["first_step"],
            },
            warm_up_steps=ready["warm_up_steps"],
            idle_workers="frozen" if CAN_FREEZE else "absent",
            threads_seen=loaded["threads"],
            cpu_per_wall=cpu[contender] / wall,
            samples=[
                Samples(
                    metric=metric,
                    tier=TIERS[metric],
                    iterations=ready["iterations"][metric],
                    examples=ready["examples"][metric],
                    seconds=[seconds for seconds, _ in samples[contender, metric]],
                    turns=[turn for _, turn in samples[contender, metric]],
                )
                for metric in self.suite.speed.metrics
            ],
        )
