"""PyTorch below Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

PRECISION_AT_START = torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision("highest")  # no TF32 on GPU


def versions() -> dict[str, str]:
    """Return PyTorch's version."""
    return {"torch": str(torch.__version__)}


def no_gpu() -> str:
    """Return why there is no GPU; empty if there is one."""
    if torch.cuda.is_available():
        return ""
    built = "sees no GPU here" if torch.version.cuda or torch.version.hip else "was built without CUDA"
    return f"torch {torch.__version__} {built}; see pytorch.org/get-started/locally"


def default_device() -> str:
    """Return where Keras computes on PyTorch when nothing is said."""
    return "gpu" if torch.cuda.is_available() else "cpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory held since the last call, or None."""
    if not torch.cuda.is_available():
        return None
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return peak


def set_threads(threads: int) -> None:
    """Limit the threads inside one operation."""
    torch.set_num_threads(threads)


def threads() -> int:
    """Return the threads inside one operation."""
    return torch.get_num_threads()


def synchronize(variables: Sequence[Any]) -> None:
    """Wait for the GPU; on the CPU torch has finished when it returns."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def float64() -> AbstractContextManager[None]:
    """Return a scope that does nothing: PyTorch computes in the dtype of its tensors."""
    return nullcontext()


@contextmanager
def products_by_default() -> Iterator[None]:
    """Multiply as precisely as PyTorch does by itself."""
    torch.set_float32_matmul_precision(PRECISION_AT_START)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def product_setting() -> str:
    """Return PyTorch's precision of products when it starts."""
    return f"float32_matmul_precision {PRECISION_AT_START}"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself: its operations run one by one as they are."""
    return function


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: not at all, which is its own choice on PyTorch, and one step at a time."""
    return {"jit_compile": False}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """Return the optimizer's step on these variables, given gradients; PyTorch needs no compilation."""
    return lambda gradients: optimizer.apply(gradients, variables)


def value_and_gradients(function: Callable[[], Any], variables: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return `function()` and its derivatives with respect to Keras variables that it reads."""
    values = [variable.value for variable in variables]
    value = function()
    gradients = torch.autograd.grad(value, values, allow_unused=True, materialize_grads=True)
    return value.detach(), list(gradients)
