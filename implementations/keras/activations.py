"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). The runtime's own differentiation finds the derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any


def linear(x: Tensor) -> Tensor:
    return keras.activations.linear(x)


def step(x: Tensor) -> Tensor:
    return _step(x)


def sigmoid(x: Tensor) -> Tensor:
    return keras.activations.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    return keras.activations.tanh(x)


def relu(x: Tensor) -> Tensor:
    return keras.activations.relu(x)


def relu6(x: Tensor) -> Tensor:
    return keras.activations.relu6(x)


def leaky_relu(x: Tensor, *, negative_slope: float) -> Tensor:
    return keras.activations.leaky_relu(x, negative_slope=negative_slope)


def prelu(x: Tensor, *, alpha: Any) -> Tensor:
    return ops.relu(x) - alpha * ops.relu(-x)  # as keras.layers.PReLU does


def threshold(x: Tensor, *, threshold: float, value: float) -> Tensor:
    return keras.activations.threshold(x, threshold, value)


def elu(x: Tensor, *, alpha: float) -> Tensor:
    return keras.activations.elu(x, alpha=alpha)


def selu(x: Tensor) -> Tensor:
    return keras.activations.selu(x)


def celu(x: Tensor, *, alpha: float) -> Tensor:
    return keras.activations.celu(x, alpha=alpha)


def softplus(x: Tensor) -> Tensor:
    return keras.activations.softplus(x)


def squareplus(x: Tensor, *, b: float) -> Tensor:
    return keras.activations.squareplus(x, b=b)


def gelu(x: Tensor) -> Tensor:
    return keras.activations.gelu(x, approximate=False)


def gelu_tanh(x: Tensor) -> Tensor:
    return keras.activations.gelu(x, approximate=True)


def silu(x: Tensor) -> Tensor:
    return keras.activations.silu(x)


def mish(x: Tensor) -> Tensor:
    return keras.activations.mish(x)


def softsign(x: Tensor) -> Tensor:
    return keras.activations.softsign(x)


def arctan(x: Tensor) -> Tensor:
    return ops.arctan(x)


def cauchit(x: Tensor) -> Tensor:
    return ops.arctan2(1, -x) / math.pi


def exponential(x: Tensor) -> Tensor:
    return keras.activations.exponential(x)


def log_sigmoid(x: Tensor) -> Tensor:
    return keras.activations.log_sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    return keras.activations.hard_sigmoid(x)


def hard_silu(x: Tensor) -> Tensor:
    return keras.activations.hard_silu(x)


def hard_tanh(x: Tensor) -> Tensor:
    return keras.activations.hard_tanh(x)


def hard_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return keras.activations.hard_shrink(x, threshold=threshold)


def soft_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return keras.activations.soft_shrink(x, threshold=threshold)


def tanh_shrink(x: Tensor) -> Tensor:
    return keras.activations.tanh_shrink(x)


def sparse_plus(x: Tensor) -> Tensor:
    return keras.activations.sparse_plus(x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    return keras.activations.sparse_sigmoid(x)


def glu(x: Tensor) -> Tensor:
    return keras.activations.glu(x)


def softmax(x: Tensor) -> Tensor:
    return keras.activations.softmax(x)


def log_softmax(x: Tensor) -> Tensor:
    return keras.activations.log_softmax(x)


def sparsemax(x: Tensor) -> Tensor:
    return keras.activations.sparsemax(x)


@ops.custom_gradient  # type: ignore[untyped-decorator]  # Keras has no types
def _step(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
    """`x >= 0` as numbers, with derivative 0, which only some runtimes give by themselves."""

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> Tensor:
        # torch and TensorFlow pass the upstream gradient by position, Keras's documentation by name
        return ops.zeros_like(arguments[0] if upstream is None else upstream)

    return ops.cast(x >= 0, x.dtype), gradient
