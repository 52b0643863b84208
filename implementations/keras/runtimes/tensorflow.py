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
    count = len(variables)

    def moved(*tensors: Any) -> list[Any]:
        for variable, value in zip(variables, tensors[:count], strict=True):
            variable.assign(value)
        optimizer.apply(tensors[count:], variables)
        return [tf.convert_to_tensor(variable.value) for variable in variables]

    # one signature, so that no call looks for the graph that fits
    like = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
    graph = tf.function(moved, autograph=False).get_concrete_function(*like, *like)

    def update(values: Any, gradients: Any) -> list[Any]:
        found: list[Any] = graph(*map(tf.constant, (*values, *gradients)))
        return found

    return update


def differentiated(
    function: Callable[..., Any], variables: Sequence[Any], held: Sequence[Any] = ()
) -> Callable[..., tuple[Any, list[Any]]]:
    """Return a function of tensors that gives `function` of them, and its derivatives by Keras variables.

    It runs as it is written, and reads what is `held` like everything else.
    """

    def differentiate(*tensors: Any) -> tuple[Any, list[Any]]:
        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            value = function(*tensors)
        return value, tape.gradient(value, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return differentiate
