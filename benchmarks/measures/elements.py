"""Elements: every activation, loss and optimizer of the catalogue, compared with float64 NumPy one by one.

The variants follow from the catalogue, so that a new element is compared without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmarks.deviations import explanation
from benchmarks.measures import Alive, Session
from benchmarks.result import Agreement, ElementsData
from implementations import AbstractBackend, UnsupportedConvention, catalog

DType = Literal["float32", "float64"]
Kind = Literal["activation", "loss", "optimizer"]
Quantity = Literal["value", "gradient", "50 steps"]

TOLERANCES: dict[tuple[Kind, DType], float] = {
    ("activation", "float32"): 32 * 2.0**-24,
    ("activation", "float64"): 32 * 2.0**-53,
    ("loss", "float32"): 32 * 2.0**-24,
    ("loss", "float64"): 32 * 2.0**-53,
    ("optimizer", "float32"): 50 * 4 * 2.0**-24,
    ("optimizer", "float64"): 50 * 4 * 2.0**-53,
}
"""32 units of rounding for a few operations on numbers up to 8; 4 for each of 50 optimizer steps."""

STEPS = 50
_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "sgd": ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}),
}
_SCHEDULES: dict[str, Any] = {
    "constant": 0.01,
    "step": {"name": "step", "initial_learning_rate": 0.01, "decay_steps": 10, "decay_rate": 0.5},
    "exponential": {
        "name": "exponential",
        "initial_learning_rate": 0.01,
        "decay_steps": 10,
        "decay_rate": 0.5,
    },
    "cosine": {"name": "cosine", "initial_learning_rate": 0.01, "decay_steps": 40, "alpha": 0.1},
}


@dataclass(frozen=True)
class Variant:
    """An element with options, and a name that tells them."""

    kind: Kind
    element: str
    name: str
    options: dict[str, Any] = field(hash=False, default_factory=dict)


Computed = dict[tuple[Variant, Quantity, DType], np.ndarray | str]


def variants() -> Iterator[Variant]:
    """Yield every element of the catalogue with the options that change what it means."""
    for name in catalog.ACTIVATIONS:
        yield Variant("activation", name, name)
    for name, loss in catalog.LOSSES.items():
        logits = any(option.name == "from_logits" for option in loss.options)
        for convention in loss.conventions or (None,):
            told = {"convention": convention} if convention else {}
            yield Variant("loss", name, " ".join((name, *told.values())), told)
        if logits:
            yield Variant("loss", name, f"{name} from_logits", {"from_logits": True})
    for name, optimizer in catalog.OPTIMIZERS.items():
        for options in _OPTIONS.get(name, ({},)):
            for convention in optimizer.conventions or (None,):
                given: dict[str, Any] = {**options, **({"convention": convention} if convention else {})}
                changing = (
                    _SCHEDULES if options == {"momentum": 0.9} else {"constant": _SCHEDULES["constant"]}
                )
                for schedule, rate in changing.items():
                    words = [
                        name,
                        *(key if isinstance(value, bool) else str(value) for key, value in given.items()),
                        schedule,
                    ]
                    yield Variant("optimizer", name, " ".join(words), {**given, "learning_rate": rate})


def compute(session: Session, alive: Alive) -> Computed:
    """Compute every variant in both dtypes in the worker; a refused convention is given as its reason."""
    backend: AbstractBackend = session["backend"]
    computed: Computed = {}
    for variant in variants():
        for dtype in ("float32", "float64"):
            for quantity, function in _QUANTITIES[variant.kind].items():
                try:
                    value: np.ndarray | str = function(backend, variant, dtype)
                except UnsupportedConvention as error:
                    value = str(error)
                computed[variant, quantity, dtype] = value
        alive()
    return computed


def judge(contender: str, reference: Computed, candidate: Computed) -> ElementsData:
    """Compare a contender's values with the reference's float64 ones."""
    agreements = []
    for (variant, quantity, dtype), value in candidate.items():
        expected = reference[variant, quantity, "float64"]
        tolerance = TOLERANCES[variant.kind, dtype]
        if isinstance(value, str) or isinstance(expected, str):
            agreements.append(_agreement(variant, quantity, dtype, float("nan"), tolerance, True, str(value)))
            continue
        error = float(np.max(np.abs(value - expected) / np.maximum(np.abs(expected), 1.0)))
        reason = None
        if not error <= tolerance:  # also for NaN
            reason = explanation(contender, [variant.name], quantity, dtype, error)
        passed = error <= tolerance or reason is not None
        agreements.append(_agreement(variant, quantity, dtype, error, tolerance, passed, reason))
    return ElementsData(agreements=agreements, passed=all(agreement.passed for agreement in agreements))


def _agreement(
    variant: Variant,
    quantity: Quantity,
    dtype: DType,
    error: float,
    tolerance: float,
    passed: bool,
    deviation: str | None,
) -> Agreement:
    return Agreement(
        kind=variant.kind,
        name=variant.name,
        quantity=quantity,
        dtype=dtype,
        error=error,
        tolerance=tolerance,
        passed=passed,
        deviation=deviation,
    )


def _activation_value(backend: AbstractBackend, variant: Variant, dtype: DType) -> np.ndarray:
    return backend.activation(variant.element, _grid(dtype), **variant.options)


def _activation_gradient(backend: AbstractBackend, variant: Variant, dtype: DType) -> np.ndarray:
    x = _grid(dtype)
    upstream = _random(0).normal(size=x.shape).astype(np.float32).astype(dtype)
    return backend.activation_gradient(variant.element, x, upstream, **variant.options)


def _loss_value(backend: AbstractBackend, variant: Variant, dtype: DType) -> np.ndarray:
    return np.array([backend.loss(variant.element, *_pair(variant, dtype), **variant.options)])


def _loss_gradient(backend: AbstractBackend, variant: Variant, dtype: DType) -> np.ndarray:
    targets, predictions = _pair(variant, dtype)
    return len(predictions) * backend.loss_gradient(variant.element, targets, predictions, **variant.options)


def _optimizer_steps(backend: AbstractBackend, variant: Variant, dtype: DType) -> np.ndarray:
    """Return the parameters after 50 steps on gradients from 1e-8 to 1e2, one of them always zero."""
    random = _random(1)
    scale = np.array([0.0, *np.logspace(-8, 2, 11)])
    optimizer = backend.optimizer(variant.element, **variant.options)
    parameters = [random.normal(size=scale.size).astype(np.float32).astype(dtype)]
    for _ in range(STEPS):
        gradient = (random.normal(size=scale.size) * scale).astype(np.float32).astype(dtype)
        parameters = optimizer.step(parameters, [gradient])
    return parameters[0]


_QUANTITIES: dict[Kind, dict[Quantity, Any]] = {
    "activation": {"value": _activation_value, "gradient": _activation_gradient},
    "loss": {"value": _loss_value, "gradient": _loss_gradient},
    "optimizer": {"50 steps": _optimizer_steps},
}


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2026, seed])


def _grid(dtype: DType) -> np.ndarray:
    """Return float32 numbers in [-8, 8], without 0 and 1, where derivatives jump; shape (16, 10)."""
    return (np.arange(-80, 80) / 10 + 0.05).reshape(16, 10).astype(np.float32).astype(dtype)


def _pair(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of 12 examples with 5 values, as the loss wants them."""
    random = _random(2)
    scores = random.normal(size=(12, 5)) * 3
    loss = catalog.LOSSES[variant.element]
    classes = random.integers(0, 5, size=12)
    targets: dict[str, np.ndarray] = {
        "values": random.normal(size=(12, 5)),
        "binary": (random.random((12, 5)) < 0.5).astype(np.float64),
        "one_hot": np.eye(5)[classes],
        "index": classes,
    }
    takes_probabilities = any(option.name == "from_logits" for option in loss.options)
    if takes_probabilities and not variant.options.get("from_logits"):
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    chosen = targets[loss.targets]
    if loss.targets != "index":
        chosen = chosen.astype(np.float32).astype(dtype)
    return chosen, scores.astype(np.float32).astype(dtype)
