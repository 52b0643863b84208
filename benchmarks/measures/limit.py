"""The limit: what a step has to compute and to move, and how fast this machine does that, by NumPy alone.

After Williams, Waterman & Patterson 2009, Roofline: An Insightful Visual Performance Model for Multicore
Architectures, Communications of the ACM 52(4).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session
from benchmarks.measures.preparation import prepare
from benchmarks.plain.numpy_loop import products_of
from implementations import ModelSpec, catalog

PRODUCT_CHUNKS, CHUNKS = 9, 5
CHUNK_SECONDS = 0.05
SQUARE_SIZE = 1024
"""Rows of square matrices whose product reaches a core's best rate; it takes some ten milliseconds."""
COPIED_BYTES = 2**26
"""Of the array that is copied: more than the caches of one core hold, on most machines of all."""
ON_A_GPU = (
    "the limit of a GPU is not calibrated: NumPy's products on the CPU say nothing about a backend's there"
)

Layers = list[tuple[int, int, bool]]
"""Inputs, units and whether there is a bias, of each layer."""


def compute(
    session: Session,
    alive: Alive,
    *,
    data: Dataset,
    model: dict[str, Any],
    device: Literal["cpu", "gpu"],
) -> dict[str, Any]:
    """Return the fields of `LimitData`, in a worker that holds NumPy on the threads of the track."""
    spec = prepare(data, model).model
    batch_size = min(spec.batch_size, len(data.train.x))
    layers = layers_of(spec)
    found: dict[str, Any] = {
        "dtype": spec.dtype,
        "batch_size": batch_size,
        "widths": list(spec.network.widths),
        "parameters": sum(map(math.prod, spec.network.parameter_shapes)),
        "flops": flops(layers, batch_size),
        "least_bytes": least_bytes(spec, batch_size),
    }
    if device == "gpu":
        return {**found, "not_calibrated": ON_A_GPU}
    # what does not depend on the workload is measured once for each process
    machine = session.setdefault("machine", {})
    if spec.dtype not in machine:
        machine[spec.dtype] = _machine(spec.dtype, alive)
    products = _chunks(products_of(layers, batch_size, spec.dtype), PRODUCT_CHUNKS, alive)
    threads = session["backend"].threads()
    return {**found, "calibration": {"threads_seen": threads, "products": products, **machine[spec.dtype]}}


def layers_of(model: ModelSpec) -> Layers:
    """Return what decides about the products of a network."""
    network = model.network
    return [
        (inputs, layer.units, layer.use_bias)
        for inputs, layer in zip(network.widths, network.layers, strict=False)
    ]


def flops(layers: Layers, batch_size: int) -> int:
    """Return the floating-point operations in a step's matrix products: 2 n k m for (n, k) times (k, m).

    For n examples and a layer of k inputs, with bias k + 1, and m units: forward 2 n (k + 1) m, the
    derivatives by [W; b] as much again and, but for the first layer, 2 n k m for those by its inputs.

    Examples
    --------
    >>> flops([(64, 128, True), (128, 10, False)], 1) == 2 * (2 * 65 * 128 + 3 * 128 * 10)
    True
    """
    return sum(
        2 * batch_size * units * (2 * (inputs + use_bias) + (inputs if number else 0))
        for number, (inputs, units, use_bias) in enumerate(layers)
    )


def least_bytes(model: ModelSpec, batch_size: int) -> int:
    """Return the bytes that a step has to move: s (n (k + t) + 2 P).

    Of n examples the k inputs and t targets are read, and each of P parameters is read and written, in
    numbers of s bytes. Everything else could stay in a cache; the state of an optimizer comes on top.
    """
    network, loss = model.network, catalog.loss(model.loss.name)
    targets = 1 if loss.targets == "index" else network.widths[-1] // loss.outputs_per_target
    parameters = sum(map(math.prod, network.parameter_shapes))
    numbers = batch_size * (network.widths[0] + targets) + 2 * parameters
    return numbers * np.dtype(model.dtype).itemsize


def _machine(dtype: str, alive: Alive) -> dict[str, Any]:
    """Return what this machine reaches with large matrices, large arrays, and one number."""
    a, b, c = (np.ones((SQUARE_SIZE, SQUARE_SIZE), dtype) for _ in range(3))
    source = np.ones(COPIED_BYTES // np.dtype(dtype).itemsize, dtype)
    copied, one = source.copy(), np.zeros(1, dtype)
    return {
        "square": _chunks(_repeated(lambda: np.matmul(a, b, c)), CHUNKS, alive),
        "square_size": SQUARE_SIZE,
        "copying": _chunks(_repeated(lambda: np.copyto(copied, source)), CHUNKS, alive),
        "copied_bytes": 2 * source.nbytes,
        "call": _chunks(_calls(one), CHUNKS, alive),
    }


def _repeated(do: Callable[[], object]) -> Callable[[int], None]:
    def repeat(number: int) -> None:
        for _ in range(number):
            do()

    return repeat


def _calls(one: np.ndarray) -> Callable[[int], None]:
    """Return calls of a function on one number, in a loop that does nothing else."""

    def repeat(number: int) -> None:
        add = np.add
        for _ in range(number):
            add(one, one, one)

    return repeat


def _chunks(repeat: Callable[[int], None], count: int, alive: Alive) -> list[float]:
    """Return the seconds of one repetition in each chunk, after others that find how many fill one."""
    number = 1
    while (seconds := _seconds(repeat, number)) < CHUNK_SECONDS / 2 and number < 10**7:
        number = max(2 * number, min(round(number * CHUNK_SECONDS / max(seconds, 1e-9)), 100 * number))
    chunks = []
    for _ in range(count):
        alive()
        chunks.append(_seconds(repeat, number) / number)
    return chunks


def _seconds(repeat: Callable[[int], None], number: int) -> float:
    began = time.perf_counter()
    repeat(number)
    return time.perf_counter() - began
