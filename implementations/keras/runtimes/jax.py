"""JAX below Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import jax
import keras

from implementations.errors import InvalidInput
from implementations.keras.runtimes import STEPS_PER_EXECUTION, cores

PRECISION_AT_START = jax.config.values["jax_default_matmul_precision"]
jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]  # no TF32 on GPU

_POOL = "tf_XLAEigen"
"""Name of the threads in XLA's pool for the CPU."""


def versions() -> dict[str, str]:
    """Return JAX's version."""
    return {"jax": jax.__version__}


def no_gpu() -> str:
    """Return why there is no GPU; empty if there is one."""
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        return f"jax {jax.__version__}: {error}; see docs.jax.dev/en/latest/installation.html"
    return ""


def default_device() -> str:
    """Return where JAX computes when nothing is said."""
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory held since the start, or None."""
    statistics = None if default_device() == "cpu" else jax.devices("gpu")[0].memory_stats()
    return int(statistics["peak_bytes_in_use"]) if statistics else None


def set_threads(threads: int) -> None:
    """Check the thread count, which JAX reads from the environment when it starts."""
    if threads != _threads_at_start():
        raise InvalidInput(
            "threads of jax",
            expected=f"{threads}, set by the environment variable NPROC before JAX starts",
            got=str(_threads_at_start()),
            action=f"start the process with NPROC={threads}",
        )


def threads() -> int:
    """Return the threads inside one operation.

    JAX has no getter. Its CPU client's pool is counted by the name of its threads (Linux), and before there
    is one, the environment says how large it will be.
    """
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return names.count(_POOL) or _threads_at_start()


def synchronize(variables: Sequence[Any]) -> None:
    """Wait until the variables are computed."""
    jax.block_until_ready([variable.value for variable in variables])  # type: ignore[no-untyped-call]  # JAX leaves it untyped


def float64() -> AbstractContextManager[None]:
    """Return a scope in which JAX has float64 at all."""
    scope: AbstractContextManager[None] = jax.enable_x64(True)
    return scope


@contextmanager
def products_by_default() -> Iterator[None]:
    """Multiply as precisely as JAX does by itself: on newer GPUs in TF32."""
    jax.config.update("jax_default_matmul_precision", PRECISION_AT_START)  # type: ignore[no-untyped-call]  # JAX leaves it untyped
    try:
        yield
    finally:
        jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]  # JAX leaves it untyped


def product_setting() -> str:
    """Return JAX's precision of products when it starts; None leaves it to the device."""
    return f"jax_default_matmul_precision {PRECISION_AT_START}"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors as one program, as `fit` would compile it."""
    program: Callable[..., Any] = jax.jit(function)
    return program


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: with XLA always, its own choice on JAX, and looking up after many steps."""
    return {"jit_compile": True, "steps_per_execution": STEPS_PER_EXECUTION}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """Return the optimizer's step on these variables, given gradients, as one program."""
    program = jax.jit(optimizer.stateless_apply)

    def update(gradients: list[Any]) -> None:
        state = [variable.value for variable in optimizer.variables]
        values, state = program(state, gradients, [variable.value for variable in variables])
        for variable, value in zip([*variables, *optimizer.variables], [*values, *state], strict=True):
            variable.assign(value)

    return update


def value_and_gradients(function: Callable[[], Any], variables: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return `function()` and its derivatives with respect to Keras variables that it reads."""

    def of_values(values: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function()

    differentiate = jax.jit(jax.value_and_grad(of_values))
    value, gradients = differentiate([variable.value for variable in variables])
    return value, gradients


def _threads_at_start() -> int:
    return int(os.environ.get("NPROC") or cores())
