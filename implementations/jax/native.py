"""What JAX does by itself: functions and products. It has no layers, losses or optimizers."""

from __future__ import annotations

from contextlib import AbstractContextManager

import jax
import jax.numpy as jnp
import numpy as np

from implementations.processes import jax as process


def float64() -> AbstractContextManager[None]:
    scope: AbstractContextManager[None] = jax.enable_x64(True)
    return scope


def initial_parameters(inputs: int, units: int) -> list[np.ndarray] | None:
    return None


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    return None


def tanh(x: np.ndarray) -> np.ndarray | None:
    return np.array(jnp.tanh(x))


def softplus(x: np.ndarray) -> np.ndarray | None:
    return np.array(jax.nn.softplus(x))


def constant(value: float) -> float | None:
    return float(jnp.float64(value))


def descent(rate: float) -> float | None:
    return None


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    with process.products_by_default():
        return np.array(jnp.matmul(x, y))


def product_setting() -> str | None:
    return process.product_setting()


def batch_normalization(x: np.ndarray) -> list[np.ndarray] | None:
    return None


def sigmoid_crossentropy(score: float) -> list[float] | None:
    return None


def softmax_crossentropy(score: float) -> list[float] | None:
    return None


def binary_crossentropy(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return None


def focal_crossentropy(targets: np.ndarray, logits: np.ndarray) -> float | None:
    return None


def mean_squared_error(targets: np.ndarray, predictions: np.ndarray) -> float | None:
    return None


def crossentropy(
    classes: np.ndarray, scores: np.ndarray, class_weight: np.ndarray | None = None
) -> float | None:
    return None


def kl_divergence(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return None
