"""Speed: seconds of whole chunks of training steps, epochs or predictions, measured in the worker."""

from __future__ import annotations

import collections
import gc
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session, witnesses
from benchmarks.measures.preparation import Prepared, build, prepare
from benchmarks.measures.witnesses import Chunk
from benchmarks.result import Metric
from implementations import AbstractLearner, InvalidInput

ORDERS = 16
"""Epoch orders drawn ahead and used in turn, so that drawing them is not timed."""
EPOCHS_AT_ONCE, EXAMPLES_AT_ONCE = 8, 2**16
"""Epochs that are trained in one call, as a user's training is, so that they share what a call costs; fewer,
down to one, where they would have more examples. Few numbers of epochs are few shapes to compile for."""
GPU_WARM_UP = 3
"""How much longer than a CPU's a GPU's clock takes to settle."""
LATE_TRIES, LATE_WORK_SECONDS = 3, 0.02
LATE_SHARE, LATE_SECONDS = 0.5, 5e-4
"""What reading the parameters may take after the device was said to be idle: of the time for the work, and
at least. More in every try is no noise."""
WHOLE = 0.5
"""Share of a chunk's length above which a chunk of the warm-up is comparable with timed ones: a short one is
mostly what comes once."""
LEAST = 1000
"""How many times as long as an empty chunk a chunk lasts at least: then what the harness times of itself, a
clock and the synchronisation before it, is no more than a thousandth."""
EMPTY_TRIES = 5
STAYS = "its batches stay on the host and are copied within each step"


@dataclass(frozen=True)
class Bench:
    """A learner ready to be timed: for each metric a function that does it so many times."""

    learner: AbstractLearner[Any]
    repeat: dict[Metric, Callable[[int], None]]
    start_again: Callable[[], None]
    """Puts the initial parameters back, so that every chunk trains the same network, and takes a step, which
    makes the optimizer's state."""
    stays: bool = False
    """Whether batches are NumPy's arrays even where they are in place."""
    at_once: int = 1
    """Epochs in one call; a chunk has a multiple of them."""

    def whole(self, metric: Metric, iterations: int) -> int:
        """Return so many repetitions, or the next larger number that leaves no call incomplete."""
        unit = self.at_once if metric == "epoch" else 1
        return -(-iterations // unit) * unit

    def time(self, metric: Metric, iterations: int) -> Chunk:
        """Time that many repetitions, the device idle at both ends."""
        repeat, synchronize = self.repeat[metric], self.learner.synchronize
        gpu = self.learner.placement.device == "gpu"
        self.start_again()
        gc.collect()
        gc.freeze()
        synchronize()
        before = witnesses.now(gpu=gpu)
        cpu, wall = time.process_time(), time.perf_counter()
        repeat(iterations)
        synchronize()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Chunk(wall, cpu, witnesses.now(gpu=gpu).since(before))


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

    The workload that was open before is closed.

    Returns
    -------
    dict
        `build` and `first_step` in seconds, `warm_up_steps`, and for each metric `iterations` (repetitions in
        a chunk), `examples` (processed by one repetition), `first_calls` (seconds of the first call by its
        repetitions), `warm_up` (seconds for one repetition in each chunk so far that was long enough) and
        `problems` (why its times mean something else), and `threads`
        as the framework reports them.

    Raises
    ------
    InvalidInput
        If the learner computes in another dtype than the model's, or goes on after `synchronize`.
    """
    _close(session)
    prepared = prepare(data, model)
    began = time.perf_counter()
    _, learner = build(session, prepared, device, prepared.model.seed)
    learner.synchronize()
    built = time.perf_counter()
    bench, examples = _bench(learner, prepared)
    session["prepared"] = prepared
    if plant := session.get("plant"):
        bench = plant(bench)
    placed = time.perf_counter()
    bench.repeat["train_step" if "train_step" in bench.repeat else metrics[0]](1)
    learner.synchronize()
    stepped = time.perf_counter()
    _check_dtype(learner, prepared)
    seconds = warm_up_seconds * (GPU_WARM_UP if device == "gpu" else 1)
    iterations, warm_up, steps = {}, {}, 0
    first_calls: dict[Metric, dict[int, float]] = {metric: {} for metric in metrics}
    for metric in metrics:
        for repetitions in dict.fromkeys((1, bench.whole(metric, 1))):
            # tracing and compiling must not pass for speed
            first_calls[metric][repetitions] = bench.time(metric, repetitions).wall_seconds
            alive()
        _check_synchronization(bench, metric, alive)
        long_enough = max(chunk_seconds, LEAST * _empty_seconds(bench, metric))
        iterations[metric], count, warm_up[metric] = _warm_up(
            bench, metric, long_enough, warm_up_steps, seconds, alive
        )
        steps += count if metric == "train_step" else 0
    session["benches"] = {workload: bench}
    return {
        "build": built - began,
        "first_step": stepped - placed,
        "warm_up_steps": steps,
        "iterations": iterations,
        "examples": {metric: examples[metric] for metric in metrics},
        "first_calls": first_calls,
        "warm_up": warm_up,
        "problems": {metric: [STAYS] if metric == "place" and bench.stays else [] for metric in metrics},
        "threads": session["backend"].threads(),
    }


def _close(session: Session) -> None:
    """Let go of an open workload, frozen cycles too: its data and programs would lie in caches and memory."""
    for name in ("benches", "prepared"):
        session.pop(name, None)
    gc.unfreeze()
    gc.collect()


def time_chunk(session: Session, alive: Alive, *, workload: str, metric: Metric, iterations: int) -> Chunk:
    """Time one chunk."""
    bench: Bench = session["benches"][workload]
    return bench.time(metric, iterations)


def _bench(learner: AbstractLearner[Any], prepared: Prepared) -> tuple[Bench, dict[Metric, int]]:
    x, y = prepared.train
    steps, seed = prepared.steps_per_epoch, prepared.model.seed
    orders = prepared.order(ORDERS * steps, seed).reshape(ORDERS, steps, -1)
    batch_size = orders.shape[-1]
    at_once = _at_once(steps * batch_size)
    joined = orders.reshape(ORDERS // at_once, at_once * steps, batch_size)
    on_host = [(x[batch].astype(prepared.model.dtype), y[batch]) for batch in orders[0]]
    batches = [learner.place(*batch) for batch in on_host]
    data = learner.place(x, y)
    initial = learner.parameters()

    def start_again() -> None:
        learner.load_parameters(initial)
        learner.train_step(*batches[0])

    def train_step(iterations: int) -> None:
        # a loop without bytecode: around steps of a few µs that is noticed
        calls = itertools.starmap(learner.train_step, itertools.islice(itertools.cycle(batches), iterations))
        collections.deque(calls, maxlen=0)

    def epoch(iterations: int) -> None:
        calls, left = divmod(iterations, at_once)
        for order in itertools.islice(itertools.cycle(joined), calls):
            learner.train_epoch(*data, order)
        for order in orders[:left]:
            learner.train_epoch(*data, order)

    def predict(iterations: int) -> None:
        infer = learner.infer
        for batch_x, _ in itertools.islice(itertools.cycle(batches), iterations):
            infer(batch_x)

    def place(iterations: int) -> None:
        for batch in itertools.islice(itertools.cycle(on_host), iterations):
            learner.place(*batch)

    repeat: dict[Metric, Callable[[int], None]] = {
        "train_step": train_step,
        "epoch": epoch,
        "predict": predict,
        "place": place,
    }
    examples: dict[Metric, int] = {
        "train_step": batch_size,
        "epoch": steps * batch_size,
        "predict": batch_size,
        "place": batch_size,
    }
    stays = isinstance(batches[0][0], np.ndarray)
    return Bench(learner, repeat, start_again, stays, at_once), examples


def _at_once(examples: int) -> int:
    """Return how many epochs of so many examples are trained in one call: 8, 4, 2 or 1.

    Examples
    --------
    >>> _at_once(1000), _at_once(30_000), _at_once(60_000)
    (8, 2, 1)
    """
    at_once = EPOCHS_AT_ONCE
    while at_once > 1 and at_once * examples > EXAMPLES_AT_ONCE:
        at_once //= 2
    return at_once


def _warm_up(
    bench: Bench, metric: Metric, chunk_seconds: float, least: int, seconds: float, alive: Alive
) -> tuple[int, int, list[float]]:
    """Repeat until steps and time are enough.

    Returns the repetitions that fill a chunk, those done, and the seconds for one in each chunk that was
    long enough.
    """
    done, iterations, began = 1, bench.whole(metric, 1), time.perf_counter()
    course: list[float] = []
    while True:
        wall = bench.time(metric, iterations).wall_seconds
        whole = wall >= WHOLE * chunk_seconds
        if whole:
            course.append(wall / iterations)
        done += iterations
        alive()
        needed = bench.whole(metric, max(1, round(iterations * chunk_seconds / wall)))
        enough = done >= (least if metric == "train_step" else 1) and time.perf_counter() - began >= seconds
        if enough and whole:
            # by the fastest: a chunk that was disturbed must not make all timed ones too short
            return bench.whole(metric, math.ceil(chunk_seconds / min(course))), done, course
        iterations = min(max(needed, 1), 4 * iterations)


def _check_dtype(learner: AbstractLearner[Any], prepared: Prepared) -> None:
    """Compare the dtype of parameters and outputs with the model's: half the digits are half the work."""
    x, _ = prepared.train
    for what, array in (("parameters", learner.parameters()[0]), ("outputs", learner.predict(x[:1]))):
        if array.dtype != learner.model.dtype or array.dtype != prepared.model.dtype:
            raise InvalidInput(
                f"dtype of {what}",
                expected=prepared.model.dtype,
                got=str(array.dtype),
                action="look for a cast in the backend; its times would be those of another computation",
            )


def _check_synchronization(bench: Bench, metric: Metric, alive: Alive) -> None:
    """Look for work after the device was said to be idle; reading the parameters waits for it.

    Nothing comes between the two, in which late work could be done unseen.
    """
    repeat, synchronize, read = bench.repeat[metric], bench.learner.synchronize, bench.learner.parameters
    repetitions = max(1, round(LATE_WORK_SECONDS / _seconds(lambda: (repeat(1), read()))))
    for _ in range(LATE_TRIES):
        alive()
        timed = _seconds(lambda: (repeat(repetitions), synchronize()))
        late = _seconds(read) - _seconds(read)  # the second reading costs what reading costs
        if late <= max(LATE_SHARE * timed, LATE_SECONDS):
            return
    raise InvalidInput(
        f"synchronisation of the device after {metric}",
        expected="an idle device after it",
        got=f"{late:.2g} s of work after {timed:.2g} s that were timed",
        action="correct `synchronize` in the backend; what it times is only the asking",
    )


def _empty_seconds(bench: Bench, metric: Metric) -> float:
    """Return what a chunk takes in which nothing is asked, and which nothing disturbs."""
    empty = replace(bench, repeat={metric: lambda _: None})
    return min(empty.time(metric, 0).wall_seconds for _ in range(EMPTY_TRIES))


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
