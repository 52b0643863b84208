"""Sides: where a contender's code and packages come from, for runs that compare two of them.

In an ordinary run every contender stands for itself: this checkout, this environment.
`versus compare --rerun` gives each backend two sides, and `versus selfcheck` several that are the same, or
differ in a planted way.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.worker import Worker


@dataclass(frozen=True)
class Side:
    """How a contender's workers are started.

    Parameters
    ----------
    contender
        A backend, or one in its compiled mode: a name of `benchmarks.modes`.
    python
        Interpreter, whose environment has the packages.
    checkout
        Folder whose `implementations` and `benchmarks` are used; by default the installed ones.
    planted
        What `benchmarks.measures.planted` does to it.
    against
        Name of the contender that its times are divided by; by default the first one.
    script
        What is timed in its place: a module and function of `benchmarks.plain`.
    """

    contender: str
    python: str = sys.executable
    checkout: Path | None = None
    planted: Mapping[str, Any] = field(default_factory=dict)
    against: str | None = None
    script: str = ""

    def start(
        self,
        threads: int | None,
        log: Path,
        timeout: float,
        memory_bytes: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Worker:
        """Start a worker that has not loaded anything yet."""
        extra = {**({"PYTHONPATH": str(self.checkout)} if self.checkout else {}), **(variables or {})}
        return Worker(
            self.contender,
            environment.worker_environment(threads, extra),
            log,
            timeout,
            self.python,
            memory_bytes,
        )

    def load(self, worker: Worker, threads: int | None) -> dict[str, Any]:
        """Have the worker import the backend and note the mode; return what it tells."""
        told: dict[str, Any] = worker.call("load", contender=self.contender, threads=threads)
        if self.planted:
            worker.call("plant", **self.planted)
        if self.script:
            worker.call("replace", script=self.script)
        return told


def standing_for_themselves(contenders: list[str]) -> dict[str, Side]:
    """Return the sides of an ordinary run."""
    return {name: Side(name) for name in contenders}
