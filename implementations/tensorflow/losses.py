"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` has the loss of each example, shape (n,), or no
axes where the catalogue sums over all examples. `tf.GradientTape` finds the derivatives of their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf
from tensorflow import Tensor

from implementations.catalog.losses import EPSILON, LOG_BOUNDS, LOG_FLOOR, VARIANCE_FLOOR
from implementations.tensorflow.activations import step

_TORCH_DIVISOR_FLOOR = 1e-12


def mean_squared_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(tf.math.squared_difference(predictions, targets), axis=-1)


def mean_absolute_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(tf.abs(predictions - targets), axis=-1)


def mean_absolute_percentage_error(targets: Tensor, predictions: Tensor) -> Tensor:
    scale = tf.maximum(tf.abs(targets), EPSILON)
    return 100 * tf.reduce_mean(tf.abs(predictions - targets) / scale, axis=-1)


def mean_squared_logarithmic_error(targets: Tensor, predictions: Tensor) -> Tensor:
    floor = tf.constant(EPSILON, predictions.dtype)
    log_predictions = tf.math.log1p(tf.where(predictions <= floor, floor, predictions))
    log_targets = tf.math.log1p(tf.maximum(targets, floor))
    return tf.reduce_mean(tf.math.squared_difference(log_predictions, log_targets), axis=-1)


def huber(targets: Tensor, predictions: Tensor, *, delta: float) -> Tensor:
    error = predictions - targets
    size = tf.abs(error)
    inside = tf.clip_by_value(error, -delta, delta)  # or the square overflows where it is not taken
    return tf.reduce_mean(
        tf.where(size <= delta, 0.5 * inside * inside, delta * (size - 0.5 * delta)), axis=-1
    )


def smooth_l1(targets: Tensor, predictions: Tensor, *, beta: float) -> Tensor:
    return huber(targets, predictions, delta=beta) / beta


def log_cosh(targets: Tensor, predictions: Tensor) -> Tensor:
    size = tf.abs(predictions - targets)
    return tf.reduce_mean(size + tf.nn.softplus(-2 * size) - math.log(2), axis=-1)


def binary_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> Tensor:
    weights: float | Tensor = 1.0
    if class_weight:
        of_zero, of_one = class_weight
        weights = of_zero + (of_one - of_zero) * targets
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, predictions)
    else:
        loss = _clamped_loss if clip_mode == "clamp_log" else _clipped_loss
        losses = loss(targets, predictions)
    return tf.reduce_mean(weights * losses, axis=-1)


def binary_focal_crossentropy(
    targets: Tensor, predictions: Tensor, *, from_logits: bool, gamma: float, label_smoothing: float
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        p, q = _both_shares(predictions)
        losses = _clipped_logit_loss(targets, predictions)
    else:
        p, q = predictions, 1 - predictions
        losses = _clipped_loss(targets, p)
    return tf.reduce_mean((targets * q + (1 - targets) * p) ** gamma * losses, axis=-1)


def categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Tensor:
    weights: float | Tensor = 1.0
    if class_weight:
        given = tf.constant(class_weight, targets.dtype)
        weights = _shares(tf.linalg.matvec(targets, given), weight_mode)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    if from_logits:
        return weights * tf.nn.softmax_cross_entropy_with_logits(targets, predictions)
    return -weights * tf.reduce_sum(targets * tf.math.log(_share(predictions)), axis=-1)


def sparse_categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Tensor:
    if from_logits:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, predictions)
    else:
        losses = -tf.gather(tf.math.log(_share(predictions)), targets, axis=1, batch_dims=1)
    if not class_weight:
        return losses
    return _shares(tf.gather(tf.constant(class_weight, losses.dtype), targets), weight_mode) * losses


def categorical_focal_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    p = _share(tf.nn.softmax(predictions) if from_logits else predictions)
    return -tf.reduce_sum(alpha * (1 - p) ** gamma * targets * tf.math.log(p), axis=-1)


def kl_divergence(targets: Tensor, predictions: Tensor) -> Tensor:
    p, y = tf.clip_by_value(predictions, EPSILON, 1), tf.clip_by_value(targets, EPSILON, 1)
    return tf.reduce_sum(y * tf.math.log(y / p), axis=-1)


def poisson(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(predictions - targets * tf.math.log(predictions + EPSILON), axis=-1)


def gaussian_nll(targets: Tensor, predictions: Tensor) -> Tensor:
    mean, variance = tf.split(predictions, 2, axis=-1)
    # the value of the floor, with the derivative of the variance, as in torch
    floored = variance + tf.stop_gradient(VARIANCE_FLOOR - variance)
    variance = tf.where(variance < VARIANCE_FLOOR, floored, variance)
    return tf.reduce_mean(tf.math.log(variance) + tf.square(mean - targets) / variance, axis=-1) / 2


def cosine_similarity(targets: Tensor, predictions: Tensor) -> Tensor:
    return -tf.reduce_sum(_unit(targets) * _unit(predictions), axis=-1)


def hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(tf.maximum(1 - _signs(targets) * predictions, 0), axis=-1)


def squared_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean(tf.square(tf.maximum(1 - _signs(targets) * predictions, 0)), axis=-1)


def categorical_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    strongest = tf.reduce_max((1 - targets) * predictions, axis=-1)
    return tf.nn.relu(1 + strongest - tf.reduce_sum(targets * predictions, axis=-1))


def dice(targets: Tensor, predictions: Tensor) -> Tensor:
    both = tf.reduce_sum(targets) + tf.reduce_sum(predictions)
    return 1 - 2 * tf.reduce_sum(targets * predictions) / (both + EPSILON)


def tversky(targets: Tensor, predictions: Tensor, *, alpha: float, beta: float) -> Tensor:
    hit = tf.reduce_sum(targets * predictions)
    false_positives = tf.reduce_sum((1 - targets) * predictions)
    false_negatives = tf.reduce_sum(targets * (1 - predictions))
    return 1 - hit / (hit + alpha * false_positives + beta * false_negatives + EPSILON)


def perceptron(targets: Tensor, predictions: Tensor) -> Tensor:
    return tf.reduce_mean((step(tf.stop_gradient(predictions)) - targets) * predictions, axis=-1)


def weighted_mean(values: Tensor, sample_weight: Tensor, weight_mode: str) -> Tensor:
    return tf.reduce_mean(_shares(sample_weight, weight_mode) * values)


def _shares(weights: Tensor, weight_mode: str) -> Tensor:
    """Return each example's weight, for mode `weights` such that they average 1."""
    return weights / tf.reduce_mean(weights) if weight_mode == "weights" else weights


def _signs(targets: Tensor) -> Tensor:
    return tf.where(targets > 0, tf.constant(1, targets.dtype), tf.constant(-1, targets.dtype))


def _smoothed(targets: Tensor, smoothing: float, classes: int) -> Tensor:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _clipped_loss(targets: Tensor, predictions: Tensor) -> Tensor:
    clipped = tf.clip_by_value(predictions, EPSILON, 1 - EPSILON)
    return -(targets * tf.math.log(clipped) + (1 - targets) * tf.math.log(1 - clipped))


def _both_shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return p = sigmoid(z) and 1 - p; neither they nor their derivatives lose the digits of a tail."""
    lower, upper = tf.nn.sigmoid(logits), tf.nn.sigmoid(-logits)
    return tf.where(logits > 0, 1 - upper, lower), tf.where(logits > 0, upper, 1 - lower)


def _clipped_logit_loss(targets: Tensor, logits: Tensor) -> Tensor:
    """Return the loss of p = sigmoid(z), clipped; its logarithms are, as 1 - 1e-7 would be rounded."""
    log_p, log_q = (tf.clip_by_value(tf.math.log_sigmoid(z), *LOG_BOUNDS) for z in (logits, -logits))
    return -(targets * log_p + (1 - targets) * log_q)


@tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
def _clamped_loss(targets: Tensor, predictions: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
    """Return the loss, with torch's derivative by the predictions, whose divisor is at least 1e-12.

    At p = 0 and p = 1 it is 0, as in the NumPy backend (aten/src/ATen/native/Loss.cpp).
    """
    p = predictions
    log_p, log_q = tf.maximum(tf.math.log(p), LOG_FLOOR), tf.maximum(tf.math.log1p(-p), LOG_FLOOR)

    def gradient(upstream: Tensor) -> tuple[None, Tensor]:
        slope = (p - targets) / tf.maximum((1 - p) * p, _TORCH_DIVISOR_FLOOR)
        return None, upstream * tf.where((p > 0) & (p < 1), slope, tf.constant(0, p.dtype))

    return -(targets * log_p + (1 - targets) * log_q), gradient


def _share(predictions: Tensor) -> Tensor:
    """Return clipped probabilities from rows that need not sum to 1."""
    total = tf.reduce_sum(predictions, axis=-1, keepdims=True)
    return tf.clip_by_value(predictions / total, EPSILON, 1 - EPSILON)


def _unit(rows: Tensor) -> Tensor:
    """Return rows of length 1; where one is shorter than EPSILON, its share of that."""
    return tf.nn.l2_normalize(rows, axis=-1, epsilon=EPSILON * EPSILON)
