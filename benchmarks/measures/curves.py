"""Curves: loss and accuracy on training and validation data after each epoch, and on test data once."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session
from benchmarks.measures.preparation import Prepared, build, prepare
from benchmarks.result import Curve, TestResult
from implementations import AbstractLearner, ModelSpec, initial

DIVERGED_FACTOR = 10.0
"""A training whose loss ends above its start by this factor, or is no number, has diverged."""


def compute(
    session: Session,
    alive: Alive,
    *,
    data: Dataset,
    model: dict[str, Any],
    device: Literal["cpu", "gpu"],
    dtype: Literal["float32", "float64"],
    seeds: list[int],
    early_stopping: int | None,
) -> list[Curve]:
    """Train once for each seed in the worker.

    The network is built once and starts again for each seed, as compiling it anew would take longer than
    training it; one with dropout is built for each seed, so that each draws its own masks.
    """
    prepared = prepare(data, model)
    has_dropout = prepared.model != prepared.model.without_dropout()
    curves, learner = [], None
    for seed in seeds:
        if learner is None or has_dropout:
            _, learner = build(session, prepared, device, seed, dtype=dtype)
        learner.load_parameters(initial.parameters(prepared.model.replace(seed=seed)))
        curves.append(_train(learner, prepared, seed, early_stopping, alive))
    return curves


def _train(
    learner: AbstractLearner[Any], prepared: Prepared, seed: int, early_stopping: int | None, alive: Alive
) -> Curve:
    """Train to the end; evaluate before training and after each epoch."""
    training = Training(learner, prepared)
    training.evaluate()
    best, best_parameters, stopped = 0, learner.parameters(), False
    for order in training.epochs(seed):
        learner.epoch(*training.train, order)
        training.evaluate()
        alive()
        now = len(training.validation_loss) - 1
        learner.observe(training.validation_loss[now])
        if training.validation_loss[now] < training.validation_loss[best]:
            best = now
            if early_stopping:
                best_parameters = learner.parameters()
        stopped = bool(early_stopping) and now - best >= (early_stopping or 0)
        if stopped or not math.isfinite(training.train_loss[now]):
            break
    if early_stopping:
        learner.load_parameters(best_parameters)
    test = None if training.diverged else training.test(f"{learner.model.dtype} seed {seed}")
    return Curve(
        seed=seed,
        dtype=learner.model.dtype,
        steps_per_epoch=training.steps_per_epoch,
        train_loss=training.train_loss,
        validation_loss=training.validation_loss,
        train_accuracy=training.train_accuracy,
        validation_accuracy=training.validation_accuracy,
        diverged=training.diverged,
        stopped_early=stopped,
        best_epoch=best,
        test=test,
    )


class Training:
    """One training of a learner on a prepared workload, and what is recorded along the way."""

    def __init__(self, learner: AbstractLearner[Any], prepared: Prepared) -> None:
        self._learner, self._prepared = learner, prepared
        self.train, self._validation = prepared.train, prepared.validation
        self._classifies = prepared.data.task == "classification"
        self.train_loss: list[float] = []
        self.validation_loss: list[float] = []
        self.train_accuracy: list[float] | None = [] if self._classifies else None
        self.validation_accuracy: list[float] | None = [] if self._classifies else None

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in the training data."""
        return self._prepared.steps_per_epoch

    @property
    def diverged(self) -> bool:
        """Whether the loss is no number or ends far above its start."""
        first, last = self.train_loss[0], self.train_loss[-1]
        return not math.isfinite(last) or last > DIVERGED_FACTOR * max(first, 1e-12)

    def epochs(self, seed: int) -> np.ndarray:
        """Return the batch order of all epochs, shape (epochs, steps, batch_size)."""
        count = self._prepared.model.epochs
        return self._prepared.order(count * self.steps_per_epoch, seed).reshape(
            count, self.steps_per_epoch, -1
        )

    def evaluate(self) -> None:
        """Append losses and, for classification, accuracies."""
        for part, losses, accuracies in (
            (self.train, self.train_loss, self.train_accuracy),
            (self._validation, self.validation_loss, self.validation_accuracy),
        ):
            losses.append(self._learner.loss(*part))
            if accuracies is not None:
                accuracies.append(float(np.mean(right_answers(self._learner, *part))))

    def test(self, model_id: str) -> TestResult:
        """Evaluate the trained network on test data, which it gets to see this once."""
        x, y = self._prepared.open_test(model_id)
        loss = self._learner.loss(x, y)
        if not self._classifies:
            return TestResult(loss=loss, count=len(x))
        outputs = self._learner.predict(x)
        given, true = answers(outputs, self._learner.model), classes(y, outputs.shape[1])
        counts = np.zeros((max(outputs.shape[1], 2),) * 2, int)
        np.add.at(counts, (true, given), 1)
        return TestResult(
            loss=loss,
            accuracy=float(np.mean(given == true)),
            correct=int(np.trace(counts)),
            count=len(x),
            confusion=counts.tolist(),
        )


def right_answers(learner: AbstractLearner[Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return for each example whether the network decides for its class, shape (n,), bool."""
    outputs = learner.predict(x)
    return np.asarray(answers(outputs, learner.model) == classes(y, outputs.shape[1]))


def answers(outputs: np.ndarray, model: ModelSpec) -> np.ndarray:
    """Return the class that a network decides for, shape (n,), int."""
    if outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1))
    return np.asarray(outputs[:, 0] > boundary(model)).astype(int)


def classes(y: np.ndarray, outputs: int) -> np.ndarray:
    """Return the class that each target means to a network with so many outputs, shape (n,), int."""
    if outputs > 1:
        return np.asarray(y if y.ndim == 1 else y.argmax(axis=1)).astype(int)
    return np.asarray(y.reshape(-1) > 0.5).astype(int)


def boundary(model: ModelSpec) -> float:
    """Return the output above which a single unit decides for class 1: 0.5, or 0 for scores."""
    return 0.5 if model.network.layers[-1].activation.name in ("sigmoid", "step") else 0.0
