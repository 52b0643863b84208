"""Metrics: what is told about predictions, without derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from implementations.catalog.element import Element, Option, table


@dataclass(frozen=True)
class MetricElement(Element):
    """A metric and the kind of arrays that it takes.

    Parameters
    ----------
    targets
        `index`: class numbers, shape (n,), with scores (n, k) as predictions. `binary`: 0 or 1, shape (n, k),
        with probabilities. `values`: floats, shape (n, k).
    """

    targets: Literal["index", "binary", "values"] = "index"


_THRESHOLD = Option("threshold", 0.5, "probabilities above it count as 1; one that equals it does not")

METRICS = table(
    MetricElement(
        "accuracy",
        "metric",
        "share of examples whose highest score is the target's; of equal scores the first counts",
        "keras/src/metrics/accuracy_metrics.py",
        native={"keras": "keras.metrics.SparseCategoricalAccuracy"},
    ),
    MetricElement(
        "top_k_accuracy",
        "metric",
        "share of examples with fewer than k scores above the target's",
        "keras/src/metrics/accuracy_metrics.py",
        options=(Option("k", 5.0, "how many guesses each example has", low=1.0),),
        native={"keras": "keras.metrics.SparseTopKCategoricalAccuracy"},
    ),
    MetricElement(
        "precision",
        "metric",
        "true positives / (true positives + false positives), over n and k; 0 without any positive",
        "keras/src/metrics/confusion_metrics.py",
        options=(_THRESHOLD,),
        native={"keras": "keras.metrics.Precision"},
        targets="binary",
    ),
    MetricElement(
        "recall",
        "metric",
        "true positives / (true positives + false negatives), over n and k; 0 without any target",
        "keras/src/metrics/confusion_metrics.py",
        options=(_THRESHOLD,),
        native={"keras": "keras.metrics.Recall"},
        targets="binary",
    ),
    MetricElement(
        "f1",
        "metric",
        "2 true positives / (2 true positives + false positives + false negatives), over n and k",
        "keras/src/metrics/f_score_metrics.py",
        options=(replace(_THRESHOLD, keras_default="None"),),
        native={"keras": "keras.metrics.F1Score"},
        notes="Keras's None: the largest of a row counts as 1; of the outputs, each has an F1 of its own.",
        targets="binary",
    ),
    MetricElement(
        "roc_auc",
        "metric",
        "share of pairs of a positive and a negative in which the positive scores higher, equal ones half",
        "Mann & Whitney 1947; Hanley & McNeil 1982",
        native={"keras": "keras.metrics.AUC"},
        notes="Keras adds up areas between 200 thresholds.",
        targets="binary",
    ),
    MetricElement(
        "confusion_matrix",
        "metric",
        "C_ij = number of examples of class i whose highest score is that of class j",
        "scikit-learn's confusion_matrix",
        native={"tensorflow": "tensorflow.math.confusion_matrix"},
    ),
    MetricElement(
        "r2",
        "metric",
        "mean over k of 1 - sum over n of (y - p)^2 / sum over n of (y - mean y)^2",
        "keras/src/metrics/regression_metrics.py",
        native={"keras": "keras.metrics.R2Score"},
        targets="values",
    ),
)
