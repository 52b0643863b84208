"""Backends and plain scripts in turns: what the interface costs, and how near to its products a step is."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks import contenders, durations, environment, launch, soundness, stats
from benchmarks.interleaving import Outcome, interleave
from benchmarks.keeping import Watcher
from benchmarks.modes import mode_of
from benchmarks.result import Metric, Model, SpeedData
from benchmarks.sides import Side
from benchmarks.store import timing_lock
from benchmarks.suite import load_suite
from benchmarks.temporary import TemporaryFolder
from benchmarks.worker import Worker

TIMEOUT = 300.0
SCRIPTS = {
    "numpy": "numpy_loop.script",
    "torch": "torch_loop.script",
    "jax": "jax_loop.script",
    "tensorflow": "tensorflow_loop.script",
    "keras-tensorflow": "keras_fit.script",
    "keras-jax": "keras_fit.script",
    "keras-torch": "keras_fit.script",
}
"""Backend -> the script that trains the same in the same framework."""
PRODUCTS, LEARN = "matrix products", "scikit-learn"
BESIDES = {PRODUCTS: "numpy_loop.products", LEARN: "sklearn_fit.script"}
"""What else is timed, in a process that has NumPy alone."""
ONLY_EPOCHS = (LEARN,)


class Ratio(Model):
    """A time divided by another."""

    workload: str
    metric: Metric
    contender: str
    other: str
    seconds: float
    """Of the contender, for one repetition."""
    ratio: float
    low: float
    high: float
    blocks: int
    doubts: list[str]


class Race(Model):
    """What was found."""

    taken: str
    git: dict[str, Any] | None
    machine: dict[str, Any]
    packages: dict[str, str | None]
    threads: int | None
    ratios: list[Ratio]
    failures: dict[str, str]

    def rows(self) -> list[dict[str, str]]:
        """Return the ratios as a table of text."""
        return [
            {
                "workload": each.workload,
                "what": each.metric,
                "contender": each.contender,
                "divided by": each.other,
                "ratio": f"{each.ratio:.3f}",
                "95 % interval": f"{each.low:.3f} to {each.high:.3f}",
                "contender's time": f"{each.seconds * 1e6:,.0f} µs",
                "blocks": str(each.blocks),
                "doubts": "; ".join(each.doubts),
            }
            for each in self.ratios
        ]


def race(names: Sequence[str], overrides: Mapping[str, Any], watcher: Watcher) -> Race:
    """Time backends and scripts, each metric by itself.

    Parameters
    ----------
    names
        Contenders; empty for all that are installed.
    overrides
        Dotted settings of the suite `plain`.
    """
    suite = load_suite("plain", dict(overrides))
    if names:
        contenders.require(names)
    here = [each.name for each in contenders.installed(names or suite.entrants) if each.usable]
    sides = {name: Side(name) for name in here}
    backends = dict.fromkeys(mode_of(name).backend for name in here)
    sides |= {f"{name} plain": Side(name, script=SCRIPTS[name]) for name in backends if name in SCRIPTS}
    if "numpy" in here:
        sides |= {name: Side("numpy", script=script) for name, script in BESIDES.items()}
    data, surroundings = launch.read_data(suite), environment.snapshot()
    ratios: list[Ratio] = []
    failures: dict[str, str] = {}
    with TemporaryFolder() as folder, timing_lock():

        def hire(name: str) -> tuple[Worker, dict[str, Any]]:
            worker = sides[name].start(suite.threads, folder / f"{name}.log", TIMEOUT)
            try:
                return worker, sides[name].load(worker, suite.threads)
            except BaseException:
                worker.close()
                raise

        for metric in suite.speed.metrics:
            only = suite.model_copy(update={"speed": suite.speed.model_copy(update={"metrics": [metric]})})
            taking_part = [name for name in sides if metric == "epoch" or name not in ONLY_EPOCHS]
            outcome = Outcome()
            interleave(
                only,
                suite.workloads,
                {workload.name: taking_part for workload in suite.workloads},
                data,
                hire,
                outcome,
                partial(_begin, watcher, metric),
                watcher.advance,
            )
            failures |= {f"{name}, {where}": said for (where, name), said in outcome.failures.items()}
            for workload in suite.workloads:
                timed = {
                    name: SpeedData(blocks=list(blocks), stopped_by="")
                    for name in taking_part
                    if (blocks := outcome.blocks[workload.name, name])
                }
                ratios += _ratios(workload.name, metric, timed)
    return Race(
        taken=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        git=surroundings["git"],
        machine=surroundings["machine"],
        packages=surroundings["packages"],
        threads=suite.threads,
        ratios=ratios,
        failures=failures,
    )


def _begin(watcher: Watcher, what: str, index: int, turns: int) -> None:
    watcher.begin(f"{what}, block {index + 1}", turns)


def _ratios(workload: str, metric: Metric, timed: Mapping[str, SpeedData]) -> Iterator[Ratio]:
    """Yield each contender divided by its backend's script, and NumPy divided by everything else."""
    scripts = {name: f"{mode_of(name).backend} plain" for name in timed}
    pairs = [(name, script) for name, script in scripts.items() if script in timed]
    pairs += [("numpy", name) for name in timed if name not in ("numpy", "numpy plain")]
    for contender, other in pairs:
        if contender not in timed:
            continue
        ratio = stats.paired_ratio(timed[contender], timed[other], metric)
        if math.isnan(ratio.estimate):
            continue
        yield Ratio(
            workload=workload,
            metric=metric,
            contender=contender,
            other=other,
            seconds=durations.seconds(timed[contender], metric),
            ratio=ratio.estimate,
            low=ratio.low,
            high=ratio.high,
            blocks=ratio.count,
            doubts=[
                doubt
                for each in (contender, other)
                for doubt in soundness.doubts(timed[each], timed[contender], metric)
            ],
        )
