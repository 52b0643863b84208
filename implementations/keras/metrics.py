"""Metrics; formulas stand in the catalogue. `name(targets, predictions)` is a tensor."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any


def accuracy(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.metrics.SparseCategoricalAccuracy()(targets, predictions)


def top_k_accuracy(targets: Tensor, predictions: Tensor, *, k: float) -> Tensor:
    # TensorFlow's operation takes float32 only, and the order of scores is all that counts
    return keras.metrics.SparseTopKCategoricalAccuracy(int(k))(targets, ops.cast(predictions, "float32"))


def precision(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    return keras.metrics.Precision(float(threshold))(targets, predictions)


def recall(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    return keras.metrics.Recall(float(threshold))(targets, predictions)


def f1(targets: Tensor, predictions: Tensor, *, threshold: float) -> Tensor:
    return keras.metrics.F1Score("micro", float(threshold))(targets, predictions)


def roc_auc(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.metrics.AUC()(targets, predictions)


def confusion_matrix(targets: Tensor, predictions: Tensor) -> Tensor:
    classes = predictions.shape[1]
    true = ops.one_hot(targets, classes, dtype=predictions.dtype)
    told = ops.one_hot(ops.argmax(predictions, axis=1), classes, dtype=predictions.dtype)
    return ops.matmul(ops.transpose(true), told)


def r2(targets: Tensor, predictions: Tensor) -> Tensor:
    return keras.metrics.R2Score()(targets, predictions)
