"""Losses; formulas stand in the catalogue.

Predictions have shape (n, k); `name(targets, predictions)` is a tensor without axes. Autograd finds the
derivatives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from implementations.catalog.losses import EPSILON
from implementations.torch.activations import step


def mean_squared_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return F.mse_loss(predictions, targets)


def mean_absolute_error(targets: Tensor, predictions: Tensor) -> Tensor:
    return F.l1_loss(predictions, targets)


def huber(targets: Tensor, predictions: Tensor, *, delta: float) -> Tensor:
    return F.huber_loss(predictions, targets, delta=delta)


def binary_crossentropy(targets: Tensor, predictions: Tensor, *, from_logits: bool, clip_mode: str) -> Tensor:
    if from_logits:
        return F.binary_cross_entropy_with_logits(predictions, targets)
    if clip_mode == "clip_probability":
        predictions = predictions.clamp(EPSILON, 1 - EPSILON)
    return F.binary_cross_entropy(predictions, targets)  # clamps the logarithms by itself


def categorical_crossentropy(targets: Tensor, predictions: Tensor, *, from_logits: bool) -> Tensor:
    if from_logits:
        return F.cross_entropy(predictions, targets)
    return -(targets * _log_share(predictions)).sum(dim=-1).mean()


def sparse_categorical_crossentropy(targets: Tensor, predictions: Tensor, *, from_logits: bool) -> Tensor:
    if from_logits:
        return F.cross_entropy(predictions, targets)
    return F.nll_loss(_log_share(predictions), targets)


def hinge(targets: Tensor, predictions: Tensor) -> Tensor:
    margins = torch.where(targets > 0, predictions, -predictions)
    return (1 - margins).clamp(min=0).mean()  # the derivative of clamp at its bound is 1


def perceptron(targets: Tensor, predictions: Tensor) -> Tensor:
    return ((step(predictions.detach()) - targets) * predictions).mean()


def _log_share(predictions: Tensor) -> Tensor:
    """Return the clipped log-probabilities of rows that need not sum to 1."""
    share = predictions / predictions.sum(dim=-1, keepdim=True)
    return share.clamp(EPSILON, 1 - EPSILON).log()
