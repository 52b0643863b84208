"""Plain scripts in the place of a backend: what the same training costs without the interface."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measures import Alive, Session
from benchmarks.measures.preparation import Prepared
from benchmarks.measures.speed import Bench
from benchmarks.plain import Script, Task
from benchmarks.result import Metric
from implementations import AbstractLearner, InvalidInput

CHECKED_STEPS = 5
TOLERANCE = 1e-5
"""Of float32 parameters after an epoch or a few steps, relative to their norm."""


def replace(session: Session, alive: Alive, *, script: str) -> None:
    """Have the worker time a script of `benchmarks.plain` instead of its backend.

    Parameters
    ----------
    script
        Module and function, such as `torch_loop.script`.
    """
    module, _, name = script.rpartition(".")
    make: Callable[[Task], Script] = getattr(importlib.import_module(f"benchmarks.plain.{module}"), name)
    session["plant"] = lambda bench: _replaced(bench, session["prepared"], make)


def _replaced(bench: Bench, prepared: Prepared, make: Callable[[Task], Script]) -> Bench:
    learner, model = bench.learner, prepared.model
    x, y = prepared.train
    order = prepared.order(prepared.steps_per_epoch, model.seed)
    options: dict[str, Any] = dict(model.optimizer.options)
    assert isinstance(model.optimizer.learning_rate, float)
    task = Task(
        learner.parameters(),
        x.astype(np.float32),
        y.astype(np.int64),
        order,
        model.optimizer.learning_rate,
        float(options["momentum"]),
    )
    made = make(task)
    _check(bench, made, task)
    bench.start_again()
    given = {"train_step": made.steps, "epoch": made.epochs}
    repeat: dict[Metric, Callable[[int], None]] = {
        metric: function for metric in bench.repeat if (function := given.get(metric))
    }
    return dataclasses.replace(bench, repeat=repeat, start_again=lambda: None)


def _check(bench: Bench, made: Script, task: Task) -> None:
    """Compare the script's parameters with the backend's after steps and an epoch: no parity, no time."""
    if made.parameters is None:
        return
    if made.steps:
        _train(bench.learner, task, CHECKED_STEPS)
        made.steps(CHECKED_STEPS)
        _compare(made.parameters(), bench.learner.parameters(), f"{CHECKED_STEPS} steps")
    if made.epochs and not made.shuffles:
        _train(bench.learner, task, len(task.order))
        made.epochs(1)
        _compare(made.parameters(), bench.learner.parameters(), "an epoch")


def _train(learner: AbstractLearner[Any], task: Task, steps: int) -> None:
    for _, batch in zip(range(steps), itertools.cycle(task.order), strict=False):
        learner.step(task.x[batch], task.y[batch])


def _compare(parameters: list[np.ndarray], expected: list[np.ndarray], after: str) -> None:
    for number, (mine, theirs) in enumerate(zip(parameters, expected, strict=True)):
        distance = float(np.linalg.norm(mine - theirs)) / max(float(np.linalg.norm(theirs)), 1.0)
        if not distance <= TOLERANCE:
            raise InvalidInput(
                "plain script",
                expected=f"the backend's parameters after {after}, within {TOLERANCE:g}",
                got=f"a distance of {distance:.2g} in array {number}",
                action="correct the script: it trains something else",
            )
