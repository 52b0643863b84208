"""TensorFlow's devices and compilers, and the way from NumPy to a tensor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from implementations.interface import Device, Placement
from implementations.processes import tensorflow as process


def scope(device: Device) -> AbstractContextManager[Any]:
    """Return a scope that computes there; it costs nothing where TensorFlow does so by itself."""
    if device == process.default_device():
        return nullcontext()
    on_device: AbstractContextManager[Any] = tf.device(f"/{device.upper()}:0")
    return on_device


def compiled(function: Callable[..., Any], placement: Placement) -> Callable[..., Any]:
    """Return the function as one graph, for each shape, which XLA compiles if the placement says so."""
    # a function here has no statements that depend on tensors, which AutoGraph would translate
    program: Callable[..., Any] = tf.function(function, autograph=False, jit_compile=placement.compiled)
    if placement.device == process.default_device():
        return program

    def in_scope(*arguments: Any) -> Any:
        with scope(placement.device):
            return program(*arguments)

    return in_scope


def tensor(given: np.ndarray, device: Device = "cpu") -> tf.Tensor:
    """Return a copy on that device.

    Examples
    --------
    >>> tensor(np.array([1, 0], dtype=np.uint8)).dtype
    tf.int64
    """
    if given.dtype.kind in "iu":
        given = given.astype(np.int64)  # on a GPU, TensorFlow keeps int32 in the host's memory
    with scope(device):
        return tf.constant(given)


def variable(given: np.ndarray, device: Device = "cpu") -> tf.Variable:
    """Return a variable on that device, at first a copy of the array."""
    with scope(device):
        return tf.Variable(given)
