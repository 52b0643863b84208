"""Metrics; formulas stand in the catalogue. `name(targets, predictions)` is a tensor.

TensorFlow has few outside Keras: most are composed of its operations.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor


def accuracy(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(tf.cast(tf.argmax(predictions, axis=1) == targets, predictions.dtype))


def top_k_accuracy(targets: Tensor, predictions: Tensor, *, k: float) -> Tensor:
    own = tf.gather(predictions, targets[:, tf.newaxis], axis=1, batch_dims=1)
    above = tf.reduce_sum(tf.cast(predictions > own, predictions.dtype), axis=1)
    return tf.reduce_mean(tf.cast(above < k, predictions.dtype))


def precision(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, false_positives, _ = _counts(targets, predictions, threshold)
    return hits / tf.maximum(hits + false_positives, 1)


def recall(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, _, false_negatives = _counts(targets, predictions, threshold)
    return hits / tf.maximum(hits + false_negatives, 1)


def f1(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, false_positives, false_negatives = _counts(targets, predictions, threshold)
    return 2 * hits / tf.maximum(2 * hits + false_positives + false_negatives, 1)


def roc_auc(targets: Tensor, predictions: Tensor) -> Tensor:
    positives, negatives = predictions[targets > 0], tf.sort(predictions[targets <= 0])
    below = tf.searchsorted(negatives, positives, side="left")
    not_above = tf.searchsorted(negatives, positives, side="right")
    return tf.reduce_mean(tf.cast(below + not_above, predictions.dtype)) / (2 * len(negatives))


def confusion_matrix(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.math.confusion_matrix(targets, tf.argmax(predictions, axis=1), predictions.shape[1])


def r2(targets: Tensor, predictions: Tensor) -> Tensor:
    residual = tf.reduce_sum(tf.square(targets - predictions), axis=0)
    total = tf.reduce_sum(tf.square(targets - tf.reduce_mean(targets, axis=0)), axis=0)
    return tf.reduce_mean(1 - residual / total)


def _counts(targets: Tensor, predictions: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return true positives, false positives and false negatives, as floats."""
    told, true = predictions > threshold, targets > 0
    hits, false_positives, false_negatives = (
        tf.reduce_sum(tf.cast(each, predictions.dtype)) for each in (told & true, told & ~true, ~told & true)
    )
    return hits, false_positives, false_negatives
