"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` is a tensor without axes or, with the reduction
"none" as torch knows it, has the loss of each value or example. Autograd finds the derivatives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from implementations.catalog.losses import EPSILON, LOG_BOUNDS, VARIANCE_FLOOR
from implementations.torch.activations import SOFTPLUS_THRESHOLD, step


def mean_squared_error(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return F.mse_loss(predictions, targets, reduction=reduction)


def mean_absolute_error(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return F.l1_loss(predictions, targets, reduction=reduction)


def mean_absolute_percentage_error(
    targets: Tensor, predictions: Tensor, *, reduction: str = "mean"
) -> Tensor:
    return _reduced(100 * ((predictions - targets).abs() / targets.abs().clamp(min=EPSILON)), reduction)


def mean_squared_logarithmic_error(
    targets: Tensor, predictions: Tensor, *, reduction: str = "mean"
) -> Tensor:
    # relu: the derivative of clamp would still be 1 at its bound
    log_predictions = (F.relu(predictions - EPSILON) + EPSILON).log1p()
    return _reduced((log_predictions - targets.clamp(min=EPSILON).log1p()).square(), reduction)


def huber(targets: Tensor, predictions: Tensor, *, delta: float, reduction: str = "mean") -> Tensor:
    return F.huber_loss(predictions, targets, delta=delta, reduction=reduction)


def smooth_l1(targets: Tensor, predictions: Tensor, *, beta: float, reduction: str = "mean") -> Tensor:
    return F.smooth_l1_loss(predictions, targets, beta=beta, reduction=reduction)


def log_cosh(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    size = (predictions - targets).abs()
    return _reduced(size + F.softplus(-2 * size, threshold=SOFTPLUS_THRESHOLD) - math.log(2), reduction)


def binary_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    reduction: str = "mean",
) -> Tensor:
    weight = None
    if class_weight:
        of_zero, of_one = class_weight
        weight = of_zero + (of_one - of_zero) * targets
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        return F.binary_cross_entropy_with_logits(predictions, targets, weight, reduction=reduction)
    if clip_mode == "clip_probability":
        predictions = predictions.clamp(EPSILON, 1 - EPSILON)
    # clamps the logarithms by itself
    return F.binary_cross_entropy(predictions, targets, weight, reduction=reduction)


def binary_focal_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    gamma: float,
    label_smoothing: float,
    reduction: str = "mean",
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        p, q = _both_shares(predictions)
        losses = _clipped_logit_loss(targets, predictions)
    else:
        p, q = predictions, 1 - predictions
        losses = F.binary_cross_entropy(p.clamp(EPSILON, 1 - EPSILON), targets, reduction="none")
    return _reduced((targets * q + (1 - targets) * p).pow(gamma) * losses, reduction)


def categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    label_smoothing: float,
    class_weight: tuple[float, ...],
    weight_mode: str,
    reduction: str = "mean",
) -> Tensor:
    if class_weight:
        losses = categorical_crossentropy(
            targets,
            predictions,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            class_weight=(),
            weight_mode=weight_mode,
            reduction="none",
        )
        # torch's `weight` would weigh the smoothed targets
        weights = targets @ predictions.new_tensor(class_weight)
        return _reduced(_shares(weights, weight_mode) * losses, reduction)
    if from_logits:
        return F.cross_entropy(predictions, targets, label_smoothing=label_smoothing, reduction=reduction)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    return _reduced(-(targets * _share(predictions).log()).sum(dim=-1), reduction)


def sparse_categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
    reduction: str = "mean",
) -> Tensor:
    loss, scores = (F.cross_entropy, predictions) if from_logits else (F.nll_loss, _share(predictions).log())
    if not class_weight:
        return loss(scores, targets, reduction=reduction)
    weight = predictions.new_tensor(class_weight)
    if weight_mode == "weights":
        return loss(scores, targets, weight, reduction=reduction)
    return _reduced(loss(scores, targets, weight, reduction="none"), reduction)


def categorical_focal_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    alpha: float,
    gamma: float,
    label_smoothing: float,
    reduction: str = "mean",
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    p = _share(predictions.softmax(dim=-1) if from_logits else predictions)
    return _reduced(-(alpha * (1 - p).pow(gamma) * targets * p.log()).sum(dim=-1), reduction)


def kl_divergence(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    log_p, y = predictions.clamp(EPSILON, 1).log(), targets.clamp(EPSILON, 1)
    return _reduced(F.kl_div(log_p, y, reduction="none").sum(dim=-1), reduction)


def poisson(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return F.poisson_nll_loss(predictions, targets, log_input=False, eps=EPSILON, reduction=reduction)


def gaussian_nll(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    mean, variance = predictions.chunk(2, dim=-1)
    return F.gaussian_nll_loss(mean, targets, variance, eps=VARIANCE_FLOOR, reduction=reduction)


def cosine_similarity(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return _reduced(-F.cosine_similarity(predictions, targets, eps=EPSILON), reduction)


def hinge(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    # clamp's derivative at its bound is 1
    return _reduced((1 - _margins(targets, predictions)).clamp(min=0), reduction)


def squared_hinge(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return _reduced((1 - _margins(targets, predictions)).clamp(min=0).square(), reduction)


def categorical_hinge(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    strongest = ((1 - targets) * predictions).max(dim=-1).values
    return _reduced(F.relu(1 + strongest - (targets * predictions).sum(dim=-1)), reduction)


def dice(targets: Tensor, predictions: Tensor) -> Tensor:
    return 1 - 2 * (targets * predictions).sum() / (targets.sum() + predictions.sum() + EPSILON)


def tversky(targets: Tensor, predictions: Tensor, *, alpha: float, beta: float) -> Tensor:
    hit = (targets * predictions).sum()
    false_positives, false_negatives = (
        ((1 - targets) * predictions).sum(),
        (targets * (1 - predictions)).sum(),
    )
    return 1 - hit / (hit + alpha * false_positives + beta * false_negatives + EPSILON)


def perceptron(targets: Tensor, predictions: Tensor, *, reduction: str = "mean") -> Tensor:
    return _reduced((step(predictions.detach()) - targets) * predictions, reduction)


def weighted_mean(values: Tensor, sample_weight: Tensor, weight_mode: str) -> Tensor:
    if values.dim() > 1:
        values = values.mean(dim=-1)
    return (_shares(sample_weight, weight_mode) * values).mean()


def _reduced(values: Tensor, reduction: str) -> Tensor:
    return values.mean() if reduction == "mean" else values


def _shares(weights: Tensor, weight_mode: str) -> Tensor:
    """Return each example's weight, for mode `weights` such that they average 1."""
    return weights / weights.mean() if weight_mode == "weights" else weights


def _smoothed(targets: Tensor, smoothing: float, classes: int) -> Tensor:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _both_shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return p = sigmoid(z) and 1 - p; neither they nor their derivatives lose the digits of a tail."""
    lower, upper = logits.sigmoid(), (-logits).sigmoid()
    return torch.where(logits > 0, 1 - upper, lower), torch.where(logits > 0, upper, 1 - lower)


def _clipped_logit_loss(targets: Tensor, logits: Tensor) -> Tensor:
    """Return the loss of p = sigmoid(z), clipped; its logarithms are, as 1 - 1e-7 would be rounded."""
    log_p, log_q = (F.logsigmoid(z).clamp(*LOG_BOUNDS) for z in (logits, -logits))
    return -(targets * log_p + (1 - targets) * log_q)


def _margins(targets: Tensor, predictions: Tensor) -> Tensor:
    return torch.where(targets > 0, predictions, -predictions)


def _share(predictions: Tensor) -> Tensor:
    """Return clipped probabilities from rows that need not sum to 1."""
    return (predictions / predictions.sum(dim=-1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)
