"""Elements: everything in the catalogue, compared one by one with exact results.

The variants follow from the catalogue, so that a new element is compared without a line here. Activations
and most losses are judged by their formula, computed with as many digits as it takes (`exact`); what depends
on a whole row, and optimizers, by NumPy in float64 for float32 and in the longest floats that it has for
float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmarks.deviations import Deviation, deviations
from benchmarks.measures import Alive, Session, exact
from benchmarks.result import Agreement, ElementsData
from implementations import AbstractBackend, ModelSpec, Placement, UnsupportedConvention, catalog
from implementations.catalog import Accuracy

DType = Literal["float32", "float64"]
Kind = Literal["activation", "loss", "optimizer", "metric", "product"]
Quantity = Literal["value", "gradient", "100 steps", "product"]

DTYPES: tuple[DType, ...] = ("float32", "float64")
STEPS = 100
ROW_TOLERANCE = 32.0
"""For what depends on a row: sums of five numbers and their exponentials."""
STEP_TOLERANCE = 4.0 * STEPS
"""Four roundings in each step of an optimizer, of the way that its parameter has gone."""
PRODUCT_SIZES = (16, 128, 1024, 4096)
BAD = 1e-3
"""Relative error from which on a result is called bad."""

_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "sgd": (
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"weight_decay": 0.1},
        {"clipvalue": 0.1},
        {"clipnorm": 0.1},
        {"global_clipnorm": 0.1},
    ),
    "rmsprop": ({}, {"centered": True}),
    "adam": ({}, {"weight_decay": 0.1}),
    "ftrl": (
        {"initial_accumulator_value": 0.1},
        {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.01, "beta": 0.1},
    ),
    "binary_crossentropy": (
        {},
        {"from_logits": True},
        {"label_smoothing": 0.1},
        {"class_weight": (0.5, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 3.0)},
    ),
    "sparse_categorical_crossentropy": (
        {},
        {"from_logits": True},
        {"class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.25, 3.0), "weight_mode": "weights"},
    ),
    "categorical_crossentropy": (
        {},
        {"from_logits": True},
        {"label_smoothing": 0.1},
        {"from_logits": True, "label_smoothing": 0.1},
        {"label_smoothing": 0.1, "class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.25, 3.0), "weight_mode": "weights"},
    ),
    "elu": ({}, {"alpha": 0.5}),
    "celu": ({}, {"alpha": 0.5}),
    "prelu": ({"alpha": 0.25},),
    "top_k_accuracy": ({"k": 2.0},),
    "tversky": ({}, {"alpha": 0.3, "beta": 0.7}),
    "huber": ({}, {"delta": 0.5}),
    "smooth_l1": ({}, {"beta": 0.5}),
}
"""Settings that change what an element computes; by default the element's own, and `from_logits`."""

_SCHEDULE_OPTIONS: dict[str, dict[str, Any]] = {
    "step": {"initial_learning_rate": 0.01, "decay_steps": 10, "decay_rate": 0.5},
    "exponential": {"initial_learning_rate": 0.01, "decay_steps": 10, "decay_rate": 0.5},
    "cosine": {"initial_learning_rate": 0.01, "decay_steps": 40, "alpha": 0.1},
    "polynomial": {
        "initial_learning_rate": 0.01,
        "decay_steps": 40,
        "end_learning_rate": 0.001,
        "power": 2.0,
    },
    "cosine_restarts": {
        "initial_learning_rate": 0.01,
        "first_decay_steps": 10,
        "t_mul": 2.0,
        "m_mul": 0.5,
        "alpha": 0.1,
    },
    "inverse_time": {"initial_learning_rate": 0.01, "decay_steps": 10, "decay_rate": 0.5},
    "piecewise_constant": {"boundaries": [10.0, 30.0], "values": [0.01, 0.005, 0.001]},
    "linear_warmup": {"initial_learning_rate": 0.001, "warmup_target": 0.01, "warmup_steps": 20},
    "reduce_on_plateau": {"initial_learning_rate": 0.01, "factor": 0.5, "patience": 2},
}
SCHEDULES: dict[str, Any] = {name: {"name": name, **options} for name, options in _SCHEDULE_OPTIONS.items()}
_OBSERVED = (1.0, 0.9, 0.9, 0.9, 0.8, 0.80001, 0.8, 0.79995, 0.7, 0.7)
"""Validation losses told after every tenth step."""


@dataclass(frozen=True)
class Variant:
    """An element with options, and a name that tells them."""

    kind: Kind
    element: str
    name: str
    options: dict[str, Any] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What should come out.

    Parameters
    ----------
    where
        Where each result belongs: x, prediction minus target, gradient's size, length of a product.
    nearest, rest
        The exact results, as float64 and what that does not hold.
    unit
        In what each error is counted.
    tolerance
        Largest error that passes, in units.
    """

    where: np.ndarray
    nearest: np.ndarray
    rest: np.ndarray
    unit: np.ndarray
    tolerance: float


Key = tuple[Variant, Quantity, DType]
Computed = dict[Key, np.ndarray | str]
Reference = dict[Key, Expected]


def variants() -> Iterator[Variant]:
    """Yield every element of the catalogue with the options that change what it means."""
    for name in catalog.ACTIVATIONS:
        for options in _OPTIONS.get(name, ({},)):
            yield _variant("activation", name, options, None)
    for name, loss in catalog.LOSSES.items():
        logits = any(option.name == "from_logits" for option in loss.options)
        for options in _OPTIONS.get(name, ({}, {"from_logits": True}) if logits else ({},)):
            # with options, in one convention: what each changes does not depend on it
            for convention in tuple(loss.conventions)[: 1 if options else None] or (None,):
                yield _variant("loss", name, options, convention)
    for name, optimizer in catalog.OPTIMIZERS.items():
        for options in _OPTIONS.get(name, ({},)):
            for convention in optimizer.conventions or (None,):
                if _differs(optimizer, options, convention):
                    yield _variant(
                        "optimizer", name, {**options, "learning_rate": 0.01}, convention, "constant"
                    )
    for convention in ("keras", "torch"):
        for schedule, rate in SCHEDULES.items():
            if convention == "keras" or schedule in ("step", "cosine"):
                settings = {"momentum": 0.9, "learning_rate": rate}
                yield _variant("optimizer", "sgd", settings, convention, schedule)
    for name in catalog.METRICS:
        for options in _OPTIONS.get(name, ({},)):
            yield _variant("metric", name, options, None)
    yield Variant("product", "product", "matrix product")


def _differs(optimizer: catalog.Element, options: dict[str, Any], convention: str | None) -> bool:
    """Return whether a convention computes something else than Keras's, with these options."""
    if convention != "torch":
        return True
    resolved = [optimizer.resolve({**options, "convention": each}) for each in ("keras", "torch")]
    if not resolved[0]["weight_decay"]:
        for each in resolved:
            del each["weight_decay_mode"]
    return resolved[0] != resolved[1]


def _variant(
    kind: Kind, element: str, options: dict[str, Any], convention: str | None, *words: str
) -> Variant:
    told = {name: value for name, value in options.items() if name != "learning_rate"}
    parts = [name if value is True else f"{name}={value}" for name, value in told.items()]
    given = {**options, **({"convention": convention} if convention else {})}
    return Variant(
        kind, element, " ".join((element, *parts, *([convention] if convention else []), *words)), given
    )


def compute(session: Session, alive: Alive, *, full: bool = False) -> Computed:
    """Compute every variant in both dtypes in the worker; a refused convention is given as its reason."""
    backend: AbstractBackend = session["backend"]
    computed: Computed = {}
    for variant in variants():
        for dtype in DTYPES:
            for quantity, function in _QUANTITIES[variant.kind].items():
                try:
                    with np.errstate(all="ignore"):  # overflow and 0 / 0 are among the questions
                        value: np.ndarray | str = function(backend, variant, dtype, full)
                except UnsupportedConvention as error:
                    value = str(error)
                computed[variant, quantity, dtype] = value
        alive()
    return computed


def expect(session: Session, alive: Alive, *, full: bool = False) -> Reference:
    """Compute what should come out, in a worker that has the NumPy backend."""
    backend: AbstractBackend = session["backend"]
    expected: Reference = {}
    for variant in variants():
        for dtype in DTYPES:
            for quantity in _QUANTITIES[variant.kind]:
                with np.errstate(all="ignore"):
                    expected[variant, quantity, dtype] = _expected(backend, variant, quantity, dtype, full)
        alive()
    return expected


def judge(contender: str, reference: Reference, candidate: Computed) -> ElementsData:
    """Compare a contender's results with what should have come out."""
    agreements = [_judge_one(contender, *key, reference[key], value) for key, value in candidate.items()]
    return ElementsData(agreements=agreements, passed=all(agreement.passed for agreement in agreements))


def errors_of(expected: Expected, value: np.ndarray) -> np.ndarray:
    """Return the error of each result in units; infinite where one is finite or NaN and should not be."""
    found = value.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        errors = np.abs((found - expected.nearest) - expected.rest) / expected.unit
    alike = (found == expected.nearest) | (np.isnan(found) & np.isnan(expected.nearest))
    errors[alike & ~np.isfinite(expected.nearest)] = 0.0
    errors[~alike & ~(np.isfinite(found) & np.isfinite(expected.nearest))] = np.inf
    errors[np.isinf(expected.unit)] = 0.0
    return errors


def _judge_one(
    contender: str,
    variant: Variant,
    quantity: Quantity,
    dtype: DType,
    expected: Expected,
    value: np.ndarray | str,
) -> Agreement:
    told: dict[str, Any] = {
        "kind": variant.kind,
        "name": variant.name,
        "quantity": quantity,
        "dtype": dtype,
        "tolerance": expected.tolerance,
    }
    if isinstance(value, str):
        return Agreement(**told, error=float("nan"), passed=True, deviation=value)
    errors = errors_of(expected, value)
    beyond = ~(errors <= expected.tolerance)
    used: dict[Deviation, None] = {}
    covered = np.zeros_like(beyond)
    for known in deviations(contender):
        if known.names(variant.element, variant.name, quantity, dtype):
            here = beyond & known.covers(expected.where, errors)
            if here.any():
                used[known] = None
                covered |= here
    left = beyond & ~covered
    shown = np.where(left, errors, -1.0) if left.any() else errors
    worst = int(np.argmax(np.where(np.isnan(shown), np.inf, shown)))
    with np.errstate(all="ignore"):
        relative = np.abs(value.astype(np.float64).ravel() - expected.nearest) / np.abs(expected.nearest)
    normal = np.abs(expected.nearest) > np.finfo(dtype).tiny
    bad = np.abs(expected.where[(relative > BAD) & normal])
    return Agreement(
        **told,
        error=float(errors[worst]),
        median=float(np.median(errors)),
        worst_input=float(expected.where[worst]),
        bad_from=float(bad.min()) if len(bad) else None,
        passed=not left.any(),
        deviation="; ".join(known.told for known in used) or None,
    )


# ------------------------------------------------------------------ what is asked of a backend


def _activation_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return backend.activation(variant.element, _points(variant, dtype, full), **variant.options)


def _activation_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    x = _points(variant, dtype, full)
    return backend.activation_gradient(variant.element, x, _upstream(variant, x), **variant.options)


def _loss_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return the loss of each example on its own, and of the random ones together."""
    targets, predictions = _pairs(variant, dtype)
    parts = [slice(None, RANDOM), *(slice(row, row + 1) for row in range(RANDOM, len(predictions)))]
    return np.array(
        [backend.loss(variant.element, targets[part], predictions[part], **variant.options) for part in parts]
    )


def _loss_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    targets, predictions = _pairs(variant, dtype)
    gradient = backend.loss_gradient(variant.element, targets, predictions, **variant.options)
    return _undone_mean(variant, predictions) * gradient


def _optimizer_steps(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return the parameters after 100 steps: a kernel and a bias, each from 0 and from random numbers."""
    optimizer = backend.optimizer(variant.element, **variant.options)
    parameters, course = _course(dtype)
    for step, gradients in enumerate(course, start=1):
        parameters = optimizer.step(parameters, gradients)
        if step % 10 == 0:
            optimizer.observe(_OBSERVED[step // 10 - 1])
    return np.concatenate([array.ravel() for array in parameters])


def _metric(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return backend.metric(variant.element, *_judged(variant, dtype), **variant.options)


def _product(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return A B for each length, computed by a network of one layer."""
    found = []
    for a, b in _factors(dtype):
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


_QUANTITIES: dict[Kind, dict[Quantity, Any]] = {
    "activation": {"value": _activation_value, "gradient": _activation_gradient},
    "loss": {"value": _loss_value, "gradient": _loss_gradient},
    "optimizer": {"100 steps": _optimizer_steps},
    "metric": {"value": _metric},
    "product": {"product": _product},
}


# ------------------------------------------------------------------ the questions


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2026, seed])


def _points(variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return x: every exponent and sign, tails, both sides of each kink and itself, zeros, infinities, NaN.

    What depends on a row gets rows of ten ordinary numbers instead.
    """
    element = catalog.ACTIVATIONS[variant.element]
    if not element.exact:
        return _rounded(_random(4).normal(size=(16, 10)) * 3, dtype)
    info = np.finfo(dtype)
    stride = 1 if full else {"float32": 2, "float64": 16}[dtype]
    exponents = np.arange(info.minexp - info.nmant, info.maxexp, stride)
    sizes = np.ldexp(np.array([[1.0], [1.3]], dtype), exponents).ravel()
    fine = 4 if full else 1
    dense = [np.linspace(-12, 12, 240 * fine + 1), np.linspace(-110, 110, 120 * fine + 1)]
    kinks = np.array(element.kinks, dtype)
    near = [np.nextafter(kinks, dtype_inf) for dtype_inf in np.array([-np.inf, np.inf], dtype)]
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    parts = [sizes, -sizes, *dense, kinks, *near, special]
    return np.concatenate([part.astype(dtype) for part in parts]).astype(dtype)


def _upstream(variant: Variant, x: np.ndarray) -> np.ndarray:
    """Return 1 for each x: the derivative itself; random weights for rows, whose outputs depend on all."""
    if catalog.ACTIVATIONS[variant.element].exact:
        return np.ones_like(x)
    width = x.shape[-1] // 2 if variant.element == "glu" else x.shape[-1]
    return _random(0).normal(size=(len(x), width)).astype(np.float32).astype(x.dtype)


RANDOM = 12
"""Random examples of a loss; the hard ones follow."""
_HARD_ERRORS = (0.0, 1e-20, -1e-20, 1e-4, -1e-4, 0.5, -0.5, 1.0, -1.0, 3.0, -30.0, 1e4, -1e4)
_HARD_SCORES = (0.0, 1e-3, 1.0, -1.0, 9.0, -9.0, 17.0, -17.0, 30.0, -30.0, 100.0, -100.0)
_HARD_PROBABILITIES = (0.0, 1e-14, 5e-8, 1e-6, 1e-3, 0.5, 0.75, 1.0 - 2.0**-10, 1.0 - 2.0**-20, 1.0)


def _pairs(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions as the loss wants them: random examples, then hard ones."""
    random, loss = _random(2), catalog.LOSSES[variant.element]
    probabilities = loss.predictions == "probabilities" and not variant.options.get("from_logits")
    scores = random.normal(size=(RANDOM, 5)) * 3
    classes = random.integers(0, 5, size=RANDOM)
    drawn = {
        "values": random.normal(size=(RANDOM, 5)),
        "binary": (random.random((RANDOM, 5)) < 0.5).astype(np.float64),
        "one_hot": np.eye(5)[classes],
        "counts": random.integers(0, 5, size=(RANDOM, 5)).astype(np.float64),
        "index": classes,
    }[loss.targets]
    if probabilities:
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    elif loss.predictions == "positive":
        scores = np.exp(scores / 3)
    elif loss.predictions == "mean_and_variance":
        scores = np.concatenate([scores, np.exp(random.normal(size=(RANDOM, 5)))], axis=1)
    hard_targets, hard_predictions = _hard(loss, probabilities)
    targets, predictions = np.concatenate([drawn, hard_targets]), np.concatenate([scores, hard_predictions])
    if loss.targets != "index":
        targets = targets.astype(np.float32).astype(dtype)
    return targets, predictions.astype(np.float32).astype(dtype)


def _hard(loss: catalog.LossElement, probabilities: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return examples at kinks, in tails and where logarithms are cut; none for sums over all examples."""
    if loss.name in ("dice", "tversky"):
        return np.zeros((0, 5)), np.zeros((0, 5))
    if loss.targets in ("one_hot", "index"):
        chosen = np.array(_HARD_PROBABILITIES if probabilities else _HARD_SCORES)
        first = chosen[:, np.newaxis]
        weights = np.array([[0.4, 0.3, 0.2, 0.1]])
        others = (1 - first) * weights if probabilities else weights - 0.35 + 0 * first
        rows = np.concatenate([first, others], axis=1)
        classes = np.repeat([0, 1], len(rows))
        return classes if loss.targets == "index" else np.eye(5)[classes], np.concatenate([rows, rows])
    if loss.targets == "binary":
        chosen = np.array(_HARD_PROBABILITIES if probabilities else _HARD_SCORES)
        targets = np.repeat([0.0, 1.0], len(chosen))
        return _in_rows(targets), _in_rows(np.concatenate([chosen, chosen]))
    if loss.predictions == "mean_and_variance":
        variances = np.array([1e-7, 1e-6, 2e-6, 1e-3, 1.0, 1e3])
        rows = np.concatenate([np.ones((6, 5)), np.repeat(variances[:, np.newaxis], 5, axis=1)], axis=1)
        return np.full((6, 5), 0.5), rows
    errors = np.array(_HARD_ERRORS)
    if loss.predictions == "positive":
        return _in_rows(np.full(len(errors), 2.0)), _in_rows(np.abs(errors))
    # from targets of 0, so that the differences are exact
    return _in_rows(np.zeros(len(errors))), _in_rows(errors)


def _in_rows(values: np.ndarray) -> np.ndarray:
    """Return each value five times, one row for each."""
    return np.repeat(values[:, np.newaxis], 5, axis=1)


def _judged(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of 60 examples with 5 values; some scores are equal, some are 1/2."""
    random, kind = _random(5), catalog.METRICS[variant.element].targets
    scores = np.round(random.random((60, 5)) * 16) / 16
    if kind == "index":
        return random.integers(0, 5, 60), scores.astype(dtype)
    if variant.element == "roc_auc":  # many scores between two of anyone's thresholds
        scores = 0.49 + random.random((60, 5)) / 64
    targets = (random.random((60, 5)) < 0.4) if kind == "binary" else random.normal(size=(60, 5))
    return _rounded(targets.astype(np.float64), dtype), _rounded(scores, dtype)


def _undone_mean(variant: Variant, predictions: np.ndarray) -> float:
    """Return what a gradient is multiplied by to undo the mean over examples."""
    loss = catalog.LOSSES[variant.element]
    if loss.name in ("dice", "tversky"):
        return 1.0
    by_row = loss.targets in ("one_hot", "index") or loss.name == "cosine_similarity"
    return len(predictions) if by_row else predictions.size / loss.outputs_per_target


_SCALES = np.array([0.0, *np.logspace(-8, 2, 11)])


def _course(dtype: DType) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Return first parameters and 100 gradients: for a kernel (12, 3) and a bias (12,).

    Gradients have sizes from 1e-8 to 1e2, and are 0 for the first row. The kernel's first column and half
    of the bias begin at 0.
    """
    random = _random(1)
    kernel, bias = random.normal(size=(12, 3)), random.normal(size=12)
    kernel[:, 0], bias[::2] = 0.0, 0.0
    gradients = [
        [random.normal(size=(12, 3)) * _SCALES[:, np.newaxis], random.normal(size=12) * _SCALES]
        for _ in range(STEPS)
    ]
    return [_rounded(array, dtype) for array in (kernel, bias)], [
        [_rounded(array, dtype) for array in pair] for pair in gradients
    ]


def _rounded(array: np.ndarray, dtype: Any) -> np.ndarray:
    return array.astype(np.float32).astype(dtype)


def _factors(dtype: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positive matrices (16, k) and (k, 16), for which rounding errors add up."""
    random = _random(3)
    for length in PRODUCT_SIZES:
        yield _rounded(random.random((16, length)), dtype), _rounded(random.random((length, 16)), dtype)


# ------------------------------------------------------------------ the answers


def _expected(
    backend: AbstractBackend, variant: Variant, quantity: Quantity, dtype: DType, full: bool
) -> Expected:
    if variant.kind == "activation":
        return _expected_activation(variant, quantity, dtype, full)
    if variant.kind == "loss":
        return _expected_loss(variant, quantity, dtype)
    if variant.kind == "metric":
        value = backend.metric(variant.element, *_judged(variant, "float64"), **variant.options)
        return _by_row(np.zeros(value.size), value, dtype, ROW_TOLERANCE)
    return _expected_steps(variant, dtype) if variant.kind == "optimizer" else _expected_products(dtype)


def _expected_activation(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Expected:
    element, x = catalog.ACTIVATIONS[variant.element], _points(variant, dtype, full)
    if not element.exact:
        wide = x.astype(_wide(dtype))
        value = _own(f"activations.{element.name}", variant)(wide)
        if quantity == "gradient":
            upstream = _upstream(variant, x).astype(wide.dtype)
            value = _own(f"activations.{element.name}_gradient", variant)(wide, value, upstream)
        where = np.broadcast_to(np.arange(len(x))[:, np.newaxis], value.shape)
        return _by_row(where, value, dtype, ROW_TOLERANCE)
    accuracy = element.value if quantity == "value" else element.derivative
    expected = _exactly(element, variant, quantity, dtype, accuracy, x, (x,), "x")
    if quantity == "gradient":
        expected.unit[np.isnan(x)] = np.inf  # what the derivative at NaN is does not matter
    return expected


def _expected_loss(variant: Variant, quantity: Quantity, dtype: DType) -> Expected:
    loss = catalog.LOSSES[variant.element]
    targets, predictions = _pairs(variant, dtype)
    if loss.exact and quantity == "gradient":
        difference = predictions - targets if loss.predictions in ("values", "positive") else predictions
        where = predictions if loss.targets == "binary" else difference
        points = predictions.ravel(), targets.ravel()
        return _exactly(loss, variant, quantity, dtype, loss.derivative, where.ravel(), points, "p")
    wide = _wide(dtype)
    given = targets if loss.targets == "index" else targets.astype(wide), predictions.astype(wide)
    if quantity == "gradient":
        gradient = _own(f"losses.{loss.name}_gradient", variant)(*given)
        where = np.broadcast_to(predictions[:, :1], gradient.shape)
        return _by_row(where, _undone_mean(variant, predictions) * gradient, dtype, ROW_TOLERANCE)
    function = _own(f"losses.{loss.name}", variant)
    parts = [slice(None, RANDOM), *(slice(row, row + 1) for row in range(RANDOM, len(predictions)))]
    values = np.array([np.mean(function(given[0][part], given[1][part])) for part in parts], dtype=np.float64)
    return _by_row(predictions[[part.start or 0 for part in parts], 0], values, dtype, ROW_TOLERANCE)


def _expected_steps(variant: Variant, dtype: DType) -> Expected:
    """Return NumPy's parameters; errors count against the way that each has gone, or its own size."""
    from implementations.numpy.optimizers import Optimizer
    from implementations.spec import OptimizerSpec

    parameters, course = _course(_wide(dtype))
    flat = np.concatenate([array.ravel() for array in parameters])
    spec = OptimizerSpec.from_dict({"name": variant.element, **variant.options})
    flat_gradients, way = np.zeros_like(flat), np.zeros_like(flat)
    optimizer = Optimizer(spec, "keras", flat, flat_gradients, [array.shape for array in parameters])
    for step, gradients in enumerate(course, start=1):
        before = flat.copy()
        flat_gradients[...] = np.concatenate([array.ravel() for array in gradients])
        optimizer.apply()
        way += np.abs(flat - before)
        if step % 10 == 0:
            optimizer.observe(_OBSERVED[step // 10 - 1])
    info = np.finfo(dtype)
    scale = np.maximum(np.maximum(np.abs(flat), way), info.tiny / info.eps).astype(np.float64)
    where = np.concatenate([np.repeat(_SCALES, 3), _SCALES])
    return Expected(where, *_split(flat), info.eps / 2 * scale, STEP_TOLERANCE)


def _expected_products(dtype: DType) -> Expected:
    """Return sums of positive numbers; their errors in units of u |A| |B| grow at most with 2 sqrt(k)."""
    where, values, unit = [], [], []
    for a, b in _factors(_wide(dtype)):
        product = a @ b
        where.append(np.full(product.size, a.shape[1]))
        values.append(product.ravel())
        unit.append((np.finfo(dtype).eps / 2 * 2 * np.sqrt(a.shape[1]) * product).ravel())
    return Expected(
        np.concatenate(where).astype(np.float64),
        *_split(np.concatenate(values)),
        np.concatenate(unit).astype(np.float64),
        1.0,
    )


def _exactly(
    element: catalog.Element,
    variant: Variant,
    quantity: Quantity,
    dtype: DType,
    accuracy: Accuracy,
    where: np.ndarray,
    points: Sequence[np.ndarray],
    variable: str,
) -> Expected:
    options = exact.options_of({**element.resolve(variant.options)})
    function = exact.functions(element.exact, options, variable)[quantity == "gradient"]
    nearest, rest = exact.evaluate(function, *points)
    info = np.finfo(dtype)
    overflown = np.abs(nearest) > float(info.max) * (1 + float(info.eps) / 4)
    nearest = np.where(overflown, np.sign(nearest) * np.inf, nearest)
    where = where.astype(np.float64)
    sizes = np.abs(np.nan_to_num(nearest, posinf=0.0, neginf=0.0))
    ulp = np.spacing(sizes.astype(dtype)).astype(np.float64)
    # what a processor that flushes subnormal numbers makes of them is no error of the element
    ulp = np.maximum(ulp, float(info.tiny) / accuracy.ulp)
    inputs = np.abs(np.where(np.isfinite(where), where, 0.0))
    coarse = float(info.eps) * np.maximum(np.maximum(inputs, sizes), 1.0)
    inside = (accuracy.low <= where) & (where <= accuracy.high)
    return Expected(where, nearest, rest, np.where(inside, ulp, coarse), accuracy.ulp)


def _by_row(where: np.ndarray, value: np.ndarray, dtype: DType, tolerance: float) -> Expected:
    """Expect results whose errors count against 1 or, where they are larger, themselves."""
    nearest, rest = _split(value.ravel())
    unit = np.finfo(dtype).eps / 2 * np.maximum(np.abs(nearest), 1.0)
    return Expected(where.ravel().astype(np.float64), nearest, rest, unit, tolerance)


def _wide(dtype: DType) -> Any:
    """Return the dtype in which NumPy judges: float64, or the longest floats that it has."""
    return np.float64 if dtype == "float32" else np.longdouble


def _split(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nearest = value.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return nearest, np.where(np.isfinite(nearest), value - nearest, 0.0).astype(np.float64)


def _own(function: str, variant: Variant) -> Any:
    """Return a function of the NumPy backend with the variant's options, for arrays of any dtype."""
    from functools import partial
    from importlib import import_module

    module, _, name = function.partition(".")
    elements = catalog.ACTIVATIONS if module == "activations" else catalog.LOSSES
    options = elements[variant.element].resolve(variant.options)
    return partial(getattr(import_module(f"implementations.numpy.{module}"), name), **options)
