"""Losses and their derivatives with respect to predictions; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` has the loss of each example, shape (n,), or none
where the catalogue sums over all examples. `name_gradient(targets, predictions)` is the derivative of their
mean, an array in the shape of predictions. Where predictions are the outputs of an activation,
`name_through_activation(targets, predictions)` is the derivative by what went into it: of logarithm and
exponential nothing is left but a difference.
"""

from __future__ import annotations

import numpy as np

from implementations.catalog.losses import EPSILON, LOG_BOUNDS, LOG_FLOOR, VARIANCE_FLOOR
from implementations.numpy.activations import (
    log_sigmoid,
    log_softmax,
    sigmoid,
    softmax,
    softmax_gradient,
    softplus,
    step,
)


def mean_squared_error(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(np.square(predictions - targets), axis=-1)


def mean_squared_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return (predictions - targets) * (2 / predictions.size)


def mean_absolute_error(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(np.abs(predictions - targets), axis=-1)


def mean_absolute_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.sign(predictions - targets) / predictions.size


def mean_absolute_percentage_error(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    scale = np.maximum(np.abs(targets), EPSILON)
    return 100 * np.mean(np.abs(predictions - targets) / scale, axis=-1)


def mean_absolute_percentage_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    scale = np.maximum(np.abs(targets), EPSILON)
    return np.sign(predictions - targets) * (100 / predictions.size) / scale


def mean_squared_logarithmic_error(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(np.square(_log_ratio(targets, predictions)), axis=-1)


def mean_squared_logarithmic_error_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    inside = predictions > EPSILON
    ratio = _log_ratio(targets, predictions)
    return ratio * inside / (1 + np.maximum(predictions, EPSILON)) * (2 / predictions.size)


def huber(targets: np.ndarray, predictions: np.ndarray, *, delta: float) -> np.ndarray:
    error = np.abs(predictions - targets)
    return np.mean(np.where(error <= delta, 0.5 * error * error, delta * (error - 0.5 * delta)), axis=-1)


def huber_gradient(targets: np.ndarray, predictions: np.ndarray, *, delta: float) -> np.ndarray:
    return np.clip(predictions - targets, -delta, delta) / predictions.size


def smooth_l1(targets: np.ndarray, predictions: np.ndarray, *, beta: float) -> np.ndarray:
    return huber(targets, predictions, delta=beta) / beta


def smooth_l1_gradient(targets: np.ndarray, predictions: np.ndarray, *, beta: float) -> np.ndarray:
    return huber_gradient(targets, predictions, delta=beta) / beta


def log_cosh(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    error = np.abs(predictions - targets)
    return np.mean(error + np.log1p(np.expm1(-2 * error) / 2), axis=-1)  # log((1 + exp(-2 |e|)) / 2)


def log_cosh_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.tanh(predictions - targets) / predictions.size


def binary_crossentropy(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> np.ndarray:
    weights = _weights_of_two(targets, class_weight)
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        return np.mean(weights * _logit_loss(targets, predictions), axis=-1)
    if clip_mode == "clamp_log":
        with np.errstate(divide="ignore"):  # log 0 is the case that the floor is for
            log_p, log_q = np.log(predictions), np.log1p(-predictions)
        log_p, log_q = np.maximum(log_p, LOG_FLOOR), np.maximum(log_q, LOG_FLOOR)
        return -np.mean(weights * (targets * log_p + (1 - targets) * log_q), axis=-1)
    return np.mean(weights * _clipped_loss(targets, predictions), axis=-1)


def binary_crossentropy_gradient(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> np.ndarray:
    weights = _weights_of_two(targets, class_weight)
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        return weights * _logit_loss_gradient(targets, predictions) / predictions.size
    if clip_mode == "clamp_log":
        # At p = 0 and p = 1 the clamped logarithm has no slope. Torch divides by its floor of 1e-12 even
        # there, and its derivative of the sigmoid, exactly 0 there, makes up for it; NumPy's keeps the tail.
        inside = (predictions > 0) & (predictions < 1)
        divisor = np.maximum((1 - predictions) * predictions, 1e-12)
        return weights * (inside * (predictions - targets) / divisor / predictions.size)
    return weights * _clipped_loss_gradient(targets, predictions) / predictions.size


def binary_focal_crossentropy(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool, gamma: float, label_smoothing: float
) -> np.ndarray:
    targets = _smoothed(targets, label_smoothing, 2)
    p, q = _both_shares(predictions, from_logits)
    loss = _clipped_logit_loss if from_logits else _clipped_loss
    return np.mean(_miss(targets, p, q) ** gamma * loss(targets, predictions), axis=-1)


def binary_focal_crossentropy_gradient(
    targets: np.ndarray, predictions: np.ndarray, *, from_logits: bool, gamma: float, label_smoothing: float
) -> np.ndarray:
    targets = _smoothed(targets, label_smoothing, 2)
    p, q = _both_shares(predictions, from_logits)
    miss = _miss(targets, p, q)
    miss_gradient: np.ndarray = 1 - 2 * targets
    if from_logits:
        loss = _clipped_logit_loss(targets, predictions)
        loss_gradient = _clipped_logit_loss_gradient(targets, predictions)
        miss_gradient = miss_gradient * (p * q)
    else:
        loss = _clipped_loss(targets, predictions)
        loss_gradient = _clipped_loss_gradient(targets, predictions)
    gradient = miss**gamma * loss_gradient
    if gamma:
        gradient = gradient + gamma * miss ** (gamma - 1) * miss_gradient * loss
    return gradient / predictions.size


def categorical_crossentropy(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    if from_logits:
        return -weights * np.sum(targets * log_softmax(predictions), axis=-1)
    share = predictions / predictions.sum(axis=-1, keepdims=True)
    return -weights * np.sum(targets * np.log(np.clip(share, EPSILON, 1 - EPSILON)), axis=-1)


def categorical_crossentropy_gradient(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    if class_weight:
        targets = weights[:, np.newaxis] * targets  # in which the loss is linear
    examples = len(predictions)
    if from_logits:
        return (softmax(predictions) * targets.sum(axis=-1, keepdims=True) - targets) / examples
    clipped, inside = _clipped_share(predictions)
    return _through_share(predictions, -targets * inside / clipped / examples)


def sparse_categorical_crossentropy(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    rows = np.arange(len(predictions))
    weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
    if from_logits:
        return -weights * log_softmax(predictions)[rows, targets]
    share = predictions[rows, targets] / predictions.sum(axis=-1)
    return -weights * np.log(np.clip(share, EPSILON, 1 - EPSILON))


def sparse_categorical_crossentropy_gradient(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    one_hot = _one_hot(targets, predictions.shape[-1])
    if from_logits:
        gradient = (softmax(predictions) - one_hot) / len(predictions)
    else:
        clipped, inside = _clipped_share(predictions)
        gradient = _through_share(predictions, -1 / clipped * one_hot * inside / len(predictions))
    if class_weight:
        weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
        gradient = weights[:, np.newaxis] * gradient
    return gradient


def categorical_focal_crossentropy(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
) -> np.ndarray:
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    p, _ = _clipped_share(softmax(predictions) if from_logits else predictions)
    return -np.sum(alpha * (1 - p) ** gamma * targets * np.log(p), axis=-1)


def categorical_focal_crossentropy_gradient(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
) -> np.ndarray:
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    probabilities = softmax(predictions) if from_logits else predictions
    p, inside = _clipped_share(probabilities)
    slope = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
    gradient = _through_share(probabilities, alpha * targets * slope * inside / len(predictions))
    return softmax_gradient(predictions, probabilities, gradient) if from_logits else gradient


def kl_divergence(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    p, y = np.clip(predictions, EPSILON, 1), np.clip(targets, EPSILON, 1)
    return np.sum(y * np.log(y / p), axis=-1)


def kl_divergence_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    p, y = np.clip(predictions, EPSILON, 1), np.clip(targets, EPSILON, 1)
    return np.where(p == predictions, -y / p, 0) / len(predictions)


def poisson(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(predictions - targets * np.log(predictions + EPSILON), axis=-1)


def poisson_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return (1 - targets / (predictions + EPSILON)) / predictions.size


def gaussian_nll(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    mean, variance = _mean_and_variance(predictions)
    return np.mean(np.log(variance) + np.square(mean - targets) / variance, axis=-1) / 2


def gaussian_nll_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    mean, variance = _mean_and_variance(predictions)
    error = (mean - targets) / variance
    return np.concatenate([error, (1 / variance - error * error) / 2], axis=-1) / targets.size


def cosine_similarity(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return -np.sum(_unit(targets)[0] * _unit(predictions)[0], axis=-1)


def cosine_similarity_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    (y, _), (p, norm) = _unit(targets), _unit(predictions)
    along = np.where(norm > EPSILON, np.sum(y * p, axis=-1, keepdims=True) * p, 0)
    return (along - y) / np.maximum(norm, EPSILON) / len(predictions)


def hinge(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(np.maximum(1 - _signs(targets) * predictions, 0), axis=-1)


def hinge_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    signs = _signs(targets)
    return np.where(signs * predictions <= 1, -signs, 0) / predictions.size


def squared_hinge(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean(np.square(np.maximum(1 - _signs(targets) * predictions, 0)), axis=-1)


def squared_hinge_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    signs = _signs(targets)
    return -2 * signs * np.maximum(1 - signs * predictions, 0) / predictions.size


def categorical_hinge(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.maximum(_margins(targets, predictions), 0)


def categorical_hinge_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    others = (1 - targets) * predictions
    largest = (others == np.max(others, axis=-1, keepdims=True)).astype(predictions.dtype)
    strongest = largest * (np.cumsum(largest, axis=-1) <= 1)  # the first of them
    active = _margins(targets, predictions)[:, np.newaxis] > 0
    return active * (strongest * (1 - targets) - targets) / len(predictions)


def dice(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    total = np.sum(targets) + np.sum(predictions) + EPSILON
    return 1 - 2 * np.sum(targets * predictions) / total


def dice_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    total = np.sum(targets) + np.sum(predictions) + EPSILON
    return 2 * (np.sum(targets * predictions) / total - targets) / total


def tversky(targets: np.ndarray, predictions: np.ndarray, *, alpha: float, beta: float) -> np.ndarray:
    hit, total = _tversky_sums(targets, predictions, alpha, beta)
    return 1 - hit / total


def tversky_gradient(
    targets: np.ndarray, predictions: np.ndarray, *, alpha: float, beta: float
) -> np.ndarray:
    hit, total = _tversky_sums(targets, predictions, alpha, beta)
    total_gradient = targets + alpha * (1 - targets) - beta * targets
    return (hit / total * total_gradient - targets) / total


def perceptron(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.mean((step(predictions) - targets) * predictions, axis=-1)


def perceptron_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return (step(predictions) - targets) / predictions.size


def binary_crossentropy_through_sigmoid(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> np.ndarray:
    weights = _weights_of_two(targets, class_weight)
    targets = _smoothed(targets, label_smoothing, 2)
    inside = (predictions >= EPSILON) & (predictions <= 1 - EPSILON)
    if clip_mode == "clamp_log":
        inside = (predictions > 0) & (predictions < 1)
    return weights * ((predictions - targets) * inside) / predictions.size


def categorical_crossentropy_through_softmax(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    if class_weight:
        targets = weights[:, np.newaxis] * targets
    counted = targets * (predictions >= EPSILON) * (predictions <= 1 - EPSILON)
    return (predictions * counted.sum(axis=-1, keepdims=True) - counted) / len(predictions)


def sparse_categorical_crossentropy_through_softmax(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> np.ndarray:
    inside = (predictions >= EPSILON) & (predictions <= 1 - EPSILON)
    counted = _one_hot(targets, predictions.shape[-1]) & inside
    gradient = (predictions * counted.max(axis=-1, keepdims=True) - counted) / len(predictions)
    if class_weight:
        weights = _class_shares(targets, class_weight, weight_mode, predictions.dtype)
        gradient = weights[:, np.newaxis] * gradient
    return gradient


def weighted_mean(values: np.ndarray, sample_weight: np.ndarray, weight_mode: str) -> np.ndarray:
    return np.mean(_shares(sample_weight, weight_mode) * values)


def weighted_mean_gradient(gradient: np.ndarray, sample_weight: np.ndarray, weight_mode: str) -> np.ndarray:
    """Return the derivative of the weighted mean, given that of the mean."""
    return _shares(sample_weight, weight_mode)[:, np.newaxis] * gradient


def _signs(targets: np.ndarray) -> np.ndarray:
    return np.where(targets > 0, targets.dtype.type(1), targets.dtype.type(-1))


def _one_hot(places: np.ndarray, classes: int) -> np.ndarray:
    """Return for each place a row that is true there alone."""
    return places[:, np.newaxis] == np.arange(classes)


def _smoothed(targets: np.ndarray, smoothing: float, classes: int) -> np.ndarray:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _shares(weights: np.ndarray, weight_mode: str) -> np.ndarray:
    """Return each example's weight, for mode `weights` such that they average 1."""
    return weights / weights.mean() if weight_mode == "weights" else weights


def _class_shares(
    targets: np.ndarray, class_weight: tuple[float, ...], weight_mode: str, dtype: np.dtype
) -> np.ndarray:
    """Return each example's weight as its class, or its share of each class, gives it."""
    if not class_weight:
        return np.ones(1, dtype)
    classes = _one_hot(targets, len(class_weight)) if targets.ndim == 1 else targets
    return _shares(np.sum(classes * np.array(class_weight, dtype), axis=-1), weight_mode)


def _weights_of_two(targets: np.ndarray, class_weight: tuple[float, ...]) -> np.ndarray | float:
    """Return the weight of each target 0 and 1."""
    if not class_weight:
        return 1.0
    of_zero, of_one = class_weight
    return of_zero + (of_one - of_zero) * targets


def _log_ratio(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(predictions, EPSILON)) - np.log1p(np.maximum(targets, EPSILON))


def _logit_loss(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return log(1 + exp(z)) - y z, without cancellation where y = 1."""
    return (1 - targets) * softplus(logits) + targets * softplus(-logits)


def _logit_loss_gradient(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return sigmoid(z) - y, without cancellation where y = 1."""
    return (1 - targets) * sigmoid(logits) - targets * sigmoid(-logits)


def _clipped_loss(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    clipped = np.clip(predictions, EPSILON, 1 - EPSILON)
    return -(targets * np.log(clipped) + (1 - targets) * np.log(1 - clipped))


def _clipped_loss_gradient(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    clipped = np.clip(predictions, EPSILON, 1 - EPSILON)
    inside = clipped == predictions
    return inside * ((1 - targets) / (1 - clipped) - targets / clipped)


def _clipped_logit_loss(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the loss of p = sigmoid(z), clipped; its logarithms are, as 1 - 1e-7 would be rounded."""
    log_p, log_q = (np.clip(log_sigmoid(z), *LOG_BOUNDS) for z in (logits, -logits))
    return -(targets * log_p + (1 - targets) * log_q)


def _clipped_logit_loss_gradient(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    inside = log_sigmoid(-np.abs(logits)) >= LOG_BOUNDS[0]
    return inside * _logit_loss_gradient(targets, logits)


def _both_shares(predictions: np.ndarray, from_logits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return p and 1 - p, of logits each with all its digits."""
    return (sigmoid(predictions), sigmoid(-predictions)) if from_logits else (predictions, 1 - predictions)


def _miss(targets: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the probability that is not given to the target: 1 - (y p + (1 - y) (1 - p))."""
    return targets * q + (1 - targets) * p


def _clipped_share(predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions divided by their row sum and clipped, and where the clip changed nothing."""
    share = predictions / predictions.sum(axis=-1, keepdims=True)
    clipped = np.clip(share, EPSILON, 1 - EPSILON)
    return clipped, clipped == share


def _through_share(predictions: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    """Return d loss / d predictions, given d loss / d (predictions divided by their row sum)."""
    total = predictions.sum(axis=-1, keepdims=True)
    return (upstream - (upstream * predictions / total).sum(axis=-1, keepdims=True)) / total


def _mean_and_variance(predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, variance = np.split(predictions, 2, axis=-1)
    return mean, np.maximum(variance, VARIANCE_FLOOR)


def _unit(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of length 1, and the lengths that they had."""
    norm = np.sqrt(np.sum(np.square(rows), axis=-1, keepdims=True))
    return rows / np.maximum(norm, EPSILON), norm


def _margins(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return 1 + np.max((1 - targets) * scores, axis=-1) - np.sum(targets * scores, axis=-1)


def _tversky_sums(
    targets: np.ndarray, predictions: np.ndarray, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    hit = np.sum(targets * predictions)
    false_positives = np.sum((1 - targets) * predictions)
    false_negatives = np.sum(targets * (1 - predictions))
    return hit, hit + alpha * false_positives + beta * false_negatives + EPSILON
