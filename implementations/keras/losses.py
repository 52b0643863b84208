"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` has shape (n,), and Keras averages it over the
batch. The runtime's own differentiation finds the derivatives.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from implementations.catalog.losses import EPSILON, LOG_BOUNDS, LOG_FLOOR, VARIANCE_FLOOR
from implementations.keras.activations import step

Tensor = Any

_TORCH_DIVISOR_FLOOR = 1e-12


def mean_squared_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.mean_squared_error(targets, predictions)


def mean_absolute_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.mean_absolute_error(targets, predictions)


def mean_absolute_percentage_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.mean_absolute_percentage_error(targets, predictions)


def mean_squared_logarithmic_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.mean_squared_logarithmic_error(targets, predictions)


def huber(targets: Tensor, predictions: Tensor, *, delta: float) -> Tensor:
    return keras.losses.huber(targets, predictions, delta=delta)


def smooth_l1(targets: Tensor, predictions: Tensor, *, beta: float) -> Tensor:
    return keras.losses.huber(targets, predictions, delta=beta) / beta


def log_cosh(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.log_cosh(targets, predictions)


def binary_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> Tensor:
    if class_weight:
        return _weighted_binary_crossentropy(
            targets, predictions, class_weight, from_logits, clip_mode, label_smoothing
        )
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        return keras.losses.binary_crossentropy(targets, predictions, from_logits=True)
    if clip_mode == "clip_probability":
        # TensorFlow's runtime alone would look for logits instead of clipping
        predictions = ops.clip(predictions, EPSILON, 1 - EPSILON)
        return keras.losses.binary_crossentropy(targets, predictions)
    log_p, log_q = _floored_log(predictions), _floored_log(1 - predictions)
    value = -(targets * log_p + (1 - targets) * log_q)
    return ops.mean(_with_slope(value, _clamped_slope(targets, predictions), predictions), axis=-1)


def binary_focal_crossentropy(
    targets: Tensor, predictions: Tensor, *, from_logits: bool, gamma: float, label_smoothing: float
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, 2)
    # Keras's own would meet the same trap on TensorFlow as binary_crossentropy
    if from_logits:
        p, q = _both_shares(predictions)
        losses = _clipped_logit_loss(targets, predictions)
    else:
        p, q = predictions, 1 - predictions
        losses = _clipped_loss(targets, p)
    return ops.mean(ops.power(targets * q + (1 - targets) * p, gamma) * losses, axis=-1)


def categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Tensor:
    if class_weight:
        losses = categorical_crossentropy(
            targets,
            predictions,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            class_weight=(),
            weight_mode=weight_mode,
        )
        return losses * _shares(ops.matmul(targets, _constant(class_weight, losses)), weight_mode)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    if not from_logits:
        predictions = _share(predictions)
    return keras.losses.categorical_crossentropy(targets, predictions, from_logits=from_logits)


def sparse_categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Tensor:
    if class_weight:
        losses = sparse_categorical_crossentropy(
            targets, predictions, from_logits=from_logits, class_weight=(), weight_mode=weight_mode
        )
        classes = ops.cast(targets, "int32")  # of which training has made floats
        return losses * _shares(ops.take(_constant(class_weight, losses), classes), weight_mode)
    if from_logits:
        return keras.losses.sparse_categorical_crossentropy(targets, predictions, from_logits=True)
    # from probabilities, TensorFlow's runtime alone would divide by the row sum again after clipping
    one_hot = ops.one_hot(targets, predictions.shape[-1], dtype=predictions.dtype)
    return categorical_crossentropy(
        one_hot,
        predictions,
        from_logits=False,
        label_smoothing=0.0,
        class_weight=(),
        weight_mode=weight_mode,
    )


def categorical_focal_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
) -> Tensor:
    return keras.losses.categorical_focal_crossentropy(
        targets, predictions, alpha, gamma, from_logits, label_smoothing
    )


def kl_divergence(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.kl_divergence(targets, predictions)


def poisson(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.poisson(targets, predictions)


def gaussian_nll(targets: Tensor, predictions: Tensor) -> Tensor:
    mean, variance = ops.split(predictions, 2, axis=-1)
    # the value of the floor, with the derivative of the variance, as in torch
    floored = variance + ops.stop_gradient(VARIANCE_FLOOR - variance)
    variance = ops.where(variance < VARIANCE_FLOOR, floored, variance)
    return ops.mean(ops.log(variance) + ops.square(mean - targets) / variance, axis=-1) / 2


def cosine_similarity(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.cosine_similarity(targets, predictions)


def hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.hinge(targets, predictions)


def squared_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.squared_hinge(targets, predictions)


def categorical_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.categorical_hinge(targets, predictions)


def dice(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.losses.dice(targets, predictions)


def tversky(targets: Tensor, predictions: Tensor, *, alpha: float, beta: float) -> Tensor:
    return keras.losses.tversky(targets, predictions, alpha, beta)


def perceptron(targets: Tensor, predictions: Tensor) -> Tensor:
    return ops.mean((step(ops.stop_gradient(predictions)) - targets) * predictions, axis=-1)


def weighted_mean(values: Tensor, sample_weight: Tensor, weight_mode: str) -> Tensor:
    divided_by = {"examples": "sum_over_batch_size", "weights": "mean_with_sample_weight"}
    return _Given(reduction=divided_by[weight_mode])(values, values, sample_weight)


class _Given(keras.losses.Loss):
    """The reduction of losses that are there already."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred


def _constant(values: tuple[float, ...], like: Tensor) -> np.ndarray:
    return np.array(values, keras.backend.standardize_dtype(like.dtype))


def _shares(weights: Tensor, weight_mode: str) -> Tensor:
    """Return each example's weight, for mode `weights` such that they average 1."""
    return weights / ops.mean(weights) if weight_mode == "weights" else weights


def _weighted_binary_crossentropy(
    targets: Tensor, predictions: Tensor, class_weight: tuple[float, ...], *settings: Any
) -> Tensor:
    """Weigh each value: Keras's own loss has averaged over an example's values before weights come."""
    from_logits, clip_mode, label_smoothing = settings
    losses = binary_crossentropy(
        targets[..., None],
        predictions[..., None],
        from_logits=from_logits,
        clip_mode=clip_mode,
        label_smoothing=label_smoothing,
        class_weight=(),
    )
    of_zero, of_one = class_weight
    return ops.mean((of_zero + (of_one - of_zero) * targets) * losses, axis=-1)


def _smoothed(targets: Tensor, smoothing: float, classes: int) -> Tensor:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _share(predictions: Tensor) -> Tensor:
    """Divide by the row sum, as Keras does by itself, but not on TensorFlow where a softmax comes before."""
    return predictions / ops.sum(predictions, axis=-1, keepdims=True)


def _clipped_loss(targets: Tensor, predictions: Tensor) -> Tensor:
    clipped = ops.clip(predictions, EPSILON, 1 - EPSILON)
    return -(targets * ops.log(clipped) + (1 - targets) * ops.log(1 - clipped))


def _both_shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return p = sigmoid(z) and 1 - p; neither they nor their derivatives lose the digits of a tail."""
    lower, upper = ops.sigmoid(logits), ops.sigmoid(-logits)
    return ops.where(logits > 0, 1 - upper, lower), ops.where(logits > 0, upper, 1 - lower)


def _clipped_logit_loss(targets: Tensor, logits: Tensor) -> Tensor:
    """Return the loss of p = sigmoid(z), clipped; its logarithms are, as 1 - 1e-7 would be rounded."""
    log_p, log_q = (ops.clip(ops.log_sigmoid(z), *LOG_BOUNDS) for z in (logits, -logits))
    return -(targets * log_p + (1 - targets) * log_q)


def _floored_log(p: Tensor) -> Tensor:
    """Return log p, at least LOG_FLOOR."""
    positive = p > 0
    return ops.where(positive, ops.maximum(ops.log(ops.where(positive, p, 1.0)), LOG_FLOOR), LOG_FLOOR)


def _clamped_slope(targets: Tensor, p: Tensor) -> Tensor:
    """Return torch's derivative, whose divisor is at least 1e-12 (aten/src/ATen/native/Loss.cpp).

    At p = 0 and p = 1 it is 0, as in the NumPy backend.
    """
    inside = ops.logical_and(p > 0, p < 1)
    return ops.where(inside, (p - targets) / ops.maximum((1 - p) * p, _TORCH_DIVISOR_FLOOR), 0.0)


def _with_slope(value: Tensor, slope: Tensor, at: Tensor) -> Tensor:
    """Return the value, with this derivative instead of its own."""
    return ops.stop_gradient(value) + ops.stop_gradient(slope) * (at - ops.stop_gradient(at))
