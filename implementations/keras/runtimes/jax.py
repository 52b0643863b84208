"""JAX below Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import keras

from implementations.keras.runtimes import STEPS_PER_EXECUTION


def synchronize(variables: Sequence[Any]) -> None:
    """Wait until the variables are computed."""
    jax.block_until_ready([variable.value for variable in variables])  # type: ignore[no-untyped-call]  # JAX leaves it untyped


def float64() -> AbstractContextManager[None]:
    """Return a scope in which JAX has float64 at all."""
    scope: AbstractContextManager[None] = jax.enable_x64(True)
    return scope


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors as one program, as `fit` would compile it."""
    program: Callable[..., Any] = jax.jit(function)
    return program


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: with XLA always, its own choice on JAX, and looking up after many steps."""
    return {"jit_compile": True, "steps_per_execution": STEPS_PER_EXECUTION}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[Any, Any], list[Any]]:
    """Return the optimizer's step as one program: from values of these variables and gradients to values."""
    program = jax.jit(optimizer.stateless_apply)

    def update(values: Any, gradients: Any) -> list[Any]:
        state = [variable.value for variable in optimizer.variables]
        moved: list[Any]
        moved, state = program(state, gradients, values)
        for variable, value in zip(optimizer.variables, state, strict=True):
            variable.assign(value)
        return moved

    return update


def differentiated(
    function: Callable[..., Any], variables: Sequence[Any], held: Sequence[Any] = ()
) -> Callable[..., tuple[Any, list[Any]]]:
    """Return a function of tensors that gives `function` of them, and its derivatives by Keras variables.

    What else it reads is `held`: a program would keep the values that others have when it is compiled.
    """

    def of_values(values: list[Any], constants: list[Any], *tensors: Any) -> Any:
        pairs = zip((*variables, *held), (*values, *constants), strict=True)
        with keras.StatelessScope(state_mapping=list(pairs)):
            return function(*tensors)

    program = jax.jit(jax.value_and_grad(of_values))

    def differentiate(*tensors: Any) -> tuple[Any, list[Any]]:
        values, constants = ([each.value for each in several] for several in (variables, held))
        value, gradients = program(values, constants, *tensors)
        return value, gradients

    return differentiate
