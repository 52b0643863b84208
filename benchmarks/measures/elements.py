"""Elements: everything in the catalogue, compared one by one with exact results.

The variants follow from the catalogue, so that a new element is compared without a line here. Activations
and losses of single predictions are judged by their formula, computed with as many digits as it takes
(`exact`); what depends on a whole row, and optimizers, by NumPy in float64 for float32 and in the longest
floats that it has for float64; normalizations, penalties and dropout through small networks (`layers`).
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.deviations import Deviation, Region, deviations
from benchmarks.measures import Alive, Session, exact, layers
from benchmarks.result import Agreement, ElementsData
from implementations import (
    AbstractBackend,
    ModelSpec,
    Placement,
    UnsupportedConvention,
    backend_names,
    catalog,
)
from implementations.catalog import Accuracy

DType = Literal["float32", "float64"]
Kind = Literal["activation", "loss", "optimizer", "metric", "product", "layer"]
Quantity = Literal["value", "gradient", "100 steps", "product"]

DTYPES: tuple[DType, ...] = ("float32", "float64")
STEPS = 100
JUDGED_STEPS = (1, 2, 5, 10, 11, 20, 50, 100)
"""After which an optimizer's parameters are compared; the rate of some changes after the tenth."""
STEP_TOLERANCE = 4.0
"""Roundings in each step of an optimizer, of the way that its parameter has gone; twice that in the first
step."""
DRAWN_TOLERANCE = 32.0
"""Units of u, of the mean size of what is averaged: the mean of 60 losses."""
DRAWN = -0.1
"""Where the loss of all drawn examples is said to be."""
METRIC_TOLERANCE = 32.0
"""Units of u: sums of some hundred numbers."""
LAYER_TOLERANCE = 32.0
"""Units of u, of the mean of the numbers that are normalized: sums of some ten numbers."""
PRODUCT_SIZES = (16, 128, 1024, 4096)
BAD = 1e-3
"""Relative error from which on a result is called bad."""

_DECAY_AND_CLIP = {"weight_decay": 0.1, "global_clipnorm": 1.0}
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
    "rmsprop": ({}, {"centered": True}, _DECAY_AND_CLIP),
    "adagrad": ({}, _DECAY_AND_CLIP),
    "adam": ({}, {"weight_decay": 0.1}, _DECAY_AND_CLIP),
    "lion": ({}, _DECAY_AND_CLIP),
    "ftrl": (
        {"initial_accumulator_value": 0.1},
        {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.01, "beta": 0.1},
    ),
    "binary_crossentropy": (
        {},
        {"from_logits": True},
        {"label_smoothing": 0.1},
        {"class_weight": (0.5, 3.0)},
        {"from_logits": True, "label_smoothing": 0.1},
        {"from_logits": True, "class_weight": (0.5, 3.0)},
    ),
    "binary_focal_crossentropy": ({}, {"from_logits": True}, {"gamma": 3.0, "label_smoothing": 0.1}),
    "categorical_focal_crossentropy": (
        {},
        {"from_logits": True},
        {"alpha": 0.5, "gamma": 3.0, "label_smoothing": 0.1},
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
        Where each result belongs: x, a prediction, a gradient's size, a product's length, a mean, a weight.
    nearest, rest
        The exact results, as float64 and what that does not hold.
    unit
        In what each error is counted.
        Infinite where nothing is asked.
    tolerance
        Largest error that passes, in units.
    steps
        After which step of an optimizer each result is.
    """

    where: np.ndarray
    nearest: np.ndarray
    rest: np.ndarray
    unit: np.ndarray
    tolerance: float
    steps: np.ndarray | None = None


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
                    settings = {**options, "learning_rate": 0.01}
                    yield _variant("optimizer", name, settings, convention, "constant")
                    if not options and name != "sgd":  # which meets every schedule, below
                        settings = {"learning_rate": SCHEDULES["step"]}
                        yield _variant("optimizer", name, settings, convention, "step")
    for convention in ("keras", "torch"):
        for schedule, rate in SCHEDULES.items():
            if convention == "keras" or schedule in ("step", "cosine"):
                settings = {"momentum": 0.9, "learning_rate": rate}
                yield _variant("optimizer", "sgd", settings, convention, schedule)
    for name in catalog.METRICS:
        for options in _OPTIONS.get(name, ({},)):
            yield _variant("metric", name, options, None)
    for name in layers.QUESTIONS:
        conventions = catalog.NORMALIZATIONS[name].conventions if name in catalog.NORMALIZATIONS else (None,)
        for convention in conventions:
            yield _variant("layer", name, {}, convention)
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
    """Compute what should come out, in a worker that has the NumPy backend.

    Where a known deviation is that a framework takes other options, also what comes out with those.
    """
    backend: AbstractBackend = session["backend"]
    expected: Reference = {}
    for variant in variants():
        for asked in (variant, *_others(variant)):
            for dtype in DTYPES:
                for quantity in _QUANTITIES[asked.kind]:
                    with np.errstate(all="ignore"):
                        expected[asked, quantity, dtype] = _expected(backend, asked, quantity, dtype, full)
        alive()
    return expected


def write_expected(session: Session, alive: Alive, *, file: Path, full: bool = False) -> None:
    """Write what should come out to a file, for the workers that judge: the parent stays small."""
    file.write_bytes(pickle.dumps(expect(session, alive, full=full)))


def ask(session: Session, alive: Alive, *, full: bool = False) -> None:
    """Compute every variant, and keep the results until `compare` is asked for."""
    session["computed"] = compute(session, alive, full=full)


def compare(session: Session, alive: Alive, *, contender: str, file: Path) -> ElementsData:
    """Compare what `ask` has kept with a file of `write_expected`."""
    return judge(contender, pickle.loads(file.read_bytes()), session.pop("computed"))


def _others(variant: Variant) -> list[Variant]:
    """Return the variant with the options that known deviations say are taken instead."""
    found: list[Variant] = []
    for contender in backend_names():
        for known in deviations(contender):
            other = _instead(variant, known)
            if known.instead and {variant.element, variant.name} & set(known.element) and other not in found:
                found.append(other)
    return found


def _instead(variant: Variant, known: Deviation) -> Variant:
    return replace(variant, options={**variant.options, **known.instead})


def judge(contender: str, reference: Reference, candidate: Computed) -> ElementsData:
    """Compare a contender's results with what should have come out."""
    agreements = [_judge_one(contender, key, reference, value) for key, value in candidate.items()]
    return ElementsData(agreements=agreements, passed=all(agreement.passed for agreement in agreements))


@dataclass(frozen=True)
class Use:
    """That a known deviation has explained something.

    Parameters
    ----------
    points
        At which results it did.
    largest
        Their largest error, in units.
    """

    deviation: Deviation
    region: Region
    points: np.ndarray = field(repr=False)
    largest: float


def uses(contender: str, key: Key, reference: Reference, value: np.ndarray) -> list[Use]:
    """Return which known deviations of a contender explain errors beyond the tolerance, in which regions."""
    variant, quantity, dtype = key
    expected, found = reference[key], value.astype(np.float64).ravel()
    errors = errors_of(expected, value)
    beyond = ~(errors <= expected.tolerance)
    used = []
    for known in deviations(contender):
        if not known.names(variant.element, variant.name, quantity, dtype):
            continue
        wrong = beyond
        if known.instead:
            other = reference[_instead(variant, known), quantity, dtype]
            wrong = beyond & (errors_of(other, value) <= other.tolerance)
        for region in known.regions:
            points = wrong & known.covers(region, expected.where, errors, found, dtype)
            if points.any():
                used.append(Use(known, region, points, float(errors[points].max())))
    return used


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


def _judge_one(contender: str, key: Key, reference: Reference, value: np.ndarray | str) -> Agreement:
    (variant, quantity, dtype), expected = key, reference[key]
    told: dict[str, Any] = {
        "kind": variant.kind,
        "name": variant.name,
        "quantity": quantity,
        "dtype": dtype,
        "tolerance": expected.tolerance,
    }
    if isinstance(value, str):
        return Agreement(**told, error=float("nan"), passed=True, deviation=value)
    errors, found = errors_of(expected, value), value.astype(np.float64).ravel()
    beyond = ~(errors <= expected.tolerance)
    used = uses(contender, key, reference, value)
    left = beyond & ~np.any([np.zeros_like(beyond), *(use.points for use in used)], axis=0)
    shown = np.where(left, errors, -1.0) if left.any() else errors
    worst = int(np.argmax(np.where(np.isnan(shown), np.inf, shown)))
    with np.errstate(all="ignore"):
        relative = np.abs(found - expected.nearest) / np.abs(expected.nearest)
    bad = expected.where[(relative > BAD) & (np.abs(expected.nearest) > np.finfo(dtype).tiny)]
    return Agreement(
        **told,
        error=float(errors[worst]),
        median=float(np.median(errors)),
        worst_input=float(expected.where[worst]),
        bad_from=float(bad[np.argmin(np.abs(bad))]) if len(bad) else None,
        bad_step=int(expected.steps[beyond].min()) if expected.steps is not None and beyond.any() else None,
        special=_special(expected.where, found) if variant.kind in ("activation", "loss") else {},
        passed=not left.any(),
        deviation="; ".join(dict.fromkeys(use.deviation.told for use in used)) or None,
    )


def _special(where: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Return the results at zeros, infinities and NaN; the first, where several are asked for."""
    negative = np.signbit(where)
    places = {
        "0": (where == 0) & ~negative,
        "-0": (where == 0) & negative,
        "inf": where == np.inf,
        "-inf": where == -np.inf,
        "nan": np.isnan(where),
    }
    return {name: float(found[place][0]) for name, place in places.items() if place.any()}


# ------------------------------------------------------------------ what is asked of a backend


def _activation_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return backend.activation(variant.element, _points(variant, dtype, full), **variant.options)


def _activation_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    x = _points(variant, dtype, full)
    return backend.activation_gradient(variant.element, x, _upstream(variant, x), **variant.options)


def _loss_value(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return the loss of the drawn examples together, and of each hard one on its own."""
    values = [
        backend.loss(variant.element, targets, predictions, **variant.options)
        for targets, predictions in _batches(variant, dtype, full)
    ]
    return np.array(values)


def _loss_gradient(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    found = []
    for targets, predictions in _together(variant, dtype, full):
        gradient = backend.loss_gradient(variant.element, targets, predictions, **variant.options)
        found.append((_undone_mean(variant, predictions) * gradient).ravel())
    return np.concatenate(found)


def _optimizer_steps(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return a kernel and a bias, each from 0 and from random numbers, after the judged steps."""
    optimizer = backend.optimizer(variant.element, **variant.options)
    parameters, course = _course(dtype)
    found = []
    for step, gradients in enumerate(course, start=1):
        parameters = optimizer.step(parameters, gradients)
        if step in JUDGED_STEPS:
            found += [array.ravel() for array in parameters]
        if step % 10 == 0:
            optimizer.observe(_OBSERVED[step // 10 - 1])
    return np.concatenate(found)


def _layer(backend: AbstractBackend, variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    return layers.QUESTIONS[variant.element](backend, variant.options, dtype)


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
    "layer": {"value": _layer},
}


# ------------------------------------------------------------------ the questions


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([2026, seed])


def _points(variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return x: every exponent and sign, tails, both sides of each kink and itself, zeros, infinities, NaN.

    What depends on a row gets rows of ten numbers instead.
    """
    element = catalog.ACTIVATIONS[variant.element]
    if not element.exact:
        return _rows(dtype)
    info = np.finfo(dtype)
    stride = 1 if full else {"float32": 2, "float64": 16}[dtype]
    exponents = np.arange(info.minexp - info.nmant, info.maxexp, stride)
    sizes = np.ldexp(np.array([[1.0], [1.3]], dtype), exponents).ravel()
    fine = 4 if full else 1
    dense = [np.linspace(-12, 12, 240 * fine + 1), np.linspace(-110, 110, 120 * fine + 1)]
    kinks = np.array(element.kinks, dtype)
    near = [np.nextafter(kinks, dtype_inf) for dtype_inf in np.array([-np.inf, np.inf], dtype)]
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    parts = [sizes, -sizes, *dense, kinks, *near, special, _known_points(variant, dtype)]
    return np.concatenate([part.astype(dtype) for part in parts]).astype(dtype)


def _rows(dtype: DType) -> np.ndarray:
    """Return ordinary rows, and some that overflow without care, are tied, tiny, or not finite."""
    ordinary = _rounded(_random(4).normal(size=(16, 10)) * 3, dtype)
    ramp, tiny = np.arange(-9.0, 10.0, 2.0), np.finfo(dtype).smallest_subnormal
    one = np.eye(1, 10)[0]
    hard = [0 * ramp, 0 * ramp + 1, 11 * ramp, 110 * ramp, 1e29 * ramp, tiny * np.arange(10), one]
    tied = [np.repeat([1.0, -1.0], 5), np.repeat([0.5, 0.5, -0.5, -2.0, -3.0], 2)]
    odd = [np.where(one == 1, value, ordinary[0]) for value in (-np.inf, np.inf, np.nan)]
    return np.concatenate([ordinary, np.array([*hard, *tied, *odd]).astype(dtype)])


def _known_points(variant: Variant, dtype: DType) -> np.ndarray:
    """Return where some contender is known to deviate, which a coarse grid would miss."""
    points = {
        point
        for contender in backend_names()
        for known in deviations(contender)
        if {variant.element, variant.name} & set(known.element)
        for point in known.at.get(dtype, ())
    }
    return np.array(sorted(points), dtype)


def _upstream(variant: Variant, x: np.ndarray) -> np.ndarray:
    """Return 1 for each x: the derivative itself; random weights for rows, whose outputs depend on all."""
    if catalog.ACTIVATIONS[variant.element].exact:
        return np.ones_like(x)
    width = x.shape[-1] // 2 if variant.element == "glu" else x.shape[-1]
    return _random(0).normal(size=(len(x), width)).astype(np.float32).astype(x.dtype)


RANDOM = 12
"""Drawn examples of a loss."""
_LOGITS = (0.0, 1e-3, 0.7, 1.0, 3.0, 9.0, 12.0, 16.5, 17.0, 30.0, 60.0, 100.0)
_SHARES = (1e-14, 5e-8, 1e-6, 1e-3, 0.5, 0.75, 1.0 - 2.0**-10, 1.0 - 2.0**-20)


def _drawn(variant: Variant, dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of random examples, as the loss wants them."""
    random, loss = _random(2), catalog.LOSSES[variant.element]
    scores = random.normal(size=(RANDOM, 5)) * 3
    classes = random.integers(0, 5, size=RANDOM)
    targets = {
        "values": random.normal(size=(RANDOM, 5)),
        "binary": (random.random((RANDOM, 5)) < 0.5).astype(np.float64),
        "one_hot": np.eye(5)[classes],
        "counts": random.integers(0, 5, size=(RANDOM, 5)).astype(np.float64),
        "index": classes,
    }[loss.targets]
    if _probabilities(variant):
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    elif loss.predictions == "positive":
        scores = np.exp(scores / 3)
    elif loss.predictions == "mean_and_variance":
        scores = np.concatenate([scores, np.exp(random.normal(size=(RANDOM, 5)))], axis=1)
    return targets if loss.targets == "index" else _rounded(targets, dtype), _rounded(scores, dtype)


def _hard(variant: Variant, dtype: DType, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return one row for each hard example; none for sums over all examples.

    Of a loss of single predictions: exponents and signs, tails, neighbours of kinks, infinities, NaN, for
    each target; targets are 0, or 2 where they are counts, so that differences are exact.
    """
    loss = catalog.LOSSES[variant.element]
    if loss.name in ("dice", "tversky"):
        return np.zeros((0, 5), dtype), np.zeros((0, 5), dtype)
    if loss.targets in ("one_hot", "index"):
        signed = (*_LOGITS, *(-logit for logit in _LOGITS))
        first = np.array((0.0, *_SHARES, 1.0) if _probabilities(variant) else signed)[:, np.newaxis]
        weights = np.array([[0.4, 0.3, 0.2, 0.1]])
        others = (1 - first) * weights if _probabilities(variant) else weights - 0.35 + 0 * first
        rows = np.concatenate([first, others], axis=1)
        classes = np.repeat([0, 1], len(rows))
        targets = classes if loss.targets == "index" else np.eye(5, dtype=dtype)[classes]
        return targets, _rounded(np.concatenate([rows, rows]), dtype)
    if loss.name == "cosine_similarity":
        rows = np.repeat(
            _rounded(np.array([0.0, 1e-10, -1e-10, 1e-4, 1.0, -30.0, 1e4]), dtype)[:, np.newaxis], 5, 1
        )
        return np.ones_like(rows), rows
    points = _predictions(variant, dtype, full)
    if loss.predictions == "mean_and_variance":
        points = points[(points > 1e-10) & (points < 1e10)]
        return np.full((len(points), 1), 0.5, dtype), np.stack([np.ones_like(points), points], axis=1)
    wanted = {"binary": (0.0, 1.0), "counts": (2.0,)}.get(loss.targets, (0.0,))
    targets = np.repeat(np.array(wanted, dtype), len(points))
    return targets[:, np.newaxis], np.tile(points, len(wanted))[:, np.newaxis]


def _predictions(variant: Variant, dtype: DType, full: bool) -> np.ndarray:
    """Return single predictions: of every size and sign that the loss takes, around kinks, special ones."""
    loss, info = catalog.LOSSES[variant.element], np.finfo(dtype)
    stride = {"float32": 16, "float64": 128}[dtype] // (4 if full else 1)
    sizes = np.ldexp(np.array(1.3, dtype), np.arange(info.minexp - info.nmant, info.maxexp, stride))
    known = _known_points(variant, dtype)
    if _probabilities(variant):
        return np.concatenate([sizes[sizes < 0.5], np.array((0.0, *_SHARES, 1.0), dtype), known])
    kinks = np.array(loss.kinks, dtype)
    near = [np.nextafter(kinks, way) for way in np.array([-np.inf, np.inf], dtype)]
    # torch refuses a probability that is NaN
    special = np.array([0.0, np.inf, *([] if "focal" in loss.name else [np.nan])], dtype)
    points = np.concatenate([np.array(_LOGITS, dtype), sizes, kinks, *near, special, known])
    positive = loss.predictions in ("positive", "mean_and_variance")
    return np.abs(points) if positive else np.concatenate([points, -points])


def _probabilities(variant: Variant) -> bool:
    loss = catalog.LOSSES[variant.element]
    return loss.predictions == "probabilities" and not variant.options.get("from_logits")


def _batches(variant: Variant, dtype: DType, full: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the drawn examples together, and each hard one on its own."""
    yield _drawn(variant, dtype)
    targets, predictions = _hard(variant, dtype, full)
    for row in range(len(predictions)):
        yield targets[row : row + 1], predictions[row : row + 1]


def _together(variant: Variant, dtype: DType, full: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the drawn examples, and the hard ones again and again until there are 2^n of them.

    The mean over so many divides each derivative without an error.
    """
    targets, predictions = _hard(variant, dtype, full)
    if not len(predictions):
        return [_drawn(variant, dtype)]
    again = np.arange(1 << (len(predictions) - 1).bit_length()) % len(predictions)
    return [_drawn(variant, dtype), (targets[again], predictions[again])]


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
        return _expected_loss(variant, quantity, dtype, full)
    if variant.kind == "metric":
        value = backend.metric(variant.element, *_judged(variant, "float64"), **variant.options).ravel()
        sizes = np.maximum(np.abs(value), 1.0)
        return _rounded_at(np.arange(float(value.size)), value, sizes, dtype, METRIC_TOLERANCE)
    if variant.kind == "layer":
        return _rounded_at(*layers.ANSWERS[variant.element](variant.options, dtype), dtype, LAYER_TOLERANCE)
    return _expected_steps(variant, dtype) if variant.kind == "optimizer" else _expected_products(dtype)


def _expected_activation(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Expected:
    element, x = catalog.ACTIVATIONS[variant.element], _points(variant, dtype, full)
    accuracy = element.value if quantity == "value" else element.derivative
    if element.exact:
        function = exact.functions(element, element.resolve(variant.options))[quantity == "gradient"]
        where, sizes, (nearest, rest) = x, np.abs(x), exact.evaluate(function, x)
    else:
        wide = x.astype(_wide(dtype))
        value = _own(f"activations.{element.name}", variant)(wide)
        if quantity == "gradient":
            upstream = _upstream(variant, x).astype(wide.dtype)
            value = _own(f"activations.{element.name}_gradient", variant)(wide, value, upstream)
        largest = np.take_along_axis(x, np.abs(x).argmax(axis=1, keepdims=True), 1)[:, 0]
        where = np.repeat(largest.astype(np.float64), value.shape[1])
        sizes = np.abs(where)
        nearest, rest = _split(value.ravel())
    unit = _units(accuracy, where, sizes, nearest, dtype)
    return _expecting(where, nearest, rest, unit, accuracy.ulp, quantity, dtype)


def _expected_loss(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Expected:
    """Return the loss of the drawn examples together and of each hard one, or the derivatives of all."""
    loss = catalog.LOSSES[variant.element]
    accuracy = loss.value if quantity == "value" else loss.derivative
    judge = _judge_of_predictions if loss.exact else _judge_of_rows
    where, sizes, values = judge(variant, quantity, dtype, full)
    nearest, rest = _split(values)
    batch = len(_together(variant, dtype, full)[-1][1]) if quantity == "gradient" else 1
    unit = _units(accuracy, where, sizes, nearest, dtype, batch)
    if quantity == "value":
        unit[0] = np.finfo(dtype).eps / 2 * max(sizes[0], abs(nearest[0])) * DRAWN_TOLERANCE / accuracy.ulp
    return _expecting(where, nearest, rest, unit, accuracy.ulp, quantity, dtype)


Judged = tuple[np.ndarray, np.ndarray, np.ndarray]


def _judge_of_predictions(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Judged:
    """Return predictions, their sizes, and results by the formula; of values the first is a mean."""
    loss = catalog.LOSSES[variant.element]
    drawn, hard = _together(variant, dtype, full)
    if quantity == "value":
        hard = _hard(variant, dtype, full)
    targets, predictions = (np.concatenate([a.ravel(), b.ravel()]) for a, b in zip(drawn, hard, strict=True))
    function = exact.functions(loss, loss.resolve(variant.options))[quantity == "gradient"]
    nearest, rest = exact.evaluate(function, predictions, targets)
    values, where = nearest.astype(np.longdouble) + rest, predictions.astype(np.float64)
    if quantity == "gradient":
        return where, np.abs(where), values
    single = slice(drawn[1].size, None)
    first = values[: drawn[1].size]
    return (
        np.array([DRAWN, *where[single]]),
        np.array([np.abs(first).mean(), *np.abs(where[single])], np.float64),
        np.array([first.mean(), *values[single]]),
    )


def _judge_of_rows(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Judged:
    """Return the first number of each row (of variances the last), the row's size, and NumPy's results."""
    loss, wide = catalog.LOSSES[variant.element], _wide(dtype)
    told = -1 if loss.predictions == "mean_and_variance" else 0
    asked = _together if quantity == "gradient" else _batches
    where, sizes, values = [], [], []
    for targets, predictions in asked(variant, dtype, full):
        given = targets if loss.targets == "index" else targets.astype(wide), predictions.astype(wide)
        largest = np.abs(predictions).max(axis=1)
        if quantity == "gradient":
            slopes = _undone_mean(variant, predictions) * _own(f"losses.{loss.name}_gradient", variant)(
                *given
            )
            values.append(slopes.ravel())
            where.append(np.repeat(predictions[:, told], predictions.shape[1]))
            sizes.append(np.repeat(largest, predictions.shape[1]))
        else:
            values.append(np.array([np.mean(_own(f"losses.{loss.name}", variant)(*given))], wide))
            where.append(predictions[:1, told] if values[1:] else np.array([DRAWN]))
            sizes.append(largest.max(keepdims=True))
    return (
        np.concatenate(where).astype(np.float64),
        np.concatenate(sizes).astype(np.float64),
        np.concatenate(values),
    )


def _expected_steps(variant: Variant, dtype: DType) -> Expected:
    """Return NumPy's parameters; errors count against the way that each has gone, or its own size."""
    from implementations.numpy.optimizers import Optimizer
    from implementations.spec import OptimizerSpec

    parameters, course = _course(_wide(dtype))
    flat = np.concatenate([array.ravel() for array in parameters])
    spec = OptimizerSpec.from_dict({"name": variant.element, **variant.options})
    flat_gradients, way = np.zeros_like(flat), np.zeros_like(flat)
    optimizer = Optimizer(spec, "keras", flat, flat_gradients, [array.shape for array in parameters])
    found, units = [], []
    info = np.finfo(dtype)
    for step, gradients in enumerate(course, start=1):
        before = flat.copy()
        flat_gradients[...] = np.concatenate([array.ravel() for array in gradients])
        optimizer.apply()
        way += np.abs(flat - before)
        if step in JUDGED_STEPS:
            found.append(flat.copy())
            scale = np.maximum(np.maximum(np.abs(flat), way), info.tiny / info.eps)
            units.append(info.eps / 2 * max(step, 2) * scale)
        if step % 10 == 0:
            optimizer.observe(_OBSERVED[step // 10 - 1])
    where = np.concatenate([np.repeat(_SCALES, 3), _SCALES])
    return Expected(
        np.tile(where, len(JUDGED_STEPS)),
        *_split(np.concatenate(found)),
        np.concatenate(units).astype(np.float64),
        STEP_TOLERANCE,
        np.repeat(JUDGED_STEPS, len(where)),
    )


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


def _units(
    accuracy: Accuracy,
    where: np.ndarray,
    sizes: np.ndarray,
    nearest: np.ndarray,
    dtype: DType,
    batch: int = 1,
) -> np.ndarray:
    """Return units in the last place of results, or in some ranges of what has cancelled there."""
    info = np.finfo(dtype)
    finite = np.abs(np.nan_to_num(nearest, posinf=0.0, neginf=0.0))
    held = np.where(np.isfinite(sizes), sizes, 0.0)
    units = _spacing(finite, dtype)
    for part in accuracy.ranges:
        of = {
            "f": finite,
            "1": np.ones_like(finite),
            "x": held,
            "1/x": 1 / np.maximum(held, float(info.tiny)),
        }[part.of]
        inside = (part.low <= where) & (where <= part.high)
        allowed = part.ulp / accuracy.ulp * _spacing(np.maximum(finite, of), dtype)
        units = np.where(inside, np.maximum(units, allowed), units)
    # what a processor that flushes subnormal numbers makes of them is no error of the element
    return np.maximum(units, batch * float(info.tiny) / accuracy.ulp)


def _spacing(sizes: np.ndarray, dtype: DType) -> np.ndarray:
    return np.spacing(np.minimum(sizes, np.finfo(dtype).max).astype(dtype)).astype(np.float64)


def _expecting(
    where: np.ndarray,
    nearest: np.ndarray,
    rest: np.ndarray,
    unit: np.ndarray,
    tolerance: float,
    quantity: Quantity,
    dtype: DType,
) -> Expected:
    """Expect infinity where the dtype holds nothing as large; ask no derivative at NaN, or that is none."""
    info, where = np.finfo(dtype), where.astype(np.float64)
    overflown = np.abs(nearest) > float(info.max) * (1 + float(info.eps) / 4)
    nearest = np.where(overflown, np.sign(nearest) * np.inf, nearest)
    if quantity == "gradient":
        unit = np.where(np.isnan(where) | np.isnan(nearest), np.inf, unit)
    return Expected(where, nearest, np.where(overflown, 0.0, rest), unit, tolerance)


def _rounded_at(
    where: np.ndarray, values: np.ndarray, sizes: np.ndarray, dtype: DType, tolerance: float
) -> Expected:
    """Expect results whose errors count in roundings of the given sizes."""
    info = np.finfo(dtype)
    unit = info.eps / 2 * np.maximum(sizes, float(info.tiny / info.eps)).astype(np.float64)
    return Expected(where, *_split(values), unit, tolerance)


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
