"""Metrics of the NumPy backend, against scikit-learn's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from implementations import InvalidInput, load_backend

BACKEND = load_backend("numpy")
RANDOM = np.random.default_rng(3)
SCORES = np.round(RANDOM.random((50, 4)), 1)
CLASSES = RANDOM.integers(0, 4, 50)
BINARY = (RANDOM.random((50, 4)) < 0.3).astype(np.float64)
VALUES = RANDOM.normal(size=(50, 4))


@pytest.mark.parametrize(
    ("name", "targets", "expected"),
    [
        ("accuracy", CLASSES, metrics.accuracy_score(CLASSES, SCORES.argmax(axis=1))),
        ("precision", BINARY, metrics.precision_score(BINARY.ravel(), SCORES.ravel() > 0.5)),
        ("recall", BINARY, metrics.recall_score(BINARY.ravel(), SCORES.ravel() > 0.5)),
        ("f1", BINARY, metrics.f1_score(BINARY.ravel(), SCORES.ravel() > 0.5)),
        ("roc_auc", BINARY, metrics.roc_auc_score(BINARY.ravel(), SCORES.ravel())),
        ("confusion_matrix", CLASSES, metrics.confusion_matrix(CLASSES, SCORES.argmax(axis=1))),
        ("r2", VALUES, metrics.r2_score(VALUES, SCORES)),
    ],
)
def test_against_scikit_learn(name, targets, expected):
    np.testing.assert_allclose(BACKEND.metric(name, targets, SCORES), expected, rtol=1e-13)


def test_top_k_counts_ties_as_hits():
    scores = np.array([[0.5, 0.5, 0.1], [0.9, 0.5, 0.1]])
    assert BACKEND.metric("top_k_accuracy", np.array([1, 2]), scores, k=1) == 0.5
    assert BACKEND.metric("accuracy", np.array([1, 2]), scores) == 0.0


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_nothing_found_is_zero(name):
    assert BACKEND.metric(name, np.zeros((3, 1)), np.zeros((3, 1))) == 0.0


def test_wrong_targets_are_told():
    with pytest.raises(InvalidInput, match="integers in"):
        BACKEND.metric("accuracy", np.array([9]), np.zeros((1, 3)))
    with pytest.raises(InvalidInput, match="did you mean 'accuracy'"):
        BACKEND.metric("acuracy", CLASSES, SCORES)
