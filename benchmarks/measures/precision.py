"""Is float64 float64? Found by trying: a dense layer, tanh, the constant 0.9, the rate 0.1, and a loss."""

from __future__ import annotations

import math

import numpy as np

from implementations import AbstractBackend, ModelSpec, Placement
from implementations.interface import Device

DIGITS = 1e-14
"""Relative error from which a result does not have float64's digits; float32 has 6e-8."""

X = np.linspace(0.1, 3.0, 30)[np.newaxis]
SQUARES = math.fsum((X * X).ravel())


def errors(backend: AbstractBackend, device: Device = "cpu") -> dict[str, float]:
    """Return the relative errors of what a backend computes in float64, by what was tried.

    The constant is a momentum: two steps on gradient 1 at rate 1 move a parameter by 1 + 1.9. The rate is
    that of one step.
    """
    settings = {"inputs": [X.size], "layers": [{"units": 1, "use_bias": False}], "loss": "mean_squared_error"}
    model = ModelSpec.from_dict({**settings, "optimizer": {"name": "sgd", "learning_rate": 0.1}})
    learner = backend.build(model, [X.T], Placement(device, "float64"))
    optimizer, parameters = backend.optimizer("sgd", learning_rate=1.0, momentum=0.9), [np.zeros(1)]
    for _ in range(2):
        parameters = optimizer.step(parameters, [np.ones(1)])
    (stepped,) = backend.optimizer("sgd", learning_rate=0.1).step([np.zeros(1)], [np.ones(1)])
    return {
        "dense": _error(learner.predict(X), SQUARES),
        "tanh": _error(backend.activation("tanh", X), np.tanh(X)),
        "constant 0.9": _error(-parameters[0], 2.9),
        "rate 0.1": _error(-stepped, 0.1),
        "loss": _error(backend.loss("mean_squared_error", np.zeros_like(X), X), SQUARES / X.size),
    }


def native_errors(backend: AbstractBackend) -> dict[str, float]:
    """Return the same of the framework by itself, asked for float64 by its public switches alone.

    The last two, a step of a float64 parameter and a loss of float64 numbers, are without any switch. What
    the framework lacks is left out.
    """
    native = backend.native()
    zeros = np.zeros_like(X)
    with native.float64():
        found: dict[str, tuple[np.ndarray | float | None, np.ndarray | float]] = {
            "dense": (native.dense(X, X.T), SQUARES),
            "tanh": (native.tanh(X), np.tanh(X)),
            "constant 0.9": (native.constant(0.9), 0.9),
            "rate 0.1": (native.descent(0.1), 0.1),
            "loss": (native.mean_squared_error(zeros, X), SQUARES / X.size),
        }
    found["rate 0.1 without a switch"] = native.descent(0.1), 0.1
    found["loss without a switch"] = native.mean_squared_error(zeros, X), SQUARES / X.size
    return {name: _error(value, exact) for name, (value, exact) in found.items() if value is not None}


def leaks(errors: dict[str, float]) -> dict[str, float]:
    """Return those that are not float64.

    Examples
    --------
    >>> leaks({"tanh": 2e-16, "dense": 5e-8})
    {'dense': 5e-08}
    """
    return {name: error for name, error in errors.items() if not error <= DIGITS}


def _error(found: np.ndarray | float, exact: np.ndarray | float) -> float:
    return float(np.max(np.abs(np.asarray(found, dtype=np.float64) / exact - 1)))
