"""The semantics card: what a contender does where frameworks differ, found out by trying.

Every fact comes from running the backend in its own convention, or from reading the defaults of the
library's own classes; none is written down here.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measures import Alive, Session
from implementations import AbstractBackend, ModelSpec, Placement, catalog

Facts = dict[str, str]

_SQUARES = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "loss": "mean_squared_error"}


def compute(session: Session, alive: Alive) -> Facts:
    """Return what was found, by what was asked."""
    backend: AbstractBackend = session["backend"]
    facts: Facts = {}
    for name, probe in _PROBES.items():
        facts[name] = probe(backend)
        alive()
    facts.update(_defaults(backend))
    return facts


def _momentum(backend: AbstractBackend) -> str:
    """Two steps on gradient 1 with momentum 0.5, the rate halved before the second."""
    rate = {"name": "step", "initial_learning_rate": 1.0, "decay_steps": 1, "decay_rate": 0.5}
    moved = _run(backend, "sgd", [1.0, 1.0], learning_rate=rate, momentum=0.5)
    return _nearest(
        moved,
        {
            "the velocity contains the rate: v = momentum v - r g, x += v": -1.0 - (0.5 + 0.5),
            "the rate multiplies the velocity: v = momentum v + g, x -= r v": -1.0 - 0.5 * 1.5,
        },
    )


def _nesterov(backend: AbstractBackend) -> str:
    """One step on gradient 1 at rate 1 with momentum 0.5: 1 + momentum, or 1 where it looks back."""
    moved = _run(backend, "sgd", [1.0], learning_rate=1.0, momentum=0.5, nesterov=True)
    return _nearest(
        moved, {"gradient plus momentum times the new velocity": -1.5, "the velocity alone": -1.0}
    )


def _epsilon(backend: AbstractBackend) -> str:
    """One step on a gradient as small as epsilon tells where epsilon is added."""
    small, found = 1e-3, []
    moved = _run(backend, "adam", [small], learning_rate=1.0, epsilon=small)
    hat = small / (small + small / math.sqrt(1 - 0.999))
    found.append("adam: " + _nearest(moved, {"to the corrected root": -0.5, "before the correction": -hat}))
    moved = _run(backend, "rmsprop", [small], learning_rate=1.0, epsilon=small, rho=0.5)
    inside, outside = small / math.sqrt(0.5 * small**2 + small), small / (math.sqrt(0.5) * small + small)
    found.append("rmsprop: " + _nearest(moved, {"under the root": -inside, "to the root": -outside}))
    moved = _run(backend, "adagrad", [small], learning_rate=1.0, epsilon=small, initial_accumulator_value=0.0)
    inside, outside = small / math.sqrt(small**2 + small), 0.5
    found.append("adagrad: " + _nearest(moved, {"under the root": -inside, "to the root": -outside}))
    return "; ".join(found)


def _weight_decay(backend: AbstractBackend) -> str:
    """One step of adam with gradient 0 from x = 1: decoupled decay moves x by r w, l2 by r."""
    first = [np.ones(1)]
    optimizer = backend.optimizer("adam", learning_rate=0.1, weight_decay=0.5)
    moved = float(optimizer.step(first, [np.zeros(1)])[0][0]) - 1.0
    return _nearest(moved, {"decoupled: x -= r w x": -0.05, "l2: w x is added to the gradient": -0.1})


def _clipping(backend: AbstractBackend) -> str:
    """The cross-entropy of probability 0 for a target of 1 tells how log 0 is avoided."""
    loss = backend.loss("binary_crossentropy", np.ones((1, 1)), np.zeros((1, 1)))
    return _nearest(
        loss, {"probabilities clipped at 1e-7": -math.log(1e-7), "logarithms clamped at -100": 100.0}
    )


def _saturation(backend: AbstractBackend) -> str:
    """The gradient of a sigmoid unit with score -20 and target 1: -1 if it sees the score, else less."""
    settings = {"inputs": [1], "layers": [{"units": 1, "activation": "sigmoid"}], "dtype": "float64"}
    settings |= {"loss": "binary_crossentropy", "optimizer": {"name": "sgd", "learning_rate": 0.1}}
    learner = backend.build(ModelSpec.from_dict(settings), [np.full((1, 1), -20.0), np.zeros(1)])
    _, gradients = learner.gradients(np.ones((1, 1)), np.ones((1, 1)))
    slope = float(gradients[0][0, 0])
    meaning = "learns" if slope < -0.5 else "no longer learns"
    return f"the unit {meaning}: derivative {slope:.3g} by the score"


def _reduction(backend: AbstractBackend) -> str:
    loss = backend.loss("mean_squared_error", np.zeros((2, 3)), np.ones((2, 3)))
    return _nearest(loss, {"mean over all numbers": 1.0, "sum over a row, mean over rows": 3.0, "sum": 6.0})


def _kinks(backend: AbstractBackend) -> str:
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    found = {
        "relu'(0)": backend.activation_gradient("relu", zero, one),
        "leaky_relu'(0) with slope 0.2": backend.activation_gradient(
            "leaky_relu", zero, one, negative_slope=0.2
        ),
        "hard_tanh'(1)": backend.activation_gradient("hard_tanh", one, one),
        "|e|'(0)": backend.loss_gradient("mean_absolute_error", zero, zero),
        "hinge'(1)": backend.loss_gradient("hinge", one, one),
    }
    return ", ".join(f"{name} = {float(value.ravel()[0]):.4g}" for name, value in found.items())


def _normalization(backend: AbstractBackend) -> str:
    """One step on a batch with mean 1 and variance 1 of 4 examples moves the averages from 0 and 1."""
    settings = {"inputs": [1], "layers": [{"units": 1, "normalization": "batch_normalization"}]}
    learner = backend.build(ModelSpec.from_dict({**settings, **_SQUARES, "dtype": "float64"}))
    kernel, bias, gamma, beta, mean, variance = learner.parameters()
    learner.load_parameters([np.ones_like(kernel), bias, gamma, beta, mean, variance])
    x = np.array([[0.0], [0.0], [2.0], [2.0]])
    learner.step(x, np.zeros((4, 1)))
    mean, variance = learner.parameters()[4:]
    kept = 1 - float(mean[0])
    counted = (float(variance[0]) - kept) / (1 - kept)
    told = _nearest(counted, {"of n": 1.0, "of n - 1": 4 / 3}, 1e-4)
    return f"keeps {kept:.4g} of the moving averages, takes the variance {told}"


def _precision(backend: AbstractBackend) -> str:
    """Largest relative error of ordinary results that should have float64's digits."""
    x = np.linspace(0.1, 3.0, 30)[np.newaxis]
    worst = {
        name: float(np.max(np.abs(backend.activation(name, x) / function(x) - 1)))
        for name, function in _SMOOTH.items()
    }
    settings = {"inputs": [30], "layers": [{"units": 1, "use_bias": False}], **_SQUARES}
    learner = backend.build(ModelSpec.from_dict(settings), [x.T], Placement(dtype="float64"))
    worst["dense"] = float(np.abs(learner.predict(x)[0, 0] / math.fsum((x * x).ravel()) - 1))
    loss = backend.loss("mean_squared_error", np.zeros_like(x), x)
    worst["loss"] = abs(loss / (math.fsum((x * x).ravel()) / 30) - 1)
    leaks = [f"{name} {error:.1e}" for name, error in worst.items() if error > 1e-14]
    return f"leaks in {', '.join(leaks)}" if leaks else f"complete in {', '.join(worst)}"


_SMOOTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "exponential": np.exp,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def _product(backend: AbstractBackend) -> str:
    """1 + 2^-12 times 1 is 1 if factors are rounded to the 10 bits of TF32."""
    settings = {"inputs": [1], "layers": [{"units": 1, "use_bias": False}], **_SQUARES}
    learner = backend.build(ModelSpec.from_dict(settings), [np.ones((1, 1))])
    product = float(learner.predict(np.array([[1 + 2.0**-12]]))[0, 0])
    return _nearest(product, {"all 24 bits": 1 + 2.0**-12, "TF32: 11 bits": 1.0}, 1e-7)


def _subnormals(backend: AbstractBackend) -> str:
    x = np.array([1e-40], dtype=np.float32)
    kept = backend.activation_gradient("relu", x, np.ones_like(x))[0] == 1
    return "are kept" if kept else "are taken for 0"


def _initialization(backend: AbstractBackend) -> str:
    """Match samples of the framework's own dense layer with the usual bounds."""
    inputs, units = 400, 300
    arrays = backend.native_initial_parameters(inputs, units)
    if not arrays:
        return "the framework has no layer of its own; glorot_uniform and zeros by default here"
    bounds = {
        "sqrt(6 / (inputs + units)) (glorot)": math.sqrt(6 / (inputs + units)),
        "1 / sqrt(inputs)": 1 / math.sqrt(inputs),
        "sqrt(6 / inputs) (he)": math.sqrt(6 / inputs),
    }
    return "; ".join(
        f"{name} {_distribution(array, bounds)}"
        for name, array in zip(("kernel", "bias"), arrays, strict=True)
    )


def _distribution(sample: np.ndarray, bounds: dict[str, float]) -> str:
    largest, spread = float(np.abs(sample).max()), float(sample.std())
    if largest == 0:
        return "all 0"
    if largest / spread < 2:
        near = next((name for name, bound in bounds.items() if 0.95 * bound < largest <= bound), "")
        return f"uniform up to {largest:.4f}" + (f", {near}" if near else "")
    return f"normal with standard deviation {spread:.4f}" + (", cut" if largest / spread < 3 else "")


def _defaults(backend: AbstractBackend) -> Facts:
    """Read the defaults of the library's own optimizers, if the library is loaded here."""
    facts: Facts = {}
    for name, element in catalog.OPTIMIZERS.items():
        path, _, extra = element.native.get(backend.convention, "").partition("(")
        library, _, rest = path.partition(".")
        if library in sys.modules:
            kind: Any = sys.modules[library]
            for part in rest.split("."):
                kind = getattr(kind, part)
            shown = [
                f"{each.name}={each.default:g}"
                if isinstance(each.default, float)
                else f"{each.name}={each.default}"
                for each in inspect.signature(kind).parameters.values()
                if isinstance(each.default, (int, float, tuple))
                and not isinstance(each.default, bool)
                and not each.name.startswith("ema_")
            ]
            facts[f"defaults of {library} {name}"] = ", ".join(shown) + (f" ({extra}" if extra else "")
    return facts


def _run(backend: AbstractBackend, name: str, gradients: list[float], **options: Any) -> float:
    """Return where a parameter that begins at 0 is after these gradients, in float64."""
    optimizer, parameters = backend.optimizer(name, **options), [np.zeros(1)]
    for gradient in gradients:
        parameters = optimizer.step(parameters, [np.array([gradient])])
    return float(parameters[0][0])


def _nearest(found: float, meanings: dict[str, float], tolerance: float = 1e-5) -> str:
    """Return the meaning whose number this is, or the number if it is none of them."""
    for meaning, number in meanings.items():
        if abs(found - number) <= tolerance * max(abs(number), 1e-3):
            return meaning
    return f"none of {', '.join(meanings)}: {found:.9g}"


_PROBES: dict[str, Callable[[AbstractBackend], str]] = {
    "momentum under a changing rate": _momentum,
    "Nesterov momentum": _nesterov,
    "place of epsilon": _epsilon,
    "weight decay of adam": _weight_decay,
    "cross-entropy from probabilities": _clipping,
    "sigmoid before it, saturated": _saturation,
    "reduction of losses": _reduction,
    "derivatives at kinks": _kinks,
    "default initialization": _initialization,
    "batch normalization": _normalization,
    "float64": _precision,
    "float32 products": _product,
    "subnormal numbers": _subnormals,
}
