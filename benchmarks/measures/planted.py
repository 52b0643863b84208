"""What a self-check plants in a worker: slowdowns of exactly known size, and faults of harness or backend."""

from __future__ import annotations

import hashlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.measures import Alive, Session
from benchmarks.measures.speed import Bench
from benchmarks.result import Metric
from implementations import AbstractBackend, ModelSpec, Placement
from implementations.spec import DType

COMPILING_SECONDS = 0.03
LATE = 1000
"""Repetitions before a mishap."""
LEAKED_BYTES = 2 * 10**9
HASHED = bytes(2**20)
NOTHING = "steps that do nothing"
"""No fault, but what is left of a chunk without its work: the harness's own time."""


def plant(
    session: Session,
    alive: Alive,
    *,
    slowdown: float = 0.0,
    fault: str = "",
    threads: int | None = None,
    dtype: DType | None = None,
) -> None:
    """Change what the worker will time.

    Parameters
    ----------
    slowdown
        Share of repetitions that are done in addition: k become `slowed(k, slowdown)`.
    fault
        Name of one of `FAULTS` or `MISHAPS`, or `NOTHING`.
    threads
        What the worker computes on, whatever it was told.
    dtype
        What the worker computes in, whatever the model says.
    """
    backend: AbstractBackend = session["backend"]
    if threads:
        backend.set_threads(threads)
    if dtype:
        build = backend.build

        def in_dtype(model: ModelSpec, parameters: Any, placement: Placement) -> Any:
            return build(model, parameters, replace(placement, dtype=dtype))

        backend.build = in_dtype  # type: ignore[method-assign, assignment, misc]
    if slowdown:
        session["plant"] = lambda bench: _slower(bench, slowdown)
    if fault:
        session["plant"] = _doing_nothing if fault == NOTHING else {**FAULTS, **MISHAPS}[fault]


def slowed(repetitions: int, slowdown: float) -> int:
    """Return how many repetitions are done instead, so that the true ratio is known exactly.

    Examples
    --------
    >>> slowed(200, 0.05) / 200
    1.05
    """
    return round(repetitions * (1 + slowdown))


def _each(bench: Bench, change: Callable[[Callable[[int], None]], Callable[[int], None]]) -> Bench:
    repeat: dict[Metric, Callable[[int], None]] = {
        metric: change(function) for metric, function in bench.repeat.items()
    }
    return replace(bench, repeat=repeat)


def _slower(bench: Bench, slowdown: float) -> Bench:
    return _each(bench, lambda repeat: lambda count: repeat(slowed(count, slowdown)))


def _not_waiting(bench: Bench) -> Bench:
    """Let another thread do the work, as a device does, and synchronise with nothing."""
    tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            tasks.get()()
            done.release()

    done = threading.Semaphore(0)
    threading.Thread(target=work, daemon=True).start()
    asked = [0]

    def later(repeat: Callable[[int], None]) -> Callable[[int], None]:
        def ask(count: int) -> None:
            asked[0] += 1
            tasks.put(lambda: repeat(count))

        return ask

    def waiting(read: Callable[[], Any]) -> Callable[[], Any]:
        def wait() -> Any:
            for _ in range(asked[0]):
                done.acquire()
            asked[0] = 0
            return read()

        return wait

    changed = _each(bench, later)
    bench.learner.parameters = waiting(bench.learner.parameters)  # type: ignore[method-assign]
    return changed


def _recompiling(bench: Bench) -> Bench:
    """Spend with every repetition what tracing and compiling take."""

    def change(repeat: Callable[[int], None]) -> Callable[[int], None]:
        def compile_first(count: int) -> None:
            for _ in range(count):
                until = time.perf_counter() + COMPILING_SECONDS
                while time.perf_counter() < until:
                    compile("x = [i ** 2 for i in range(9)]", "<planted>", "exec")
                repeat(1)

        return compile_first

    return _each(bench, change)


def _sleeping(bench: Bench) -> Bench:
    """Sleep for as long as the work takes."""

    def change(repeat: Callable[[int], None]) -> Callable[[int], None]:
        def sleep_too(count: int) -> None:
            began = time.perf_counter()
            repeat(count)
            time.sleep(time.perf_counter() - began)

        return sleep_too

    return _each(bench, change)


def _helped(bench: Bench) -> Bench:
    """Have another thread compute all the time, of which no framework's switch knows."""

    def compute() -> None:
        while True:
            hashlib.sha256(HASHED)  # without Python's lock, as a library's threads are

    threading.Thread(target=compute, daemon=True).start()
    return bench


def _dying(bench: Bench) -> Bench:
    """Die in one of the chunks after warm-up has begun."""
    chunks = [0]

    def change(repeat: Callable[[int], None]) -> Callable[[int], None]:
        def die(count: int) -> None:
            chunks[0] += 1
            if chunks[0] > 6:
                os.kill(os.getpid(), signal.SIGKILL)
            repeat(count)

        return die

    return _each(bench, change)


def _late(act: Callable[[], None]) -> Callable[[Bench], Bench]:
    """Return what has something happen from the thousandth repetition on."""

    def plant(bench: Bench) -> Bench:
        done = [0]

        def change(repeat: Callable[[int], None]) -> Callable[[int], None]:
            def act_too(count: int) -> None:
                repeat(count)
                done[0] += count
                if done[0] >= LATE:
                    act()

            return act_too

        return _each(bench, change)

    return plant


def _hang() -> None:
    time.sleep(3600)


def _leak() -> None:
    """Take ever more memory, up to what a test machine has to spare."""
    kept = []
    for _ in range(LEAKED_BYTES // 10**7):
        kept.append(b"x" * 10**7)
        time.sleep(0.02)


def _raise() -> None:
    raise ArithmeticError(f"planted in step {LATE}")


def _print() -> None:
    sys.stdout.write(f"planted {'x' * 10_000}\n")
    os.write(1, b"planted past Python\n")


def _doing_nothing(bench: Bench) -> Bench:
    # takes what a step takes: to pack any arguments would be time that is not the harness's
    def nothing(x: Any, y: Any) -> None: ...

    bench.learner.train_step = nothing  # type: ignore[method-assign]
    return bench


FAULTS: dict[str, Callable[[Bench], Bench]] = {
    "device not waited for": _not_waiting,
    "recompilation in each step": _recompiling,
    "a worker that sleeps": _sleeping,
    "a thread that nobody counts": _helped,
    "a worker that dies": _dying,
}
"""Faults of the harness or of a backend that no verdict may rest on."""

MISHAPS: dict[str, Callable[[Bench], Bench]] = {
    "a worker that hangs": _late(_hang),
    "a worker that leaks": _late(_leak),
    "a worker that raises": _late(_raise),
    "a worker that prints": _late(_print),
}
"""What a contender may do to a run besides, all of it late. No part of a self-check: the first two would take
its timeout and its memory."""

SAID: dict[str, str] = {
    "device not waited for": "expected an idle device",
    "recompilation in each step": "compiled every time",
    "a worker that sleeps": "of its time",
    "a thread that nobody counts": "busy on",
    "a worker that dies": "ended with signal SIGKILL",
    "thread count ignored": "2 threads instead of 1",
    "another dtype": "expected float32, got float64",
}
"""Words by which each must be told, threads and dtype too: something is also said of a busy machine, or of a
worker that cannot start."""
