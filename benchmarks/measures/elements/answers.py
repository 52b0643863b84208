"""What a contender answers: each variant computed by its backend, at the points of `questions`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measures import layers
from benchmarks.measures.elements import questions
from benchmarks.measures.elements.variants import DType, Kind, Quantity, Variant
from implementations import AbstractBackend, ModelSpec, Placement


def _activation_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return backend.activation(variant.element, questions.points(variant, dtype, full), **variant.options)


def _activation_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    x = questions.points(variant, dtype, full)
    return backend.activation_gradient(variant.element, x, questions.upstream(variant, x), **variant.options)


def _loss_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return the loss of the drawn examples together, and of each hard one on its own."""
    values = [
        backend.loss(variant.element, targets, predictions, **variant.options)
        for targets, predictions in questions.batches(variant, dtype, full)
    ]
    return np.array(values)


def _loss_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    found = []
    for targets, predictions in questions.together(variant, dtype, full):
        gradient = backend.loss_gradient(variant.element, targets, predictions, **variant.options)
        found.append((questions.undone_mean(variant, predictions) * gradient).ravel())
    return np.concatenate(found)


def _optimizer_steps(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return a kernel and a bias, each from 0 and from random numbers, after the judged steps."""
    optimizer = backend.optimizer(variant.element, **variant.options)
    parameters, course = questions.course(variant, dtype)
    found = []
    for step, gradients in enumerate(course, start=1):
        parameters = optimizer.step(parameters, gradients)
        if step in questions.JUDGED_STEPS:
            found += [array.ravel() for array in parameters]
        if step % 10 == 0:
            optimizer.observe(questions.OBSERVED[step // 10 - 1])
    return np.concatenate(found)


def _layer(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return layers.QUESTIONS[variant.element](backend, variant.options, dtype)


def _metric(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return backend.metric(variant.element, *questions.scored(variant, dtype), **variant.options)


def _product(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return A B for each length, computed by a network of one layer."""
    found = []
    for a, b in questions.factors(dtype):
        model = ModelSpec.from_dict(
            {
                "inputs": [len(b)],
                "layers": [{"units": b.shape[1], "use_bias": False}],
                "loss": "mean_squared_error",
                "optimizer": {"name": "sgd", "learning_rate": 0.1},
            }
        )
        found.append(backend.build(model, [b], Placement(dtype=dtype)).predict(a).ravel())
    return np.concatenate(found)


QUANTITIES: dict[Kind, dict[Quantity, Any]] = {
    "activation": {"value": _activation_value, "gradient": _activation_gradient},
    "loss": {"value": _loss_value, "gradient": _loss_gradient},
    "optimizer": {"100 steps": _optimizer_steps},
    "metric": {"value": _metric},
    "product": {"product": _product},
    "layer": {"value": _layer},
}
