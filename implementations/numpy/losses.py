"""Losses and their derivatives with respect to predictions; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` is a number,
`name_gradient(targets, predictions)` an array in the shape of predictions.
"""

from __future__ import annotations

import numpy as np

from implementations.catalog.losses import EPSILON, LOG_FLOOR
from implementations.numpy.activations import log_softmax, sigmoid, softmax, softplus, step


def mean_squared_error(targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(np.square(predictions - targets)))


def mean_squared_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return (predictions - targets) * (2 / predictions.size)


def mean_absolute_error(targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(np.abs(predictions - targets)))


def mean_absolute_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.sign(predictions - targets) / predictions.size


def huber(targets: np.ndarray, predictions: np.ndarray, *, delta: float) -> float:
    error = np.abs(predictions - targets)
    return float(np.mean(np.where(error <= delta, 0.5 * error * error, delta * (error - 0.5 * delta))))


def huber_gradient(targets: np.ndarray, predictions: np.ndarray, *, delta: float) -> np.ndarray:
    return np.clip(predictions - targets, -delta, delta) / predictions.size


def binary_crossentropy(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool, clip_mode: str
) -> float:
    if from_logits:
        return float(np.mean(softplus(predictions) - predictions * targets))
    if clip_mode == "clamp_log":
        with np.errstate(divide="ignore"):  # log 0 is the case that the floor is for
            log_p, log_q = np.log(predictions), np.log1p(-predictions)
        log_p, log_q = np.maximum(log_p, LOG_FLOOR), np.maximum(log_q, LOG_FLOOR)
    else:
        clipped = np.clip(predictions, EPSILON, 1 - EPSILON)
        log_p, log_q = np.log(clipped), np.log(1 - clipped)
    return float(-np.mean(targets * log_p + (1 - targets) * log_q))


def binary_crossentropy_gradient(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool, clip_mode: str
) -> np.ndarray:
    if from_logits:
        return (sigmoid(predictions) - targets) / predictions.size
    if clip_mode == "clamp_log":
        # At p = 0 and p = 1 the clamped logarithm has no slope. Torch divides by its floor of 1e-12 even
        # there, and its derivative of the sigmoid, exactly 0 there, makes up for it; NumPy's keeps the tail.
        inside = (predictions > 0) & (predictions < 1)
        divisor = np.maximum((1 - predictions) * predictions, 1e-12)
        return inside * (predictions - targets) / divisor / predictions.size
    clipped = np.clip(predictions, EPSILON, 1 - EPSILON)
    inside = clipped == predictions
    return inside * ((1 - targets) / (1 - clipped) - targets / clipped) / predictions.size


def categorical_crossentropy(targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool) -> float:
    if from_logits:
        return float(-np.mean(np.sum(targets * log_softmax(predictions), axis=-1)))
    share = predictions / predictions.sum(axis=-1, keepdims=True)
    return float(-np.mean(np.sum(targets * np.log(np.clip(share, EPSILON, 1 - EPSILON)), axis=-1)))


def categorical_crossentropy_gradient(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool
) -> np.ndarray:
    examples = len(predictions)
    if from_logits:
        return (softmax(predictions) * targets.sum(axis=-1, keepdims=True) - targets) / examples
    total = predictions.sum(axis=-1, keepdims=True)
    share = predictions / total
    clipped = np.clip(share, EPSILON, 1 - EPSILON)
    inside = clipped == share
    share_gradient = -targets * inside / clipped / examples
    return (share_gradient - (share_gradient * share).sum(axis=-1, keepdims=True)) / total


def sparse_categorical_crossentropy(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool
) -> float:
    rows = np.arange(len(predictions))
    if from_logits:
        return float(-np.mean(log_softmax(predictions)[rows, targets]))
    share = predictions[rows, targets] / predictions.sum(axis=-1)
    return float(-np.mean(np.log(np.clip(share, EPSILON, 1 - EPSILON))))


def sparse_categorical_crossentropy_gradient(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool
) -> np.ndarray:
    if from_logits:
        gradient = softmax(predictions)
        gradient[np.arange(len(predictions)), targets] -= 1
        gradient /= len(predictions)
        return gradient
    one_hot = np.eye(predictions.shape[1], dtype=predictions.dtype)[targets]
    return categorical_crossentropy_gradient(one_hot, predictions, from_logits=False)


def hinge(targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(np.maximum(1 - _signs(targets) * predictions, 0)))


def hinge_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    signs = _signs(targets)
    return np.where(signs * predictions <= 1, -signs, 0) / predictions.size


def perceptron(targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean((step(predictions) - targets) * predictions))


def perceptron_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return (step(predictions) - targets) / predictions.size


def _signs(targets: np.ndarray) -> np.ndarray:
    return np.where(targets > 0, targets.dtype.type(1), targets.dtype.type(-1))
