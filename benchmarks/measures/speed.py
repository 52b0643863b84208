"""Speed: seconds of whole chunks of training steps, epochs or predictions, measured in the worker."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session
from benchmarks.measures.preparation import Prepared, build, prepare
from benchmarks.result import Metric
from implementations import AbstractLearner

ORDERS = 16
"""Epoch orders drawn ahead and used in turn, so that drawing them is not timed."""


@dataclass(frozen=True)
class Bench:
    """A learner ready to be timed: for each metric a function that does it so many times."""

    learner: AbstractLearner[Any]
    repeat: dict[Metric, Callable[[int], None]]
    start_again: Callable[[], None]
    """Puts the initial parameters back, so that every chunk trains the same network."""

    def time(self, metric: Metric, iterations: int) -> tuple[float, float]:
        """Return wall and CPU seconds of that many repetitions, the device idle at both ends."""
        self.start_again()
        gc.collect()
        gc.freeze()
        self.learner.synchronize()
        cpu, wall = time.process_time(), time.perf_counter()
        self.repeat[metric](iterations)
        self.learner.synchronize()
        return time.perf_counter() - wall, time.process_time() - cpu


def open_workload(
    session: Session,
    alive: Alive,
    *,
    workload: str,
    data: Dataset,
    model: dict[str, Any],
    device: Literal["cpu", "gpu"],
    metrics: list[Metric],
    chunk_seconds: float,
    warm_up_steps: int,
    warm_up_seconds: float,
) -> dict[str, Any]:
    """Build, take the first step, warm up, and find how many repetitions fill a chunk.

    Returns
    -------
    dict
        `build` and `first_step` in seconds, `warm_up_steps`, and for each metric `iterations` (repetitions in
        a chunk) and `examples` (processed by one repetition).
    """
    prepared = prepare(data, model)
    began = time.perf_counter()
    _, learner = build(session, prepared, device, prepared.model.seed)
    learner.synchronize()
    built = time.perf_counter()
    bench, examples = _bench(learner, prepared)
    placed = time.perf_counter()
    bench.repeat["train_step"](1)
    learner.synchronize()
    stepped = time.perf_counter()
    iterations, steps = {}, 0
    for metric in metrics:
        iterations[metric], count = _warm_up(
            bench, metric, chunk_seconds, warm_up_steps, warm_up_seconds, alive
        )
        steps += count if metric == "train_step" else 0
    session.setdefault("benches", {})[workload] = bench
    return {
        "build": built - began,
        "first_step": stepped - placed,
        "warm_up_steps": steps,
        "iterations": iterations,
        "examples": {metric: examples[metric] for metric in metrics},
    }


def time_chunk(
    session: Session, alive: Alive, *, workload: str, metric: Metric, iterations: int
) -> tuple[float, float]:
    """Return wall and CPU seconds of one chunk."""
    bench: Bench = session["benches"][workload]
    return bench.time(metric, iterations)


def _bench(learner: AbstractLearner[Any], prepared: Prepared) -> tuple[Bench, dict[Metric, int]]:
    x, y = prepared.train
    steps, seed = prepared.steps_per_epoch, prepared.model.seed
    orders = prepared.order(ORDERS * steps, seed).reshape(ORDERS, steps, -1)
    batches = [learner.place(x[batch], y[batch]) for batch in orders[0]]
    data = learner.place(x, y)
    initial = learner.parameters()

    def train_step(iterations: int) -> None:
        step = learner.train_step
        for batch_x, batch_y in itertools.islice(itertools.cycle(batches), iterations):
            step(batch_x, batch_y)

    def epoch(iterations: int) -> None:
        for order in itertools.islice(itertools.cycle(orders), iterations):
            learner.train_epoch(*data, order)

    def predict(iterations: int) -> None:
        infer = learner.infer
        for batch_x, _ in itertools.islice(itertools.cycle(batches), iterations):
            infer(batch_x)

    batch_size = orders.shape[-1]
    repeat: dict[Metric, Callable[[int], None]] = {
        "train_step": train_step,
        "epoch": epoch,
        "predict": predict,
    }
    examples: dict[Metric, int] = {
        "train_step": batch_size,
        "epoch": steps * batch_size,
        "predict": batch_size,
    }
    return Bench(learner, repeat, lambda: learner.load_parameters(initial)), examples


def _warm_up(
    bench: Bench, metric: Metric, chunk_seconds: float, least: int, seconds: float, alive: Alive
) -> tuple[int, int]:
    """Repeat until steps and time are enough; return the repetitions that fill a chunk, and those done."""
    bench.time(metric, 1)  # tracing and compiling must not pass for speed
    done, iterations, began = 1, 1, time.perf_counter()
    while True:
        wall, _ = bench.time(metric, iterations)
        done += iterations
        alive()
        needed = max(1, round(iterations * chunk_seconds / wall))
        enough = done >= (least if metric == "train_step" else 1) and time.perf_counter() - began >= seconds
        if enough and wall >= 0.5 * chunk_seconds:
            return needed, done
        iterations = min(max(needed, 1), 4 * iterations)
