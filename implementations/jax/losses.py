"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` has the loss of each example, shape (n,), or no
axes where the catalogue sums over all examples. `jax.grad` finds the derivatives of their mean.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

from implementations.catalog.losses import EPSILON, LOG_BOUNDS, LOG_FLOOR, VARIANCE_FLOOR
from implementations.jax.activations import step

_TORCH_DIVISOR_FLOOR = 1e-12


def mean_squared_error(targets: Array, predictions: Array) -> Array:
    return jnp.mean(jnp.square(predictions - targets), axis=-1)


def mean_absolute_error(targets: Array, predictions: Array) -> Array:
    return jnp.mean(jnp.abs(predictions - targets), axis=-1)


def mean_absolute_percentage_error(targets: Array, predictions: Array) -> Array:
    scale = jnp.maximum(jnp.abs(targets), EPSILON)
    return 100 * jnp.mean(jnp.abs(predictions - targets) / scale, axis=-1)


def mean_squared_logarithmic_error(targets: Array, predictions: Array) -> Array:
    log_predictions = jnp.log1p(jnp.where(predictions <= EPSILON, EPSILON, predictions))
    return jnp.mean(jnp.square(log_predictions - jnp.log1p(jnp.maximum(targets, EPSILON))), axis=-1)


def huber(targets: Array, predictions: Array, *, delta: float) -> Array:
    error = predictions - targets
    size = jnp.abs(error)
    return jnp.mean(jnp.where(size <= delta, 0.5 * error * error, delta * (size - 0.5 * delta)), axis=-1)


def smooth_l1(targets: Array, predictions: Array, *, beta: float) -> Array:
    return huber(targets, predictions, delta=beta) / beta


def log_cosh(targets: Array, predictions: Array) -> Array:
    size = jnp.abs(predictions - targets)
    return jnp.mean(size + jax.nn.softplus(-2 * size) - math.log(2), axis=-1)


def binary_crossentropy(
    targets: Array,
    predictions: Array,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> Array:
    weights: float | Array = 1.0
    if class_weight:
        of_zero, of_one = class_weight
        weights = of_zero + (of_one - of_zero) * targets
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        log_p, log_q = jax.nn.log_sigmoid(predictions), jax.nn.log_sigmoid(-predictions)
        return -jnp.mean(weights * (targets * log_p + (1 - targets) * log_q), axis=-1)
    loss = _clamped_loss if clip_mode == "clamp_log" else _clipped_loss
    return jnp.mean(weights * loss(targets, predictions), axis=-1)


def binary_focal_crossentropy(
    targets: Array, predictions: Array, *, from_logits: bool, gamma: float, label_smoothing: float
) -> Array:
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        p, q = _both_shares(predictions)
        losses = _clipped_logit_loss(targets, predictions)
    else:
        p, q = predictions, 1 - predictions
        losses = _clipped_loss(targets, p)
    return jnp.mean((targets * q + (1 - targets) * p) ** gamma * losses, axis=-1)


def categorical_crossentropy(
    targets: Array,
    predictions: Array,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Array:
    weights: float | Array = 1.0
    if class_weight:
        weights = _shares(targets @ jnp.array(class_weight, targets.dtype), weight_mode)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    log_p = jax.nn.log_softmax(predictions) if from_logits else jnp.log(_share(predictions))
    return -weights * jnp.sum(targets * log_p, axis=-1)


def sparse_categorical_crossentropy(
    targets: Array,
    predictions: Array,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Array:
    log_p = jax.nn.log_softmax(predictions) if from_logits else jnp.log(_share(predictions))
    losses = -jnp.take_along_axis(log_p, targets[:, None], axis=-1)[:, 0]
    if not class_weight:
        return losses
    return _shares(jnp.array(class_weight, losses.dtype)[targets], weight_mode) * losses


def categorical_focal_crossentropy(
    targets: Array,
    predictions: Array,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
) -> Array:
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    p = _share(jax.nn.softmax(predictions) if from_logits else predictions)
    return -jnp.sum(alpha * (1 - p) ** gamma * targets * jnp.log(p), axis=-1)


def kl_divergence(targets: Array, predictions: Array) -> Array:
    p, y = jnp.clip(predictions, EPSILON, 1), jnp.clip(targets, EPSILON, 1)
    return jnp.sum(y * jnp.log(y / p), axis=-1)


def poisson(targets: Array, predictions: Array) -> Array:
    return jnp.mean(predictions - targets * jnp.log(predictions + EPSILON), axis=-1)


def gaussian_nll(targets: Array, predictions: Array) -> Array:
    mean, variance = jnp.split(predictions, 2, axis=-1)
    # the value of the floor, with the derivative of the variance, as in torch
    floored = variance + jax.lax.stop_gradient(VARIANCE_FLOOR - variance)
    variance = jnp.where(variance < VARIANCE_FLOOR, floored, variance)
    return jnp.mean(jnp.log(variance) + jnp.square(mean - targets) / variance, axis=-1) / 2


def cosine_similarity(targets: Array, predictions: Array) -> Array:
    return -jnp.sum(_unit(targets) * _unit(predictions), axis=-1)


def hinge(targets: Array, predictions: Array) -> Array:
    return jnp.mean(jnp.maximum(1 - _signs(targets) * predictions, 0), axis=-1)


def squared_hinge(targets: Array, predictions: Array) -> Array:
    return jnp.mean(jnp.square(jnp.maximum(1 - _signs(targets) * predictions, 0)), axis=-1)


def categorical_hinge(targets: Array, predictions: Array) -> Array:
    strongest = jnp.max((1 - targets) * predictions, axis=-1)
    return jax.nn.relu(1 + strongest - jnp.sum(targets * predictions, axis=-1))


def dice(targets: Array, predictions: Array) -> Array:
    return 1 - 2 * jnp.sum(targets * predictions) / (jnp.sum(targets) + jnp.sum(predictions) + EPSILON)


def tversky(targets: Array, predictions: Array, *, alpha: float, beta: float) -> Array:
    hit = jnp.sum(targets * predictions)
    false_positives = jnp.sum((1 - targets) * predictions)
    false_negatives = jnp.sum(targets * (1 - predictions))
    return 1 - hit / (hit + alpha * false_positives + beta * false_negatives + EPSILON)


def perceptron(targets: Array, predictions: Array) -> Array:
    return jnp.mean((step(jax.lax.stop_gradient(predictions)) - targets) * predictions, axis=-1)


def weighted_mean(values: Array, sample_weight: Array, weight_mode: str) -> Array:
    return jnp.mean(_shares(sample_weight, weight_mode) * values)


def _shares(weights: Array, weight_mode: str) -> Array:
    """Return each example's weight, for mode `weights` such that they average 1."""
    return weights / jnp.mean(weights) if weight_mode == "weights" else weights


def _signs(targets: Array) -> Array:
    return jnp.where(targets > 0, 1, -1)


def _smoothed(targets: Array, smoothing: float, classes: int) -> Array:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _clipped_loss(targets: Array, predictions: Array) -> Array:
    clipped = jnp.clip(predictions, EPSILON, 1 - EPSILON)
    return -(targets * jnp.log(clipped) + (1 - targets) * jnp.log(1 - clipped))


def _both_shares(logits: Array) -> tuple[Array, Array]:
    """Return p = sigmoid(z) and 1 - p; neither they nor their derivatives lose the digits of a tail."""
    lower, upper = jax.nn.sigmoid(logits), jax.nn.sigmoid(-logits)
    return jnp.where(logits > 0, 1 - upper, lower), jnp.where(logits > 0, upper, 1 - lower)


def _clipped_logit_loss(targets: Array, logits: Array) -> Array:
    """Return the loss of p = sigmoid(z), clipped; its logarithms are, as 1 - 1e-7 would be rounded."""
    log_p, log_q = (jnp.clip(jax.nn.log_sigmoid(z), *LOG_BOUNDS) for z in (logits, -logits))
    return -(targets * log_p + (1 - targets) * log_q)


@jax.custom_jvp
def _clamped_loss(targets: Array, predictions: Array) -> Array:
    log_p, log_q = jnp.log(predictions), jnp.log1p(-predictions)
    log_p, log_q = jnp.maximum(log_p, LOG_FLOOR), jnp.maximum(log_q, LOG_FLOOR)
    return -(targets * log_p + (1 - targets) * log_q)


@_clamped_loss.defjvp
def _clamped_loss_tangent(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Take torch's derivative by the predictions, whose divisor is at least 1e-12.

    At p = 0 and p = 1 it is 0, as in the NumPy backend (aten/src/ATen/native/Loss.cpp).
    """
    targets, p = primals
    slope = (p - targets) / jnp.maximum((1 - p) * p, _TORCH_DIVISOR_FLOOR)
    return _clamped_loss(targets, p), jnp.where((p > 0) & (p < 1), slope, 0) * tangents[1]


def _share(predictions: Array) -> Array:
    """Return clipped probabilities from rows that need not sum to 1."""
    return jnp.clip(predictions / jnp.sum(predictions, axis=-1, keepdims=True), EPSILON, 1 - EPSILON)


def _unit(rows: Array) -> Array:
    """Return rows of length 1; where one is shorter than EPSILON, its share of that."""
    square = jnp.sum(jnp.square(rows), axis=-1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(square, EPSILON * EPSILON))
