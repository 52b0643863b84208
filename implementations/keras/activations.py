"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). The runtime's own differentiation finds the derivatives.
"""

from __future__ import annotations

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


def leaky_relu(x: Tensor, *, negative_slope: float) -> Tensor:
    return keras.activations.leaky_relu(x, negative_slope=negative_slope)


def elu(x: Tensor, *, alpha: float) -> Tensor:
    return keras.activations.elu(x, alpha=alpha)


def softplus(x: Tensor) -> Tensor:
    return keras.activations.softplus(x)


def gelu(x: Tensor) -> Tensor:
    return keras.activations.gelu(x, approximate=False)


def gelu_tanh(x: Tensor) -> Tensor:
    return keras.activations.gelu(x, approximate=True)


def silu(x: Tensor) -> Tensor:
    return keras.activations.silu(x)


def softmax(x: Tensor) -> Tensor:
    return keras.activations.softmax(x)


def log_softmax(x: Tensor) -> Tensor:
    return keras.activations.log_softmax(x)


@ops.custom_gradient  # type: ignore[untyped-decorator]  # Keras has no types
def _step(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
    """`x >= 0` as numbers, with derivative 0, which only some runtimes give by themselves."""

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> Tensor:
        # torch and TensorFlow pass the upstream gradient by position, Keras's documentation by name
        return ops.zeros_like(arguments[0] if upstream is None else upstream)

    return ops.cast(x >= 0, x.dtype), gradient
