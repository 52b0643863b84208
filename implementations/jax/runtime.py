"""The dtype in which JAX computes, its compiler, and the way from NumPy to an array of JAX."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np

from implementations.interface import Device


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
