"""Metrics; formulas stand in the catalogue. `name(targets, predictions)` is an array.

JAX has none of its own: they are composed of its operations.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def accuracy(targets: Array, predictions: Array) -> Array:
    return jnp.mean(predictions.argmax(axis=1) == targets, dtype=predictions.dtype)


def top_k_accuracy(targets: Array, predictions: Array, *, k: float) -> Array:
    own = jnp.take_along_axis(predictions, targets[:, None], axis=1)
    return jnp.mean(jnp.sum(predictions > own, axis=1) < k, dtype=predictions.dtype)


def precision(targets: Array, predictions: Array, *, threshold: float) -> Array:
    hits, false_positives, _ = _counts(targets, predictions, threshold)
    return hits / jnp.maximum(hits + false_positives, 1)


def recall(targets: Array, predictions: Array, *, threshold: float) -> Array:
    hits, _, false_negatives = _counts(targets, predictions, threshold)
    return hits / jnp.maximum(hits + false_negatives, 1)


def f1(targets: Array, predictions: Array, *, threshold: float) -> Array:
    hits, false_positives, false_negatives = _counts(targets, predictions, threshold)
    return 2 * hits / jnp.maximum(2 * hits + false_positives + false_negatives, 1)


def roc_auc(targets: Array, predictions: Array) -> Array:
    positives, negatives = predictions[targets > 0], jnp.sort(predictions[targets <= 0])
    below = jnp.searchsorted(negatives, positives, side="left")
    not_above = jnp.searchsorted(negatives, positives, side="right")
    return jnp.mean(below + not_above, dtype=predictions.dtype) / (2 * negatives.size)


def confusion_matrix(targets: Array, predictions: Array) -> Array:
    classes = predictions.shape[1]
    pairs = targets * classes + predictions.argmax(axis=1)
    return jnp.bincount(pairs, length=classes * classes).reshape(classes, classes)


def r2(targets: Array, predictions: Array) -> Array:
    residual = jnp.sum(jnp.square(targets - predictions), axis=0)
    total = jnp.sum(jnp.square(targets - targets.mean(axis=0)), axis=0)
    return jnp.mean(1 - residual / total)


def _counts(targets: Array, predictions: Array, threshold: float) -> tuple[Array, Array, Array]:
    """Return true positives, false positives and false negatives."""
    told, true = predictions > threshold, targets > 0
    return jnp.sum(told & true), jnp.sum(told & ~true), jnp.sum(~told & true)
