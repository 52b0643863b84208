"""PyTorch below Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def synchronize(variables: Sequence[Any]) -> None:
    """Wait for the GPU; on the CPU torch has finished when it returns."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def float64() -> AbstractContextManager[None]:
    """Return a scope that does nothing: PyTorch computes in the dtype of its tensors."""
    return nullcontext()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself: its operations run one by one as they are."""
    return function


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: not at all, which is its own choice on PyTorch, and one step at a time."""
    return {"jit_compile": False}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[Any, Any], list[Any]]:
    """Return the optimizer's step, not compiled: from values of these variables and gradients to values."""

    def update(values: Any, gradients: Any) -> list[Any]:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        optimizer.apply([torch.from_numpy(gradient) for gradient in gradients], variables)
        return [variable.value for variable in variables]

    return update


def differentiated(
    function: Callable[..., Any], variables: Sequence[Any], held: Sequence[Any] = ()
) -> Callable[..., tuple[Any, list[Any]]]:
    """Return a function of tensors that gives `function` of them, and its derivatives by Keras variables.

    It runs as it is written, and reads what is `held` like everything else.
    """

    def differentiate(*tensors: Any) -> tuple[Any, list[Any]]:
        values = [variable.value for variable in variables]
        value = function(*tensors)
        gradients = torch.autograd.grad(value, values, allow_unused=True, materialize_grads=True)
        return value.detach(), list(gradients)

    return differentiate
