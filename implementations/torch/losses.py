"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` is a tensor without axes. Autograd finds the
derivatives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from implementations.catalog.losses import EPSILON, VARIANCE_FLOOR
from implementations.torch.activations import SOFTPLUS_THRESHOLD, step


def mean_squared_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return F.mse_loss(predictions, targets)


def mean_absolute_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return F.l1_loss(predictions, targets)


def mean_absolute_percentage_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return 100 * ((predictions - targets).abs() / targets.abs().clamp(min=EPSILON)).mean()


def mean_squared_logarithmic_error(targets: Tensor, predictions: Tensor) -> Tensor:
    # relu: the derivative of clamp would still be 1 at its bound
    log_predictions = (F.relu(predictions - EPSILON) + EPSILON).log1p()
    return (log_predictions - targets.clamp(min=EPSILON).log1p()).square().mean()


def huber(targets: Tensor, predictions: Tensor, *, delta: float) -> Tensor:
    return F.huber_loss(predictions, targets, delta=delta)


def smooth_l1(targets: Tensor, predictions: Tensor, *, beta: float) -> Tensor:
    return F.smooth_l1_loss(predictions, targets, beta=beta)


def log_cosh(targets: Tensor, predictions: Tensor) -> Tensor:
    error = predictions - targets
    return (error + F.softplus(-2 * error, threshold=SOFTPLUS_THRESHOLD) - math.log(2)).mean()


def binary_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    clip_mode: str,
    label_smoothing: float,
    class_weight: tuple[float, ...],
) -> Tensor:
    weight = None
    if class_weight:
        of_zero, of_one = class_weight
        weight = of_zero + (of_one - of_zero) * targets
    targets = _smoothed(targets, label_smoothing, 2)
    if from_logits:
        return F.binary_cross_entropy_with_logits(predictions, targets, weight)
    if clip_mode == "clip_probability":
        predictions = predictions.clamp(EPSILON, 1 - EPSILON)
    return F.binary_cross_entropy(predictions, targets, weight)  # clamps the logarithms by itself


def binary_focal_crossentropy(
    targets: Tensor, predictions: Tensor, *, from_logits: bool, gamma: float, label_smoothing: float
) -> Tensor:
    targets = _smoothed(targets, label_smoothing, 2)
    p = predictions.sigmoid() if from_logits else predictions
    losses = F.binary_cross_entropy(p.clamp(EPSILON, 1 - EPSILON), targets, reduction="none")
    return ((targets * (1 - p) + (1 - targets) * p).pow(gamma) * losses).mean()


def categorical_crossentropy(
    targets: Tensor, predictions: Tensor, *, from_logits: bool, label_smoothing: float
) -> Tensor:
    if from_logits:
        return F.cross_entropy(predictions, targets, label_smoothing=label_smoothing)
    targets = _smoothed(targets, label_smoothing, targets.shape[-1])
    return -(targets * _share(predictions).log()).sum(dim=-1).mean()


def sparse_categorical_crossentropy(
    targets: Tensor,
    predictions: Tensor,
    *,
    from_logits: bool,
    class_weight: tuple[float, ...],
    weight_mode: str,
) -> Tensor:
    loss, scores = (F.cross_entropy, predictions) if from_logits else (F.nll_loss, _share(predictions).log())
    if not class_weight:
        return loss(scores, targets)
    weight = predictions.new_tensor(class_weight)
    if weight_mode == "weights":
        return loss(scores, targets, weight)
    return loss(scores, targets, weight, reduction="sum") / len(targets)


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
    p = _share(predictions.softmax(dim=-1) if from_logits else predictions)
    return -(alpha * (1 - p).pow(gamma) * targets * p.log()).sum(dim=-1).mean()


def kl_divergence(targets: Tensor, predictions: Tensor) -> Tensor:
    log_p, y = predictions.clamp(EPSILON, 1).log(), targets.clamp(EPSILON, 1)
    return F.kl_div(log_p, y, reduction="batchmean")


def poisson(targets: Tensor, predictions: Tensor) -> Tensor:
    return F.poisson_nll_loss(predictions, targets, log_input=False, eps=EPSILON)


def gaussian_nll(targets: Tensor, predictions: Tensor) -> Tensor:
    mean, variance = predictions.chunk(2, dim=-1)
    return F.gaussian_nll_loss(mean, targets, variance, eps=VARIANCE_FLOOR)


def cosine_similarity(targets: Tensor, predictions: Tensor) -> Tensor:
    return -F.cosine_similarity(predictions, targets, eps=EPSILON).mean()


def hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return (1 - _margins(targets, predictions)).clamp(min=0).mean()  # clamp's derivative at its bound is 1


def squared_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    return (1 - _margins(targets, predictions)).clamp(min=0).square().mean()


def categorical_hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    strongest = ((1 - targets) * predictions).max(dim=-1).values
    return F.relu(1 + strongest - (targets * predictions).sum(dim=-1)).mean()


def dice(targets: Tensor, predictions: Tensor) -> Tensor:
    return 1 - 2 * (targets * predictions).sum() / (targets.sum() + predictions.sum() + EPSILON)


def tversky(targets: Tensor, predictions: Tensor, *, alpha: float, beta: float) -> Tensor:
    hit = (targets * predictions).sum()
    false_positives, false_negatives = (
        ((1 - targets) * predictions).sum(),
        (targets * (1 - predictions)).sum(),
    )
    return 1 - hit / (hit + alpha * false_positives + beta * false_negatives + EPSILON)


def perceptron(targets: Tensor, predictions: Tensor) -> Tensor:
    return ((step(predictions.detach()) - targets) * predictions).mean()


def _smoothed(targets: Tensor, smoothing: float, classes: int) -> Tensor:
    return targets * (1 - smoothing) + smoothing / classes if smoothing else targets


def _margins(targets: Tensor, predictions: Tensor) -> Tensor:
    return torch.where(targets > 0, predictions, -predictions)


def _share(predictions: Tensor) -> Tensor:
    """Return clipped probabilities from rows that need not sum to 1."""
    return (predictions / predictions.sum(dim=-1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)
