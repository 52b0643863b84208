"""The harness measured by itself: does it cry wolf, does it sleep, and what does it cost?

Contenders that are identical, or slower by an exactly known share, go through the same interleaving,
statistics, doubts and verdicts as any others. Planted faults must be found, and none where none is planted.
"""

from __future__ import annotations

import datetime
import itertools
import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks import environment, launch, stats, tables
from benchmarks.datasets import Dataset
from benchmarks.interleaving import Outcome, cores, interleave
from benchmarks.keeping import Watcher
from benchmarks.measures.planted import FAULTS, NOTHING, SAID, slowed
from benchmarks.result import Block, Metric, SpeedData
from benchmarks.selfcheck.result import (
    SCHEMA_VERSION,
    SLOWDOWNS,
    Comparison,
    Cross,
    Fault,
    Freezing,
    SelfCheck,
)
from benchmarks.sides import Side
from benchmarks.store import timing_lock
from benchmarks.suite import Suite, load_suite
from benchmarks.worker import Worker, WorkerFailed
from implementations import backend_names

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
    framework_blocks
        Of frameworks that are compared with themselves.
    """

    sessions: int
    same: int
    slower: int
    settings: Mapping[str, Any]
    frozen_blocks: int
    rounds: int
    framework_blocks: int = 0


_SHORT = {"chunk_seconds": 0.05, "chunks": 6, "warm_up_seconds": 0.08, "start_blocks": 0}
EFFORTS: Mapping[str, Effort] = {
    "quick": Effort(1, 3, 1, {"preset": "quick", "block_limit": 4, "blocks": 4, **_SHORT}, 1, 3),
    "standard": Effort(1, 8, 2, {"preset": "standard", **_SHORT}, 4, 5, 4),
    "long": Effort(2, 10, 2, {"preset": "standard", "start_blocks": 0}, 6, 20, 6),
}
"""The shorter ones also shorten what they measure; the long one takes a preset as users have it."""


def check(effort: str, watcher: Watcher) -> SelfCheck:
    """Measure the harness; takes from 3 minutes to an hour, on a noisy machine to three.

    What fails is told in the result, and nothing that was found is lost by it, nor by an interruption.
    """
    chosen = EFFORTS[effort]
    suite = load_suite("selfcheck", {f"speed.{name}": value for name, value in chosen.settings.items()})
    data, began = launch.read_data(suite), time.monotonic()
    surroundings = environment.snapshot()
    with tempfile.TemporaryDirectory() as folder, timing_lock():
        bench = _Bench(suite, data, watcher, Path(folder))
        comparisons: list[Comparison] = []
        faults: list[Fault] = []
        freezing: list[Freezing] = []
        costs: list[tuple[float, float]] = []
        cross: list[Cross] = []
        stages: list[tuple[str, Iterator[Any], list[Any]]] = [
            (f"session {number + 1}", bench.compare(number, chosen), comparisons)
            for number in range(chosen.sessions)
        ]
        if chosen.framework_blocks:
            own = bench.frameworks(chosen.sessions, chosen.framework_blocks)
            stages.append(("frameworks", own, comparisons))
        stages += [
            ("faults", bench.faults(), faults),
            ("freezing", bench.freezing(chosen.frozen_blocks), freezing),
            ("overhead", bench.overhead(), costs),
            ("cross-check", bench.cross_check(chosen.rounds), cross),
        ]
        bench.attempt(stages)
    overhead, protocol = costs[0] if costs else (math.nan, math.nan)
    figures = {name: value for name, value in asdict(chosen).items() if name != "settings"}
    return SelfCheck(
        schema_version=SCHEMA_VERSION,
        effort=effort,
        settings={**figures, "speed": suite.speed.model_dump(mode="json")},
        taken=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        git=surroundings["git"],
        fingerprint=surroundings["fingerprint"],
        machine=surroundings["machine"],
        packages=surroundings["packages"],
        comparisons=comparisons,
        faults=faults,
        freezing=freezing,
        overhead_share=overhead,
        protocol_seconds=protocol,
        cross=cross,
        failures=tuple(bench.failures),
        interrupted=bench.interrupted,
        seconds=time.monotonic() - began,
    )


@dataclass
class _Bench:
    """What the checks share: the suite, its data, a folder for logs, and what failed so far."""

    suite: Suite
    data: Mapping[str, Dataset]
    watcher: Watcher
    folder: Path
    failures: list[str] = field(default_factory=list)
    interrupted: bool = False

    def attempt(self, stages: Iterable[tuple[str, Iterator[Any], list[Any]]]) -> None:
        """Add what each stage finds to its list; if a worker fails, note it and go on to the next."""
        for what, finding, found in stages:
            try:
                for each in finding:
                    found.append(each)
            except WorkerFailed as error:
                self.failures.append(f"{what}: {self._without_log(str(error))}")
            except KeyboardInterrupt:
                self._interrupt(what)
            if self.interrupted:
                return

    def _interrupt(self, what: str) -> None:
        self.interrupted = True
        self.failures.append(f"{what}: interrupted; what was measured until then is kept")

    def compare(self, session: int, effort: Effort) -> Iterator[Comparison]:
        """Measure NumPy and slowed NumPy under several names, and compare each with each."""
        planted = {f"same {number}": 0.0 for number in range(1, effort.same + 1)}
        for slowdown in SLOWDOWNS:
            planted |= {f"+{slowdown:.0%} {number}": slowdown for number in range(1, effort.slower + 1)}
        sides = {name: _slower("numpy", slowdown) for name, slowdown in planted.items()}
        suite = self.suite.model_copy(update={"seed": session})
        return self._compared(session, f"session {session + 1}", suite, sides)

    def frameworks(self, session: int, blocks: int) -> Iterator[Comparison]:
        """Compare frameworks with themselves, epochs too, where they have as many threads as they like."""
        slowest = max(SLOWDOWNS)
        sides: dict[str, Side] = {}
        for name in self._usable(backend_names())[1:3]:
            sides |= {f"{name} {number}": Side(name) for number in (1, 2)}
            sides[f"{name} +{slowest:.0%}"] = _slower(name, slowest)
        few = {"blocks": blocks, "block_limit": blocks, "metrics": ["train_step", "epoch"]}
        suite = self.suite.model_copy(
            update={
                "seed": session,
                "speed": self.suite.speed.model_copy(update=few),
                "threads": None,
                "workloads": self.suite.workloads[:1],
            }
        )
        return self._compared(session, "frameworks", suite, sides)

    def _compared(
        self, session: int, what: str, suite: Suite, sides: Mapping[str, Side]
    ) -> Iterator[Comparison]:
        """Measure all sides, and compare each with each that stands for the same contender.

        All comparisons of a session are one family, like those of a run. In epochs nothing is planted: they
        come in calls of several, so that one more takes no exactly known share.
        """
        if not sides:
            return
        planted = {name: side.planted.get("slowdown", 0.0) for name, side in sides.items()}
        outcome = self._measure(sides, suite, what)
        self._note_failures(what, outcome)
        found: list[Comparison] = []
        for workload in suite.workloads:
            timed = _timed(outcome, workload.name, sides)
            doubted = tables.doubts(timed)
            for metric, (left, right) in itertools.product(
                suite.speed.metrics, itertools.combinations(timed, 2)
            ):
                if sides[left].contender != sides[right].contender:
                    continue
                if metric == "epoch" and (planted[left] or planted[right]):
                    continue
                ratio = stats.paired_ratio(timed[right], timed[left], metric)
                if ratio.count < 2:  # of a contender that failed early
                    continue
                found.append(
                    Comparison(
                        session=session,
                        contender=sides[left].contender,
                        workload=workload.name,
                        metric=metric,
                        left=left,
                        right=right,
                        planted=(1 + planted[right]) / (1 + planted[left]) - 1,
                        blocks=ratio.count,
                        ratio=ratio.estimate,
                        low=ratio.low,
                        high=ratio.high,
                        known=_known((timed[right], planted[right]), (timed[left], planted[left]), metric),
                        verdict="inconclusive",  # until the whole family is judged
                        doubts="; ".join(
                            f"{name}: {doubt}" for name in (left, right) for doubt in doubted[metric][name]
                        ),
                    )
                )
        ratios = [stats.Interval(each.ratio, each.low, each.high, each.blocks) for each in found]
        verdicts = stats.verdicts(ratios, [suite.speed.margin] * len(found), [each.doubts for each in found])
        for each, said in zip(found, verdicts, strict=True):
            yield each.model_copy(update={"verdict": said})

    def faults(self) -> Iterator[Fault]:
        """Plant one fault at a time, and none."""
        plants: dict[str, dict[str, Any]] = {name: {"fault": name} for name in FAULTS}
        if cores()[1] < 2:  # where a second thread takes its time from the first
            del plants["a thread that nobody counts"]
        plants |= {
            "thread count ignored": {"threads": 2},
            "another dtype": {"dtype": "float64"},
            "none": {},
        }
        few = {"blocks": 2, "block_limit": 2, "chunks": 3, "metrics": ["train_step"]}
        suite = self.suite.model_copy(
            update={"speed": self.suite.speed.model_copy(update=few), "workloads": self.suite.workloads[:1]}
        )
        workload = suite.workloads[0].name
        for name, plant in plants.items():
            outcome = self._measure(
                {"numpy": Side("numpy"), "planted": Side("numpy", planted=plant)}, suite, f"fault: {name}"
            )
            if self.interrupted:
                return
            said = self._without_log(outcome.failures.get((workload, "planted"), ""))
            if not said:
                timed = _timed(outcome, workload, ("numpy", "planted"))
                said = "; ".join(tables.doubts(timed)["train_step"]["planted"])
            expected = SAID[name] if plant else ""
            told = expected in said if plant else not said
            yield Fault(name=name, found=told, said=said or "nothing", expected=expected)

    def freezing(self, blocks: int) -> Iterator[Freezing]:
        """Time NumPy against itself among idle frameworks with as many threads as they like."""
        names = self._usable(backend_names())[:3]
        sides = {f"{name} {number}": Side(name) for number in (1, 2) for name in names}
        for freeze in (True, False):
            few = {"blocks": blocks, "block_limit": blocks, "metrics": ["train_step"], "freeze": freeze}
            suite = self.suite.model_copy(
                update={
                    "speed": self.suite.speed.model_copy(update=few),
                    "threads": None,
                    "workloads": self.suite.workloads[:1],
                }
            )
            what, workload = "freezing" if freeze else "no freezing", suite.workloads[0].name
            outcome = self._measure(sides, suite, what)
            if self.interrupted:
                return
            self._note_failures(what, outcome)
            first, second = (
                {block.index: _per_step(block) for block in outcome.blocks[workload, f"numpy {number}"]}
                for number in (1, 2)
            )
            logs = [
                math.log(a / b)
                for index in first.keys() & second.keys()
                for a, b in zip(first[index], second[index], strict=True)
            ]
            if not logs:  # both in no block, which has been noted
                continue
            yield Freezing(
                idle_workers="frozen" if freeze else "running",
                contenders=list(sides),
                ratio=math.exp(median(logs)),
                deviation=stdev(logs),
            )

    def overhead(self) -> Iterator[tuple[float, float]]:
        """Yield the harness's own share of a 100 ms chunk, and the seconds that a chunk costs besides.

        Each of the workload where it is largest.
        """
        self.watcher.begin("overhead", len(self.suite.workloads))
        found = []
        for workload in self.suite.workloads:
            found.append(self._own_cost(workload.name))
            self.watcher.advance("overhead")
        shares, seconds = zip(*found, strict=True)
        yield max(shares), max(seconds)

    def _own_cost(self, workload: str) -> tuple[float, float]:
        with Side("numpy").start(1, self.folder / "overhead.log", TIMEOUT) as worker:
            Side("numpy").load(worker, 1)
            ready = self._open(worker, workload)
            steps = round(ready["iterations"]["train_step"] * CHUNK_SECONDS / self.suite.speed.chunk_seconds)
            arguments = {"workload": workload, "metric": "train_step", "iterations": steps}
            outside = []
            for _ in range(20):
                worker.freeze()
                began = time.perf_counter()
                worker.thaw()  # as for each turn of a run
                chunk = worker.call("time_chunk", **arguments)
                worker.freeze()
                outside.append(time.perf_counter() - began - chunk.wall_seconds)
            worker.thaw()
            worker.call("plant", fault=NOTHING)
            self._open(worker, workload)
            inside = [worker.call("time_chunk", **arguments).wall_seconds for _ in range(20)]
        return median(inside) / CHUNK_SECONDS, median(outside)

    def cross_check(self, rounds: int) -> Iterator[Cross]:
        """Time the same steps with two other tools, in turns with ours."""
        here = self._usable(["numpy", "torch"])
        self.watcher.begin("cross-check", len(here) * len(self.suite.workloads))
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
                        yield Cross(
                            workload=workload.name,
                            contender=contender,
                            tool=tool,
                            ratio=math.exp(interval.estimate),
                            low=math.exp(interval.low),
                            high=math.exp(interval.high),
                        )
                    self.watcher.advance(contender)

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

    def _usable(self, names: Sequence[str]) -> list[str]:
        """Return the backends among them that can be used here."""
        from benchmarks import contenders

        return [each.name for each in contenders.installed(names) if each.usable]

    def _note_failures(self, what: str, outcome: Outcome) -> None:
        self.failures += [
            f"{what}, {workload}, {name}: {self._without_log(reason)}"
            for (workload, name), reason in outcome.failures.items()
        ]

    def _without_log(self, reason: str) -> str:
        """Return why a worker failed without the place of its log, which is gone when that is read."""
        return reason.partition(f"; see {self.folder}")[0]

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
        try:
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
        except KeyboardInterrupt:
            self._interrupt(f"{what}, block {outcome.next_index + 1}")
        return outcome


def _slower(contender: str, slowdown: float) -> Side:
    return Side(contender, planted={"slowdown": slowdown} if slowdown else {})


def _timed(outcome: Outcome, workload: str, names: Iterable[str]) -> dict[str, SpeedData]:
    """Return the contenders that have whole blocks."""
    return {
        name: SpeedData(blocks=blocks, stopped_by="")
        for name in names
        if (blocks := list(outcome.blocks[workload, name]))
    }


def _known(right: tuple[SpeedData, float], left: tuple[SpeedData, float], metric: Metric) -> float:
    """Return the true ratio over the blocks of both, from the repetitions that each really did."""
    mine, others = _repetitions(*right, metric), _repetitions(*left, metric)
    return math.exp(fmean(math.log(mine[index] / others[index]) for index in mine.keys() & others.keys()))


def _repetitions(data: SpeedData, share: float, metric: Metric) -> dict[int, float]:
    """Return by block how many repetitions were done for each that was asked for."""
    return {
        block.index: slowed(samples.iterations, share) / samples.iterations
        for block in data.blocks
        for samples in block.samples
        if samples.metric == metric
    }


def _per_step(block: Block) -> list[float]:
    return [seconds / block.samples[0].iterations for seconds in block.samples[0].seconds]
