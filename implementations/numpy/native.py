"""What NumPy does by itself: numbers and products. It has no layers, losses or optimizers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np


def float64() -> AbstractContextManager[None]:
    return nullcontext()


def initial_parameters(inputs: int, units: int) -> list[np.ndarray] | None:
    return None


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    return None


def tanh(x: np.ndarray) -> np.ndarray | None:
    return np.tanh(x)


def softplus(x: np.ndarray) -> np.ndarray | None:
    return None


def constant(value: float) -> float | None:
    return float(np.float64(value))


def descent(rate: float) -> float | None:
    return None


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    return x @ y


def product_setting() -> str | None:
    return None


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
