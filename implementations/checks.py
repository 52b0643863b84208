"""Checks of arrays that come from outside, shared by all backends.

Each raises `InvalidInput` with what was expected, what came and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from implementations import catalog
from implementations.catalog.losses import WEIGHT_MODE
from implementations.errors import InvalidInput
from implementations.spec import DType


def inputs(x: np.ndarray, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """Return examples of shape (n, *shape) in that dtype; n is at least 1 and all numbers are finite."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiu" or x.shape[1:] != shape or len(x) == 0:
        raise InvalidInput(
            "examples",
            expected=f"numbers of shape (n, {', '.join(map(str, shape))}), n >= 1",
            got=described(x),
            action="reshape them or change the model's inputs",
        )
    return finite("examples", x, dtype)


def targets(y: np.ndarray, examples: int, units: int, loss: catalog.LossElement, dtype: DType) -> np.ndarray:
    """Return class numbers, shape (examples,), for losses that take them, else numbers, (examples, units).

    Numbers come in that dtype. For one unit, shape (examples,) is taken as (examples, 1).
    """
    subject = f"targets of {loss.name}"
    if not isinstance(y, np.ndarray) or y.shape[:1] != (examples,):
        raise InvalidInput(
            subject,
            expected=f"a numpy array with one row for each of {examples} examples",
            got=described(y),
            action="pass as many targets as examples",
        )
    if loss.targets == "index":
        if y.shape != (examples,) or y.dtype.kind not in "iu":
            raise InvalidInput(
                subject,
                expected=f"class numbers, integers of shape ({examples},)",
                got=described(y),
                action="pass class numbers, or use categorical_crossentropy for one-hot rows",
            )
        if y.min() < 0 or y.max() >= units:
            raise InvalidInput(
                subject,
                expected=f"class numbers in [0, {units})",
                got=f"{y.min()} to {y.max()}",
                action="give the last layer one unit for each class",
            )
        return y
    units //= loss.outputs_per_target
    if units == 1 and y.shape == (examples,):
        y = y[:, np.newaxis]
    if y.shape != (examples, units) or y.dtype.kind not in "fiub":
        raise InvalidInput(
            subject,
            expected=f"numbers of shape ({examples}, {units})",
            got=described(y),
            action="match the last layer's units",
        )
    return finite("targets", y, dtype)


def order(order: np.ndarray, examples: int) -> None:
    """Check that these are example numbers, shape (steps, batch_size), in [0, examples)."""
    if (
        not isinstance(order, np.ndarray)
        or order.ndim != 2
        or order.dtype.kind not in "iu"
        or order.size == 0
    ):
        raise InvalidInput(
            "order",
            expected="a numpy array of integers, shape (steps, batch_size)",
            got=described(order),
            action="see implementations.initial.batch_order",
        )
    if order.min() < 0 or order.max() >= examples:
        raise InvalidInput(
            "order",
            expected=f"example numbers in [0, {examples})",
            got=f"{order.min()} to {order.max()}",
            action="draw it for this many examples",
        )


def described(value: object) -> str:
    """Return dtype and shape of an array, or the type of anything else, for a message."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def floating(subject: str, array: np.ndarray) -> np.ndarray:
    """Return the array if it is one of float32 or float64 with at least one axis."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64) or array.ndim == 0:
        raise InvalidInput(
            subject,
            expected="a numpy array of float32 or float64 with at least one axis",
            got=described(array),
            action="convert it",
        )
    return array


def outputs_shape(activation: str, x: np.ndarray) -> tuple[int, ...]:
    """Return the shape of f(x): that of x, with half of the last axis for `glu`."""
    if activation != "glu":
        return x.shape
    if x.shape[-1] % 2:
        raise InvalidInput(
            "x of glu",
            expected="an even last axis: one half gates the other",
            got=described(x),
            action="reshape it",
        )
    return (*x.shape[:-1], x.shape[-1] // 2)


def same_shape(subject: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Check that this is an array of that shape."""
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise InvalidInput(subject, expected=f"shape {shape}", got=described(array), action="reshape it")


def real(subject: str, array: np.ndarray) -> None:
    """Check that the array holds real numbers."""
    if array.dtype.kind not in "fiub":
        raise InvalidInput(subject, expected="real numbers", got=described(array), action="convert it")


def finite(subject: str, array: np.ndarray, dtype: DType) -> np.ndarray:
    """Return the numbers in that dtype, in one block of memory."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told below
        converted = np.ascontiguousarray(array, dtype=dtype)
    bad = ~np.isfinite(converted)
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InvalidInput(
            subject,
            expected=f"finite numbers of {dtype}",
            got=f"{array[first]} at position {first} ({int(bad.sum())} such values)",
            action="clean, impute or scale them",
        )
    return converted


def metric_pair(
    element: catalog.MetricElement, targets: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions as the metric wants them."""
    like = catalog.loss(
        "sparse_categorical_crossentropy" if element.targets == "index" else "mean_squared_error"
    )
    return loss_pair(like, targets, predictions)


def class_weight(element: catalog.LossElement, options: Mapping[str, Any], units: int) -> None:
    """Check that there is a weight for each class: two for a loss of two classes, else one for each unit."""
    weights = options.get("class_weight", ())
    classes = 2 if element.targets == "binary" else units
    if weights and len(weights) != classes:
        raise InvalidInput(
            f"option class_weight of loss {element.name}",
            expected=f"{classes} weights, one for each class",
            got=f"{len(weights)}",
            action="give every class its weight",
        )


def sample_weight(
    element: catalog.LossElement,
    weights: np.ndarray,
    weight_mode: object,
    options: Mapping[str, Any],
    predictions: np.ndarray,
) -> tuple[np.ndarray, str]:
    """Return a weight for each example, shape (n,), in the dtype of predictions, and the checked mode."""
    subject = f"sample_weight of loss {element.name}"
    if not element.averages:
        raise InvalidInput(
            subject,
            expected="none",
            got=described(weights),
            action="leave it out: this loss is no mean of examples, but made of sums over all of them",
        )
    if options.get("class_weight"):
        raise InvalidInput(
            subject,
            expected="none with class_weight",
            got="both",
            action="multiply each example's weight by that of its class",
        )
    mode = WEIGHT_MODE.check(subject, weight_mode)
    same_shape(subject, weights, predictions.shape[:1])
    real(subject, weights)
    dtype: DType = predictions.dtype.name  # type: ignore[assignment]  # `floating` saw to it
    converted = finite(subject, weights, dtype)
    if (converted < 0).any():
        raise InvalidInput(
            subject, expected="no negative weights", got=f"{converted.min():g}", action="correct them"
        )
    if mode == "weights" and not converted.any():
        raise InvalidInput(
            subject,
            expected="a weight above 0: their sum is the divisor",
            got="none",
            action="leave these examples out, or choose weight_mode examples",
        )
    return converted, str(mode)


def loss_pair(
    element: catalog.LossElement, targets: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions as the loss wants them: floats in the dtype of predictions."""
    floating("predictions", predictions)
    if predictions.ndim != 2 or predictions.size == 0:
        raise InvalidInput(
            "predictions",
            expected="shape (n, k), n and k at least 1",
            got=described(predictions),
            action="reshape them",
        )
    if element.targets != "index":
        same_shape("targets", targets, (len(predictions), predictions.shape[1] // element.outputs_per_target))
        real("targets", targets)
        return targets.astype(predictions.dtype, copy=False), predictions
    same_shape("targets", targets, predictions.shape[:1])
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= predictions.shape[1]:
        raise InvalidInput(
            "targets",
            expected=f"integers in [0, {predictions.shape[1]})",
            got=f"{targets.dtype} from {targets.min()} to {targets.max()}",
            action="pass class numbers",
        )
    return targets, predictions
