"""Interleaved timing: blocks of fresh workers that take turns, chunk by chunk, in random order.

While one contender is timed, the others are frozen: idle frameworks spin in their thread pools and slow
whoever is being timed. Where processes cannot be frozen, one worker is alive at a time.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import psutil

from benchmarks import durations, stats
from benchmarks.datasets import Dataset
from benchmarks.measures.witnesses import Chunk
from benchmarks.packed import Packed
from benchmarks.result import Block, Metric, Samples, Stage, Tier
from benchmarks.suite import SpeedSettings, Suite, Workload
from benchmarks.worker import CAN_FREEZE, Worker, WorkerFailed
from implementations import processes

TIERS: Mapping[Metric, Tier] = {
    "train_step": "loop",
    "epoch": "idiomatic",
    "predict": "idiomatic",
    "place": "loop",
}
"""A step is called one at a time; an epoch and a prediction run the way the framework's users run them."""
COMPILED: Mapping[Metric, Tier] = {
    **TIERS,
    "train_step": "compiled",
    "epoch": "compiled",
    "predict": "compiled",
}
"""The same for a backend in its compiled mode, which compiles what it computes, and no copies."""

MORE_BLOCKS = 2
"""Blocks that are added at a time while intervals are too wide."""
ENOUGH_TO_SEE_SHRINKING = 12
"""Blocks before it is asked whether more of them still help."""
BUSY_CORES = 1.25
"""CPU seconds per wall second above which a process on a single thread cannot have kept to it."""
CHANCES = 2
"""Failures after which a contender is out of a workload's timing."""
FAILURES = "failures"
"""What ended the timing of a workload that every contender failed."""
IDLE_CORES = 0.8
"""CPU seconds per wall second below which a process was not computing all the time."""

Hire = Callable[[str], tuple[Worker, dict[str, Any]]]
"""Start a worker for a contender and load its framework; returns what `load` said."""

Pair = tuple[str, str]
"""Workload and contender."""


@dataclass
class Outcome:
    """What timing has brought so far; a run that is taken up again begins with what it had."""

    blocks: dict[Pair, Packed] = field(default_factory=lambda: defaultdict(Packed))
    next_index: int = 0
    """The number of the block that comes next."""
    lost: dict[Pair, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """Why a contender has no times from some blocks, by their number."""
    failures: dict[Pair, str] = field(default_factory=dict)
    """Why a contender is out; the blocks that it has are kept."""
    stopped_by: dict[str, str] = field(default_factory=dict)
    """Workload -> the rule that ended its timing."""
    seconds: float = 0.0
    """How long timing has taken, an earlier part of the run included."""
    _misses: Counter[Pair] = field(default_factory=Counter)

    def lose(self, pair: Pair, reason: str) -> None:
        """Note that a contender lost a block; it has another chance in the next, and no third."""
        self.lost[pair][self.next_index] = reason
        self._misses[pair] += 1
        if self._misses[pair] == CHANCES:
            self.failures[pair] = reason

    def skip(self, pair: Pair, reason: str) -> None:
        """Note that a contender lost a block by no failure on this workload."""
        self.lost[pair].setdefault(self.next_index, reason)

    def starts(self, pair: Pair, timed: durations.Timed = "start") -> int:
        """Return from how many blocks a contender has a whole cold start, or a stage of one."""
        return sum(durations.measured(block, timed) for block in self.blocks.get(pair, ()))

    def live(self, workload: str, participants: Sequence[str]) -> list[str]:
        """Return those that are still in."""
        return [each for each in participants if (workload, each) not in self.failures]


def interleave(
    suite: Suite,
    workloads: Sequence[Workload],
    participants: Mapping[str, Sequence[str]],
    data: Mapping[str, Dataset],
    hire: Hire,
    outcome: Outcome,
    on_begin: Callable[[int, int], None] = lambda _index, _turns: None,
    on_turn: Callable[[str], None] = lambda _: None,
    on_block: Callable[[], None] = lambda: None,
    references: Mapping[str, str] | None = None,
) -> None:
    """Time the participants of each workload, block after block, until each workload has a reason to stop.

    Parameters
    ----------
    participants
        Workload name -> contenders that passed its parity check.
    data
        Workload name -> its data set.
    outcome
        Filled as blocks are completed.
    on_begin, on_turn
        Called before each block with its number and turns, and after each turn with what it was.
    on_block
        Called when `outcome` has another whole block.
    references
        Contender -> the one whose times its own are divided by; by default the first one.
    """
    began = time.monotonic() - outcome.seconds
    while left := [workload for workload in workloads if workload.name not in outcome.stopped_by]:
        live = {workload.name: outcome.live(workload.name, participants[workload.name]) for workload in left}
        contenders = sorted({contender for names in live.values() for contender in names})
        alone = random.Random(f"{suite.seed} teams {outcome.next_index}").sample(contenders, len(contenders))
        teams = [contenders] if CAN_FREEZE else [[contender] for contender in alone]
        order = _in_turn(suite, left, live, outcome)
        on_begin(outcome.next_index, _turns(suite, left, live))
        for team in teams:
            _BlockRun(suite, order, live, data, hire, outcome, on_turn, outcome.next_index).run(team)
        outcome.next_index += 1
        outcome.seconds = time.monotonic() - began
        for workload in left:
            compared = _compared(workload.name, participants[workload.name], outcome, references or {})
            reason = stopping(suite.speed, compared, outcome.seconds) if compared else FAILURES
            if reason:
                outcome.stopped_by[workload.name] = reason
        on_block()


def _in_turn(
    suite: Suite, workloads: Sequence[Workload], participants: Mapping[str, Sequence[str]], outcome: Outcome
) -> list[Workload]:
    """Return the workloads of the next block: first the one with the fewest cold starts, the others as drawn.

    Of all that a worker serves only the first is built cold.
    """
    drawn = random.Random(f"{suite.seed} block {outcome.next_index}").sample(workloads, len(workloads))

    def cold(workload: Workload) -> int:
        names = participants[workload.name]
        starts = [outcome.starts((workload.name, contender), "first_step") for contender in names]
        return min(starts, default=0)

    first = min(drawn, key=cold)
    return [first, *(workload for workload in drawn if workload is not first)]


def _compared(
    workload: str, participants: Sequence[str], outcome: Outcome, references: Mapping[str, str]
) -> list[tuple[Packed, Packed]]:
    """Return the blocks of each live contender, and its reference's, or its own if that is out."""
    live = outcome.live(workload, participants)
    pairs = [(name, references.get(name, live[0])) for name in live]
    return [
        (outcome.blocks[workload, name], outcome.blocks[workload, other if other in live else name])
        for name, other in pairs
    ]


def stopping(
    speed: SpeedSettings, compared: Iterable[tuple[Iterable[Block], Iterable[Block]]], seconds: float
) -> str | None:
    """Return why a workload needs no more blocks, or None while it does.

    Never because of a p-value: who looks again and again until one is small finds what is not there.

    Parameters
    ----------
    compared
        Of each contender, its blocks and those of the one that it is compared with. Only blocks that both
        finished count, and everything is asked of the contender that has the fewest.
    seconds
        How long the blocks took.
    """
    counts: list[int] = []
    histories: list[list[float]] = []
    for own, other in compared:
        mine = list(own)  # unpacked once
        theirs = mine if own is other else list(other)
        counts.append(len(_indices(mine) & _indices(theirs)))
        if own is not other:
            histories += [stats.log_ratios(mine, theirs, metric) for metric in speed.metrics]
    count = min(counts)
    if speed.time_budget_seconds and count >= 2 and seconds > speed.time_budget_seconds:
        return f"time budget of {speed.time_budget_seconds:g} s after {count} blocks"
    limit = max(speed.blocks, speed.block_limit)
    if count < speed.blocks or ((count - speed.blocks) % MORE_BLOCKS and count < limit):
        return None
    wide = [history for history in histories if stats.half_width(history) > speed.half_width]
    if not wide:
        return f"intervals within {speed.half_width:.0%} after {count} blocks"
    if count >= limit:
        return f"limit of {limit} blocks"
    if count >= ENOUGH_TO_SEE_SHRINKING and not any(map(stats.still_shrinking, wide)):
        return f"intervals that no longer shrink after {count} blocks"
    return None


def _indices(blocks: Iterable[Block]) -> set[int]:
    return {block.index for block in blocks}


def _turns(suite: Suite, workloads: Sequence[Workload], participants: Mapping[str, Sequence[str]]) -> int:
    """Return how often `on_turn` is called in a block in which nothing fails."""
    rounds = suite.speed.chunks * len(suite.speed.metrics)
    return sum(len(participants[workload.name]) * (rounds + 1) for workload in workloads)


@dataclass
class _BlockRun:
    """One block: fresh workers, and one workload after the other in the given order."""

    suite: Suite
    workloads: Sequence[Workload]
    participants: Mapping[str, Sequence[str]]
    data: Mapping[str, Dataset]
    hire: Hire
    outcome: Outcome
    on_turn: Callable[[str], None]
    index: int
    _served: Counter[str] = field(default_factory=Counter)
    """Workloads that each contender's worker has opened."""
    _gone: dict[str, str] = field(default_factory=dict)
    """Contenders whose worker has failed, and on what."""

    def run(self, team: Sequence[str]) -> None:
        shuffle = random.Random(f"{self.suite.seed} block {self.index} {team}")
        workers: dict[str, Worker] = {}
        loaded: dict[str, dict[str, Any]] = {}
        found: dict[Pair, Block] = {}
        try:
            self._hire_all(shuffle.sample(team, len(team)), workers, loaded)
            for workload in self.workloads:
                found |= self._time_workload(workload, workers, loaded, shuffle)
        finally:
            for worker in workers.values():
                worker.close()
        for pair, block in found.items():  # a block counts when it is whole
            self.outcome.blocks[pair].append(block)

    def _hire_all(
        self, team: Sequence[str], workers: dict[str, Worker], loaded: dict[str, dict[str, Any]]
    ) -> None:
        """Start the workers: one after the other where their start is measured, else on all cores.

        Each is frozen once it is up: the idle threads of those before would slow the next one's start.
        """

        def start(contender: str) -> None:
            workers[contender], loaded[contender] = self.hire(contender)
            self._freeze(workers[contender])

        pool = ThreadPoolExecutor(1 if self._measures_start else os.cpu_count())
        try:
            futures = {contender: pool.submit(start, contender) for contender in team}
            for contender, future in futures.items():
                try:
                    future.result()
                except WorkerFailed as error:
                    self._fail(contender, [workload.name for workload in self.workloads], error)
        finally:
            pool.shutdown(cancel_futures=True)  # no more of them after an interruption

    @cached_property
    def _measures_start(self) -> bool:
        """Whether somebody lacks one of the starts that the suite wants, which a lost block may have had."""
        return any(
            self.outcome.starts((workload.name, contender)) < self.suite.speed.start_blocks
            for workload in self.workloads
            for contender in self.participants[workload.name]
            if (workload.name, contender) not in self.outcome.failures
        )

    @property
    def _idle_workers(self) -> Literal["frozen", "running", "absent"]:
        if not CAN_FREEZE:
            return "absent"
        return "frozen" if self.suite.speed.freeze else "running"

    def _freeze(self, worker: Worker) -> None:
        if self.suite.speed.freeze:
            worker.freeze()

    def _time_workload(
        self,
        workload: Workload,
        workers: dict[str, Worker],
        loaded: dict[str, dict[str, Any]],
        shuffle: random.Random,
    ) -> dict[Pair, Block]:
        ready: dict[str, dict[str, Any]] = {}
        for contender in self._gone.keys() & set(self.participants[workload.name]):
            self.outcome.skip((workload.name, contender), self._gone[contender])
        present = [name for name in self.participants[workload.name] if name in workers]
        for contender in shuffle.sample(present, len(present)):
            with self._turn(contender, workload, workers):
                told = workers[contender].call("open_workload", **self._arguments(workload))
                ready[contender] = {**told, "served_before": self._served[contender]}
                self._served[contender] += 1
            self.on_turn(f"{workload.name} {contender}")
        timed: dict[tuple[str, Metric], list[tuple[Chunk, int]]] = defaultdict(list)
        repeated: dict[Metric, int] = defaultdict(int)
        for _ in range(self.suite.speed.chunks):
            for metric in self.suite.speed.metrics:
                chunks = self._round(workload, metric, ready, workers, shuffle)
                most = self.suite.speed.chunks
                while repeated[metric] < most and any(map(self._disturbed, chunks.values())):
                    repeated[metric] += 1  # for all of them: dropping one side's chunks would favour it
                    chunks = self._round(workload, metric, ready, workers, shuffle)
                for contender, chunk in chunks.items():
                    timed[contender, metric].append(chunk)
                    self.on_turn(f"{workload.name} {contender}")
        return {
            (workload.name, contender): self._block(
                ready[contender],
                loaded[contender],
                workers[contender],
                {metric: timed[contender, metric] for metric in self.suite.speed.metrics},
                repeated,
            )
            for contender in ready
            if contender in workers
        }

    def _round(
        self,
        workload: Workload,
        metric: Metric,
        ready: Mapping[str, dict[str, Any]],
        workers: dict[str, Worker],
        shuffle: random.Random,
    ) -> dict[str, tuple[Chunk, int]]:
        """Time one chunk of each contender; return it with the contender's place in the order."""
        order = [name for name in ready if name in workers]
        chunks = {}
        for turn, contender in enumerate(shuffle.sample(order, len(order))):
            with self._turn(contender, workload, workers):
                chunk: Chunk = workers[contender].call(
                    "time_chunk",
                    workload=workload.name,
                    metric=metric,
                    iterations=ready[contender]["iterations"][metric],
                )
                chunks[contender] = chunk, turn
        return chunks

    def _disturbed(self, timed: tuple[Chunk, int]) -> bool:
        chunk, _ = timed
        alone = self.suite.threads == 1 and self._idle_workers != "running"
        return chunk.witnesses.disturbed(chunk.wall_seconds, alone=alone)

    @contextmanager
    def _turn(self, contender: str, workload: Workload, workers: dict[str, Worker]) -> Iterator[None]:
        """Let one worker run; if it fails, it is out for the rest of the block."""
        worker = workers[contender]
        worker.thaw()
        try:
            yield
            self._freeze(worker)
        except WorkerFailed as error:
            workers.pop(contender).close()
            self._fail(contender, [workload.name], error)
            self._gone[contender] = f"its worker had failed on {workload.name}: {error}"

    def _fail(self, contender: str, names: Sequence[str], error: WorkerFailed) -> None:
        for name in names:
            if contender in self.participants[name]:
                self.outcome.lose((name, contender), str(error))

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
        timed: Mapping[Metric, Sequence[tuple[Chunk, int]]],
        repeated: Mapping[Metric, int],
    ) -> Block:
        chunks = [chunk for each in timed.values() for chunk, _ in each]
        cpu_per_wall = sum(chunk.cpu_seconds for chunk in chunks) / sum(
            chunk.wall_seconds for chunk in chunks
        )
        start: dict[Stage, float] = {}
        if self._measures_start:
            start = {
                "spawn": worker.spawn_seconds,
                "interpreter": worker.interpreter_seconds,
                "import": loaded["import"],
                "device": loaded["device"],
            }
        return Block(
            index=self.index,
            stages={
                **start,
                "build": ready["build"],
                "first_step": ready["first_step"],
            },
            served_before=ready["served_before"],
            warm_up_steps=ready["warm_up_steps"],
            idle_workers=self._idle_workers,
            threads_seen=ready["threads"],
            cpu_per_wall=cpu_per_wall,
            samples=[
                _samples(
                    metric,
                    COMPILED if loaded.get("compiled") else TIERS,
                    ready,
                    [chunk for chunk, _ in found],
                    [turn for _, turn in found],
                    list(map(self._disturbed, found)),
                    repeated[metric],
                )
                for metric, found in timed.items()
            ],
            problems=self._thread_problems(ready["threads"], cpu_per_wall),
        )

    def _thread_problems(self, seen: int, cpu_per_wall: float) -> list[str]:
        """Compare what a process was told about threads with what it says and with what it did.

        On the default track a framework may take one thread for each core, or for each that is physical.
        Small operations stay on one thread however many there are, but on less than one core only a process
        that waits.
        """
        asked = self.suite.threads
        least, most = (asked, asked) if asked else cores()
        found = []
        if not least <= seen <= most:
            found.append(f"{seen} threads instead of {least}" + (f" to {most}" if least < most else ""))
        if self.suite.device != "cpu":
            return found  # while the device computes, the process may wait or ask
        if cpu_per_wall > most - 1 + BUSY_CORES:
            found.append(f"busy on {cpu_per_wall:.1f} cores with {most} threads")
        if cpu_per_wall < IDLE_CORES:
            found.append(f"computed for only {cpu_per_wall:.1f} of its time")
        return found


def cores() -> tuple[int, int]:
    """Return how many physical cores there are for this process, and how many in all."""
    usable = processes.cores()
    return min(usable, psutil.cpu_count(logical=False) or usable), usable


def _samples(
    metric: Metric,
    tiers: Mapping[Metric, Tier],
    ready: Mapping[str, Any],
    chunks: Sequence[Chunk],
    turns: list[int],
    disturbed: list[bool],
    repeated: int,
) -> Samples:
    seen = [chunk.witnesses for chunk in chunks]
    witnessed: dict[str, list[Any]] = {
        name: [value for each in seen if (value := getattr(each, name)) is not None]
        for name in (
            "steal_seconds",
            "pressure_seconds",
            "involuntary_switches",
            "throttled",
            "clock_mhz",
            "clock_reasons",
        )
    }
    return Samples(
        metric=metric,
        tier=tiers[metric],
        iterations=ready["iterations"][metric],
        examples=ready["examples"][metric],
        seconds=[chunk.wall_seconds for chunk in chunks],
        turns=turns,
        warm_up=ready["warm_up"][metric],
        first_calls=ready["first_calls"][metric],
        cpu_seconds=[chunk.cpu_seconds for chunk in chunks],
        **witnessed,
        repeated_rounds=repeated,
        disturbed=disturbed,
        problems=ready["problems"][metric],
    )
