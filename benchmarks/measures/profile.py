"""The profile: calls and functions of a training step, in a worker that is never timed."""

from __future__ import annotations

import cProfile
import re
import time
from pathlib import Path
from types import CodeType
from typing import Any, Literal

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session
from benchmarks.measures.preparation import build, prepare

WARM_UP_STEPS, STEPS = 20, 200
MOST_FUNCTIONS = 10


def compute(
    session: Session,
    alive: Alive,
    *,
    data: Dataset,
    model: dict[str, Any],
    device: Literal["cpu", "gpu"],
) -> dict[str, Any]:
    """Return the fields of `ProfileData`."""
    prepared = prepare(data, model)
    backend, learner = build(session, prepared, device, prepared.model.seed)
    (batch,), (examples, targets) = prepared.order(1, prepared.model.seed), prepared.train
    x, y = learner.place(examples[batch], targets[batch])
    for _ in range(WARM_UP_STEPS):
        learner.train_step(x, y)
    learner.synchronize()
    alive()
    watched: list[float] = []

    def train() -> None:
        began = time.perf_counter()
        for _ in range(STEPS):
            learner.train_step(x, y)
        learner.synchronize()
        watched.append(time.perf_counter() - began)

    # first, as TensorFlow traces no kernel that it found to be cheap; the CPU's time says nothing of a GPU
    operations = backend.operations(learner, train) if device == "cpu" else None
    alive()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(STEPS):
        learner.train_step(x, y)
    learner.synchronize()
    profiler.disable()
    alive()
    return {
        "steps": STEPS,
        **_calls(profiler),
        "operations": None
        if operations is None
        else [
            {
                "name": each.name,
                "kind": each.kind,
                "calls": each.calls / STEPS,
                "seconds": each.seconds / STEPS,
            }
            for each in sorted(operations, key=lambda each: -each.seconds)
        ],
        "operation_step_seconds": sum(watched) / STEPS if watched else None,
    }


def _calls(profiler: cProfile.Profile) -> dict[str, Any]:
    """Return how often functions were called in a step, and which took most of its time."""
    # the last call is that which ends the profile
    entries = [entry for entry in profiler.getstats() if "_lsprof.Profiler" not in str(entry.code)]
    written = [isinstance(entry.code, CodeType) for entry in entries]
    counts = [entry.callcount / STEPS for entry in entries]
    longest = sorted(entries, key=lambda entry: -entry.inlinetime)[:MOST_FUNCTIONS]
    return {
        "python_calls": sum(count for count, python in zip(counts, written, strict=True) if python),
        "c_calls": sum(count for count, python in zip(counts, written, strict=True) if not python),
        "functions": [
            {
                "name": _name(entry.code),
                "calls": entry.callcount / STEPS,
                "seconds": entry.inlinetime / STEPS,
            }
            for entry in longest
        ],
        "function_seconds": sum(entry.inlinetime for entry in entries) / STEPS,
    }


def _name(code: CodeType | str) -> str:
    """Return file and function; of a built-in one what cProfile says, without places in memory."""
    if isinstance(code, str):
        return re.sub(r" at 0x[0-9a-f]+", "", code)
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name} {code.co_qualname}"
