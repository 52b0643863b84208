"""The leading process in the longest timing there is, with workers that only say that they have computed.

    python -m tests.long_timing SUITE PRESET

Times all contenders of the suite on all workloads, to the last block that the preset allows. What the timing
keeps and writes is what that of a real run does, without the command around it and what was checked before;
`tests/scale.py` watches its memory.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measures.witnesses import Chunk, Witnesses
from benchmarks.result import CardData, ParityData
from benchmarks.runner import Runner
from benchmarks.sides import Side
from benchmarks.store import RunStore
from benchmarks.suite import ELEMENTS, Suite, Workload, load_suite
from tests import synthetic_run

SPREAD = 0.3
"""Of chunks, as a logarithm: intervals stay too wide, so that no block is saved."""


class Idle:
    """A worker without a process."""

    spawn_seconds, interpreter_seconds = 0.01, 0.02

    def __init__(self, contender: str) -> None:
        self.contender, self._random = contender, random.Random(contender)

    def call(self, command: str, **arguments: Any) -> Any:
        """Answer as a worker does that has opened a workload or timed a chunk."""
        if command == "load":
            return {"import": self._seconds(), "device": self._seconds(), "compiled": False}
        if command == "time_chunk":
            quiet = Witnesses(0.0, self._random.random() * 1e-3, self._random.randrange(9))
            return Chunk(self._seconds(), self._seconds(), quiet)
        metrics = arguments["metrics"]
        return {
            "build": self._seconds(),
            "first_step": self._seconds(),
            "warm_up_steps": 1000,
            "threads": 1,
            "iterations": dict.fromkeys(metrics, 1000),
            "examples": dict.fromkeys(metrics, 64_000),
            "first_calls": {name: {1: self._seconds()} for name in metrics},
            "warm_up": {name: [self._seconds() for _ in range(20)] for name in metrics},
            "problems": {name: [] for name in metrics},
        }

    def freeze(self) -> None:
        """Do nothing: there is no process."""

    thaw = close = freeze

    def _seconds(self) -> float:
        return 0.1 * self._random.lognormvariate(0.0, SPREAD)


class IdleSide(Side):
    """A contender whose workers only answer."""

    def start(self, *_: Any) -> Any:
        """Start nothing."""
        return Idle(self.contender)


class Silent:
    """Shows nothing."""

    def begin(self, phase: str, total: int) -> None:
        """Begin a phase."""

    def advance(self, what: str) -> None:
        """Go on."""


def time(suite: Suite, folder: Path) -> RunStore:
    """Time all contenders of a suite on all its workloads, each of which has passed parity."""
    contenders = list(suite.entrants)
    manifest = synthetic_run.manifest(folder.name, contenders=contenders, outcome="running")
    store = RunStore.create(folder, manifest)
    known: list[tuple[Workload, CardData | ParityData]] = [(ELEMENTS, CardData(facts={}))]
    known += [(workload, synthetic_run.parity()) for workload in suite.workloads]
    for contender in contenders:
        for workload, data in known:
            case = suite.case(workload, data.measure, contender)
            store.write(synthetic_run.record(data, contender).model_copy(update={"case": case}))
    nothing: Any = {workload.name: None for workload in suite.workloads}
    sides = {contender: IdleSide(contender) for contender in contenders}
    Runner(suite, contenders, nothing, store, Silent(), sides=sides).run()
    return store


def main(suite: str, preset: str) -> None:
    """Time into a folder that is removed."""
    only = {"speed.preset": preset, "measures": ["parity", "speed"]}
    with tempfile.TemporaryDirectory() as temporary:
        time(load_suite(suite, only), Path(temporary) / "run")


if __name__ == "__main__":
    main(*sys.argv[1:])
