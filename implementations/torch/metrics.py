"""Metrics; formulas stand in the catalogue. `name(targets, predictions)` is a tensor.

PyTorch has none of its own: they are composed of its operations.
"""

from __future__ import annotations

import torch
from torch import Tensor


def accuracy(targets: Tensor, predictions: Tensor) -> Tensor:
    return (predictions.argmax(dim=1) == targets).to(predictions.dtype).mean()


def top_k_accuracy(targets: Tensor, predictions: Tensor, *, k: float) -> Tensor:
    own = predictions.gather(1, targets.unsqueeze(1))
    return ((predictions > own).sum(dim=1) < k).to(predictions.dtype).mean()


def precision(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, false_positives, _ = _counts(targets, predictions, threshold)
    return hits / (hits + false_positives).clamp(min=1)


def recall(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, _, false_negatives = _counts(targets, predictions, threshold)
    return hits / (hits + false_negatives).clamp(min=1)


def f1(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    hits, false_positives, false_negatives = _counts(targets, predictions, threshold)
    return 2 * hits / (2 * hits + false_positives + false_negatives).clamp(min=1)


def roc_auc(targets: Tensor, predictions: Tensor) -> Tensor:
    positives, negatives = predictions[targets > 0], predictions[targets <= 0].sort().values
    below = torch.searchsorted(negatives, positives)
    not_above = torch.searchsorted(negatives, positives, right=True)
    return (below + not_above).sum().to(predictions.dtype) / (2 * positives.numel() * negatives.numel())


def confusion_matrix(targets: Tensor, predictions: Tensor) -> Tensor:
    classes = predictions.shape[1]
    pairs = targets * classes + predictions.argmax(dim=1)
    return pairs.bincount(minlength=classes * classes).reshape(classes, classes)


def r2(targets: Tensor, predictions: Tensor) -> Tensor:
    residual = (targets - predictions).square().sum(dim=0)
    total = (targets - targets.mean(dim=0)).square().sum(dim=0)
    return (1 - residual / total).mean()


def _counts(targets: Tensor, predictions: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return true positives, false positives and false negatives, as floats."""
    told, true = predictions > threshold, targets > 0
    hits, false_positives, false_negatives = (told & true).sum(), (told & ~true).sum(), (~told & true).sum()
    dtype = predictions.dtype
    return hits.to(dtype), false_positives.to(dtype), false_negatives.to(dtype)
