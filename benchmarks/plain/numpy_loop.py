"""NumPy: everything in place, in arrays made beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training."""
    sizes = [array.size for array in task.parameters]
    flat = np.concatenate([array.ravel() for array in task.parameters])
    gradients, velocity, change = np.empty_like(flat), np.zeros_like(flat), np.empty_like(flat)

    def parts(array: np.ndarray) -> list[np.ndarray]:
        pieces = np.split(array, np.cumsum(sizes)[:-1])
        return [piece.reshape(like.shape) for piece, like in zip(pieces, task.parameters, strict=True)]

    own, slopes = parts(flat), parts(gradients)
    kernels, biases, kernel_slopes, bias_slopes = own[::2], own[1::2], slopes[::2], slopes[1::2]
    count, batch = len(kernels), task.batch_size
    outputs = [np.empty((batch, bias.size), flat.dtype) for bias in biases]
    upstream = [np.empty_like(each) for each in outputs]
    active = [np.empty(each.shape, bool) for each in outputs]
    row, rows = np.empty((batch, 1), flat.dtype), np.arange(batch)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        below = x
        for layer in range(count):
            np.matmul(below, kernels[layer], out=outputs[layer])
            outputs[layer] += biases[layer]
            if layer < count - 1:
                np.maximum(outputs[layer], 0, out=outputs[layer])
            below = outputs[layer]
        slope = upstream[-1]
        np.max(below, axis=1, keepdims=True, out=row)
        np.subtract(below, row, out=slope)
        np.exp(slope, out=slope)
        np.sum(slope, axis=1, keepdims=True, out=row)
        slope /= row
        slope[rows, y] -= 1
        slope /= batch
        for layer in reversed(range(count)):
            below = outputs[layer - 1] if layer else x
            np.matmul(below.T, upstream[layer], out=kernel_slopes[layer])
            np.sum(upstream[layer], axis=0, out=bias_slopes[layer])
            if layer:
                np.matmul(upstream[layer], kernels[layer].T, out=upstream[layer - 1])
                np.greater(below, 0, out=active[layer - 1])
                upstream[layer - 1] *= active[layer - 1]
        np.multiply(velocity, task.momentum, out=velocity)
        np.multiply(gradients, task.learning_rate, out=change)
        np.subtract(velocity, change, out=velocity)
        np.add(flat, velocity, out=flat)

    batches = task.batches
    batch_x, batch_y = (np.empty_like(each) for each in batches[0])

    def steps(number: int) -> None:
        for x, y in itertools.islice(itertools.cycle(batches), number):
            step(x, y)

    def epochs(number: int) -> None:
        for _ in range(number):
            for places in task.order:
                np.take(task.x, places, axis=0, out=batch_x, mode="clip")
                np.take(task.y, places, out=batch_y, mode="clip")
                step(batch_x, batch_y)

    return Script(steps, epochs, lambda: [np.array(each) for each in own])


def products(task: Task) -> Script:
    """Return the matrix products of a step and nothing else, each layer's bias within its kernel."""
    layers = [(len(kernel), bias.size, True) for kernel, bias in task.layers]
    steps = products_of(layers, task.batch_size, task.parameters[0].dtype)
    return Script(steps, lambda number: steps(number * len(task.order)), None)


def products_of(
    layers: Sequence[tuple[int, int, bool]], batch_size: int, dtype: npt.DTypeLike
) -> Callable[[int], None]:
    """Return a function that does the matrix products of so many steps, on ones.

    Forward [x 1] [W; b]; back [x 1]ᵀ u and, but for the first layer, u Wᵀ. Results of (examples, units) lie
    unit by unit in memory.

    Parameters
    ----------
    layers
        Inputs, units, and whether there is a bias.
    """
    calls = []
    for number, (inputs, units, use_bias) in enumerate(layers):
        weights = np.ones((inputs + use_bias, units), dtype)
        rows = len(weights)
        x = np.ones((rows, batch_size), dtype).T if number else np.ones((batch_size, rows), dtype)
        outputs, upstream = (np.ones((units, batch_size), dtype).T for _ in range(2))
        calls += [(x, weights, outputs), (x.T, upstream, np.empty_like(weights))]
        if number:
            calls.append((upstream, weights[:inputs].T, np.empty((inputs, batch_size), dtype).T))

    def steps(number: int) -> None:
        for _ in range(number):
            for each in calls:
                np.matmul(*each)

    return steps
