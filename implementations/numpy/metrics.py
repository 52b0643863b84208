"""Metrics; formulas stand in the catalogue. `name(targets, predictions)` is a number or a matrix."""

from __future__ import annotations

import numpy as np


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(predictions.argmax(axis=1) == targets)


def top_k_accuracy(targets: np.ndarray, predictions: np.ndarray, *, k: float) -> np.ndarray:
    own = np.take_along_axis(predictions, targets[:, np.newaxis], axis=1)
    return np.mean(np.sum(predictions > own, axis=1) < k)


def precision(targets: np.ndarray, predictions: np.ndarray, *, threshold: float) -> np.ndarray:
    hits, false_positives, _ = _counts(targets, predictions, threshold)
    return np.asarray(hits / max(hits + false_positives, 1))


def recall(targets: np.ndarray, predictions: np.ndarray, *, threshold: float) -> np.ndarray:
    hits, _, false_negatives = _counts(targets, predictions, threshold)
    return np.asarray(hits / max(hits + false_negatives, 1))


def f1(targets: np.ndarray, predictions: np.ndarray, *, threshold: float) -> np.ndarray:
    hits, false_positives, false_negatives = _counts(targets, predictions, threshold)
    return np.asarray(2 * hits / max(2 * hits + false_positives + false_negatives, 1))


def roc_auc(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    positives, negatives = predictions[targets > 0], predictions[targets <= 0]
    below = np.searchsorted(np.sort(negatives), positives, side="left")
    not_above = np.searchsorted(np.sort(negatives), positives, side="right")
    return np.sum(below + not_above) / (2 * positives.size * negatives.size)


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    classes = predictions.shape[1]
    pairs = targets * classes + predictions.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def r2(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    residual = np.sum(np.square(targets - predictions), axis=0)
    total = np.sum(np.square(targets - targets.mean(axis=0)), axis=0)
    return np.mean(1 - residual / total)


def _counts(targets: np.ndarray, predictions: np.ndarray, threshold: float) -> tuple[int, int, int]:
    """Return true positives, false positives and false negatives."""
    told, true = predictions > threshold, targets > 0
    return int(np.sum(told & true)), int(np.sum(told & ~true)), int(np.sum(~told & true))
