"""TensorFlow below Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from implementations.keras.runtimes import STEPS_PER_EXECUTION


def synchronize(variables: Sequence[Any]) -> None:
    """Wait for all devices."""
    tf.test.experimental.sync_devices()


def float64() -> AbstractContextManager[None]:
    """Return a scope that does nothing: TensorFlow computes in the dtype of its tensors."""
    return nullcontext()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself: its operations run one by one as they are."""
    return function


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: with XLA only if asked, and with many steps in one graph.

    Keras's own choice is XLA wherever a model supports it; here that is the compiled mode, to be compared.
    """
    return {"jit_compile": compiled, "steps_per_execution": STEPS_PER_EXECUTION}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[Any, Any], list[Any]]:
    """Return the optimizer's step as a graph: from values of these variables and gradients to values."""

    def update(values: Any, gradients: Any) -> list[Any]:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        optimizer.apply(gradients, variables)
        return [tf.convert_to_tensor(variable.value) for variable in variables]

    graph: Callable[[Any, Any], list[Any]] = tf.function(update, autograph=False)
    return graph


def value_and_gradients(function: Callable[[], Any], variables: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return `function()` and its derivatives with respect to Keras variables that it reads."""
    values = [variable.value for variable in variables]
    with tf.GradientTape() as tape:
        value = function()
    return value, tape.gradient(value, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
