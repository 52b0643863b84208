"""Versions, devices, threads and precision of JAX, and the way from NumPy to an array of JAX."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np

from implementations.errors import InvalidInput
from implementations.interface import Device, Support

PRECISION_AT_START = jax.config.values["jax_default_matmul_precision"]

_POOL = "tf_XLAEigen"
"""Name of the threads in XLA's pool for the CPU."""


def versions() -> dict[str, str]:
    """Return the version of JAX."""
    return {"jax": jax.__version__}


def devices() -> Mapping[str, Support]:
    """Return the CPU, and the GPU if JAX sees one."""
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        gpu = Support(False, f"jax {jax.__version__}: {error}; see docs.jax.dev/en/latest/installation.html")
    else:
        gpu = Support(True)
    return {"cpu": Support(True), "gpu": gpu}


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that the framework has held since the start; None without a GPU."""
    statistics = None if jax.default_backend() == "cpu" else jax.devices("gpu")[0].memory_stats()
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


def forbid_tf32() -> None:
    """Multiply float32 matrices in float32, on GPUs too."""
    jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]  # JAX leaves it untyped


@contextmanager
def products_by_default() -> Iterator[None]:
    """Multiply as precisely as JAX does by itself: on newer GPUs in TF32."""
    jax.config.update("jax_default_matmul_precision", PRECISION_AT_START)  # type: ignore[no-untyped-call]  # JAX leaves it untyped
    try:
        yield
    finally:
        forbid_tf32()


def precision(dtype: str) -> AbstractContextManager[Any]:
    """Return a scope in which JAX has this dtype: without it, float64 becomes float32.

    Examples
    --------
    >>> with precision("float64"):
    ...     array(np.ones(2)).dtype
    dtype('float64')
    """
    scope: AbstractContextManager[Any] = jax.enable_x64(True) if dtype == "float64" else nullcontext()
    return scope


def compiled(function: Callable[..., Any], dtype: str, **options: Any) -> Callable[..., Any]:
    """Return the function as one program that computes in this dtype; options are those of `jax.jit`."""
    program: Callable[..., Any] = jax.jit(function, **options)
    if dtype == "float32":
        return program

    def in_scope(*arguments: Any) -> Any:
        with precision(dtype):
            return program(*arguments)

    return in_scope


def array(given: np.ndarray, device: Device = "cpu") -> jax.Array:
    """Return a copy on that device.

    Examples
    --------
    >>> array(np.array([1, 0])).dtype
    dtype('int32')
    """
    if given.dtype.kind in "iu":
        given = given.astype(np.int32)  # JAX's own, whatever the dtype of the numbers around
    return jax.device_put(given, jax.devices(device)[0], may_alias=False)


def _threads_at_start() -> int:
    return int(os.environ.get("NPROC") or _cores())


def _cores() -> int:
    """Return how many cores this process may use; where the system does not tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
