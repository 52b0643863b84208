"""Frameworks by themselves, for questions about what they do without a backend."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np


class Framework(Protocol):
    """What a framework does by itself: its own layers and losses with their defaults, called as its users do.

    The module `native` of each backend. Functions return None where the framework has no such thing.
    """

    def float64(self) -> AbstractContextManager[None]:
        """Return a scope in which everything is asked for in float64, by public switches alone."""

    def initial_parameters(self, inputs: int, units: int) -> list[np.ndarray] | None:
        """Return kernel and bias of a new dense layer."""

    def dense(self, x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
        """Return the outputs of a dense layer without bias, made in the dtype of x (n, inputs)."""

    def tanh(self, x: np.ndarray) -> np.ndarray | None:
        """Return tanh(x)."""

    def softplus(self, x: np.ndarray) -> np.ndarray | None:
        """Return log(1 + exp(x))."""

    def constant(self, value: float) -> float | None:
        """Return a Python number cast to float64."""

    def descent(self, rate: float) -> float | None:
        """Return how far a step of gradient descent moves a float64 parameter down a slope of 1."""

    def product(self, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Return the matrix product x y, where the framework computes it and as precisely as it does."""

    def product_setting(self) -> str | None:
        """Return the setting that decides about TF32, as the framework has it when it starts."""

    def batch_normalization(self, x: np.ndarray) -> list[np.ndarray] | None:
        """Return moving mean and variance after one training step on x (n, units), from 0 and 1."""

    def sigmoid_crossentropy(self, score: float) -> list[float] | None:
        """Return the binary cross-entropy of a sigmoid unit for target 1, and its derivative by the score."""

    def softmax_crossentropy(self, score: float) -> list[float] | None:
        """Return the same for the first of two softmax units; the other one's score is 0."""

    def binary_crossentropy(self, targets: np.ndarray, probabilities: np.ndarray) -> float | None:
        """Return the loss of probabilities (n, k)."""

    def focal_crossentropy(self, targets: np.ndarray, logits: np.ndarray) -> float | None:
        """Return the binary focal loss of logits (n, k)."""

    def mean_squared_error(self, targets: np.ndarray, predictions: np.ndarray) -> float | None:
        """Return the loss of predictions (n, k)."""

    def crossentropy(
        self, classes: np.ndarray, scores: np.ndarray, class_weight: np.ndarray | None = None
    ) -> float | None:
        """Return the cross-entropy of scores (n, k) for class numbers (n,), weighted by class."""

    def kl_divergence(self, targets: np.ndarray, probabilities: np.ndarray) -> float | None:
        """Return the Kullback-Leibler divergence of probabilities (n, k) from targets (n, k)."""
