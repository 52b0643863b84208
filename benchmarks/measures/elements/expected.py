"""What should come out, and how far off it may be.

Activations and losses of single predictions are judged by their formula, computed with as many digits as it
takes (`exact`); what depends on a whole row, and optimizers, by NumPy in float64 for float32 and in the
longest floats that it has for float64; normalizations, penalties and dropout through small networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.deviations import Deviation, deviations
from benchmarks.measures import exact, layers
from benchmarks.measures.elements import questions
from benchmarks.measures.elements.variants import DType, Key, Quantity, Variant
from implementations import (
    AbstractBackend,
    backend_names,
    catalog,
)
from implementations.catalog import Accuracy

STEP_TOLERANCE = 4.0
"""Roundings in each step of an optimizer, of the way that its parameter has gone; twice that in the first
step."""

DRAWN_TOLERANCE = 32.0
"""Units of u, of the mean size of what is averaged: the mean of up to 60 losses."""

DRAWN = -0.1
"""Where the loss of all drawn examples is said to be."""

METRIC_TOLERANCE = 32.0
"""Units of u: sums of some hundred numbers."""

LAYER_TOLERANCE = 32.0
"""Units of u, of the mean of the numbers that are normalized: sums of some ten numbers."""


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
    targets
        To which target each loss of a single prediction belongs; NaN for that of all drawn examples.
    """

    where: np.ndarray
    nearest: np.ndarray
    rest: np.ndarray
    unit: np.ndarray
    tolerance: float
    steps: np.ndarray | None = None
    targets: np.ndarray | None = None


Reference = dict[Key, Expected]


def others(variant: Variant) -> list[Variant]:
    """Return the variant with the options that known deviations say are taken instead."""
    found: list[Variant] = []
    for contender in backend_names():
        for known in deviations(contender):
            if known.instead and {variant.element, variant.name} & set(known.element):
                other = instead(variant, known)
                if other not in found:
                    found.append(other)
    return found


def instead(variant: Variant, known: Deviation) -> Variant:
    """Return the variant with the options that a known deviation says are taken instead."""
    return replace(variant, options={**variant.options, **known.instead})


def exact_answer(
    backend: AbstractBackend, variant: Variant, quantity: Quantity, dtype: DType, full: bool
) -> Expected:
    """Return what should come out."""
    if variant.kind == "activation":
        return _expected_activation(variant, quantity, dtype, full)
    if variant.kind == "loss":
        return _expected_loss(variant, quantity, dtype, full)
    if variant.kind == "metric":
        value = backend.metric(
            variant.element, *questions.scored(variant, "float64"), **variant.options
        ).ravel()
        sizes = np.maximum(np.abs(value), 1.0)
        return _rounded_at(np.arange(float(value.size)), value, sizes, dtype, METRIC_TOLERANCE)
    if variant.kind == "layer":
        return _rounded_at(*layers.ANSWERS[variant.element](variant.options, dtype), dtype, LAYER_TOLERANCE)
    return _expected_steps(variant, dtype) if variant.kind == "optimizer" else _expected_products(dtype)


def _expected_activation(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Expected:
    element, x = catalog.ACTIVATIONS[variant.element], questions.points(variant, dtype, full)
    accuracy = element.value if quantity == "value" else element.derivative
    if element.exact:
        function = exact.functions(element, element.resolve(variant.options))[quantity == "gradient"]
        where, sizes, (nearest, rest) = x, np.abs(x), exact.evaluate(function, x)
    else:
        wide = x.astype(_wide(dtype))
        value = _own(f"activations.{element.name}", variant)(wide)
        if quantity == "gradient":
            upstream = questions.upstream(variant, x).astype(wide.dtype)
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
    where, sizes, values, asked = judge(variant, quantity, dtype, full)
    nearest, rest = _split(values)
    undone = 1.0
    if quantity == "gradient":
        _, predictions = questions.together(variant, dtype, full)[-1]
        undone = questions.undone_mean(variant, predictions)
    unit = _units(accuracy, where, sizes, nearest, dtype, undone)
    if loss.exact:
        unit[_at_clip(variant, quantity, dtype, where)] = np.inf
    else:  # infinity minus itself, or 0 times infinity: some tell the limit, some NaN
        unit[np.isnan(nearest) & np.isinf(where)] = np.inf
    if quantity == "value":
        unit[0] = np.finfo(dtype).eps / 2 * max(sizes[0], abs(nearest[0])) * DRAWN_TOLERANCE / accuracy.ulp
    expected = _expecting(where, nearest, rest, unit, accuracy.ulp, quantity, dtype)
    return replace(expected, targets=asked)


def _at_clip(variant: Variant, quantity: Quantity, dtype: DType, where: np.ndarray) -> np.ndarray:
    """Return where a derivative is that at the bound of a clip: the slope of either side, or their mean.

    Which side of it the rounded bound lies on depends on the dtype.
    """
    loss = catalog.LOSSES[variant.element]
    clips = questions.probabilities(variant) and loss.resolve(variant.options).get("clip_mode") != "clamp_log"
    return np.isin(where, questions.clip_bounds(dtype) if clips and quantity == "gradient" else [])


Judged = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]


def _judge_of_predictions(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Judged:
    """Return predictions, their sizes, results by the formula, and targets; of values the first is a mean."""
    loss = catalog.LOSSES[variant.element]
    if quantity == "value":
        asked = [questions.drawn(variant, dtype), questions.hard(variant, dtype, full)]
    else:
        asked = questions.together(variant, dtype, full)
    targets, predictions = (np.concatenate([*map(np.ravel, side)]) for side in zip(*asked, strict=True))
    function = exact.functions(loss, loss.resolve(variant.options))[quantity == "gradient"]
    nearest, rest = exact.evaluate(function, predictions, targets)
    values, where = nearest.astype(np.longdouble) + rest, predictions.astype(np.float64)
    if quantity == "gradient":
        return where, np.abs(where), values, targets
    drawn = asked[0][1].size
    single, first = slice(drawn, None), values[:drawn]
    return (
        np.array([DRAWN, *where[single]]),
        np.array([np.abs(first).mean(), *np.abs(where[single])], np.float64),
        np.array([first.mean(), *values[single]]),
        np.array([np.nan, *targets[single]]),
    )


def _judge_of_rows(variant: Variant, quantity: Quantity, dtype: DType, full: bool) -> Judged:
    """Return where each row belongs, its size, and NumPy's results."""
    loss, wide = catalog.LOSSES[variant.element], _wide(dtype)
    asked = questions.together if quantity == "gradient" else questions.batches
    where, sizes, values = [], [], []
    for targets, predictions in asked(variant, dtype, full):
        given = targets if loss.targets == "index" else targets.astype(wide), predictions.astype(wide)
        largest = np.abs(np.where(np.isfinite(predictions), predictions, 0)).max(axis=1)
        if quantity == "gradient":
            slopes = questions.undone_mean(variant, predictions) * _own(
                f"losses.{loss.name}_gradient", variant
            )(*given)
            values.append(slopes.ravel())
            where.append(np.repeat(_places(variant, predictions), predictions.shape[1]))
            sizes.append(np.repeat(largest, predictions.shape[1]))
        else:
            values.append(np.array([np.mean(_own(f"losses.{loss.name}", variant)(*given))], wide))
            where.append(_places(variant, predictions) if values[1:] else np.array([DRAWN]))
            sizes.append(largest.max(keepdims=True))
    return (
        np.concatenate(where).astype(np.float64),
        np.concatenate(sizes).astype(np.float64),
        np.concatenate(values),
        None,
    )


def _places(variant: Variant, predictions: np.ndarray) -> np.ndarray:
    """Return the first number of each row; of mean and variance that which is not 1."""
    if catalog.LOSSES[variant.element].predictions != "mean_and_variance":
        return predictions[:, 0]
    return np.where(predictions[:, -1] == 1, predictions[:, 0], predictions[:, -1])


def _expected_steps(variant: Variant, dtype: DType) -> Expected:
    """Return NumPy's parameters; errors count against the way that each has gone, or its own size."""
    from implementations.numpy.optimizers import Optimizer
    from implementations.spec import OptimizerSpec

    parameters, course = questions.course(variant, _wide(dtype))
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
        if step in questions.JUDGED_STEPS:
            found.append(flat.copy())
            scale = np.maximum(np.maximum(np.abs(flat), way), info.tiny / info.eps)
            units.append(info.eps / 2 * max(step, 2) * scale)
        if step % 10 == 0:
            optimizer.observe(questions.OBSERVED[step // 10 - 1])
    of_kernel = np.repeat(questions.SCALES, 3)
    if questions.mixes_rows(variant):
        of_kernel = np.full_like(of_kernel, questions.MIXED)
    where = np.concatenate([of_kernel, questions.SCALES])
    return Expected(
        np.tile(where, len(questions.JUDGED_STEPS)),
        *_split(np.concatenate(found)),
        np.concatenate(units).astype(np.float64),
        STEP_TOLERANCE,
        np.repeat(questions.JUDGED_STEPS, len(where)),
    )


def _expected_products(dtype: DType) -> Expected:
    """Return sums of positive numbers; their errors in units of u |A| |B| grow at most with 2 sqrt(k)."""
    where, values, unit = [], [], []
    for a, b in questions.factors(_wide(dtype)):
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
    undone: float = 1.0,
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
    return np.maximum(units, undone * float(info.tiny) / accuracy.ulp)


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
