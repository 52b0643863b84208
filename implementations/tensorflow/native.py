"""What TensorFlow without Keras does by itself: functions and products. It has no layers or losses."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import tensorflow as tf

from implementations.processes import tensorflow as process


def float64() -> AbstractContextManager[None]:
    return nullcontext()


def initial_parameters(inputs: int, units: int) -> list[np.ndarray] | None:
    return None


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    return None


def tanh(x: np.ndarray) -> np.ndarray | None:
    return np.array(tf.nn.tanh(x))


def softplus(x: np.ndarray) -> np.ndarray | None:
    return np.array(tf.nn.softplus(x))


def constant(value: float) -> float | None:
    return float(tf.cast(value, tf.float64))


def descent(rate: float) -> float | None:
    x = tf.Variable(np.zeros(1))
    tf.raw_ops.ResourceApplyGradientDescent(var=x.handle, alpha=rate, delta=tf.ones(1, tf.float64))
    return -float(x[0])


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    with process.products_by_default():
        return np.array(tf.matmul(x, y))


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
