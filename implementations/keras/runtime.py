"""Precision and compiler of Keras; what depends on its runtime is in `runtimes/` and `processes/`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

from implementations.interface import Placement

_RESULT_OF_FLOAT64 = BIT64_TO_BIT32_DTYPE["float64"]
"""What Keras makes of float64 by itself: float32, but on TensorFlow."""

_below: Any = importlib.import_module(f"implementations.keras.runtimes.{keras.config.backend()}")
process: Any = importlib.import_module(f"implementations.processes.{keras.config.backend()}")
"""What the process tells of the runtime."""


def synchronize(variables: Sequence[Any]) -> None:
    """Wait until the device has computed these variables."""
    _below.synchronize(variables)


def compiled(function: Any) -> Any:
    """Return a function of tensors, compiled where single operations would have to be compiled otherwise."""
    return _below.compiled(function)


def compile_options(placement: Placement) -> dict[str, Any]:
    """Return arguments of a model's `compile`: the runtime's compiler, and steps at a time."""
    options: dict[str, Any] = _below.compile_options(compiled=placement.compiled)
    return options


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Any:
    """Return the optimizer's step as `fit` would run it: (values of the variables, gradients) -> values."""
    return _below.compiled_update(optimizer, variables)


def differentiated(function: Any, variables: Sequence[Any], held: Sequence[Any] = ()) -> Any:
    """Return a function of tensors that gives `function` of them, and its derivatives by Keras variables.

    Variables that it reads besides are `held`.
    """
    return _below.differentiated(function, variables, held)


def precision(dtype: str) -> AbstractContextManager[None]:
    """Return a scope in which Keras computes in this dtype; float32 is its normal state.

    Examples
    --------
    >>> with precision("float64"):
    ...     tensor = keras.ops.tanh(keras.ops.convert_to_tensor(np.ones(2)))
    >>> keras.backend.standardize_dtype(tensor.dtype)
    'float64'
    """
    return _float64() if dtype == "float64" else nullcontext()


def scope(placement: Placement, dtype: str) -> AbstractContextManager[None]:
    """Return a scope for this dtype and device; it costs nothing where both are what they normally are."""
    if placement.device == process.default_device():
        return precision(dtype)
    return _elsewhere(placement, dtype)


@contextmanager
def _elsewhere(placement: Placement, dtype: str) -> Iterator[None]:
    # without a number: Keras on PyTorch takes "cpu:0" for another device than "cpu", and computes on copies
    with precision(dtype), keras.device(placement.device):
        yield


@contextmanager
def _float64() -> Iterator[None]:
    """Compute in float64.

    Outside TensorFlow, Keras 3.15 turns float64 results into float32 by a table of its own, whatever floatx
    says (https://github.com/keras-team/keras/issues/23704), so the table's entry is changed meanwhile.
    """
    BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    try:
        with float64_by_switches():
            yield
    finally:
        BIT64_TO_BIT32_DTYPE["float64"] = _RESULT_OF_FLOAT64


@contextmanager
def float64_by_switches() -> Iterator[None]:
    """Ask for float64 as the documentation says: by floatx, dtype policy and, on JAX, its switch."""
    compute_in("float64")
    try:
        with _below.float64():
            yield
    finally:
        compute_in("float32")


def exact(options: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return options whose numbers keep all their digits when Keras turns them into this dtype.

    TensorFlow rounds Python's numbers to float32 on their way to float64, and NumPy's not
    (https://github.com/tensorflow/tensorflow/issues/57779).

    Examples
    --------
    >>> type(exact({"momentum": 0.9}, "float64")["momentum"]).__name__
    'float64'
    """
    if dtype == "float32":
        return dict(options)
    return {name: _exact(value) for name, value in options.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_exact, value))
    return np.float64(value) if type(value) is float else value


def compute_in(dtype: str) -> None:
    """Set what layers, losses and optimizers compute in; the policy remembers the floatx it first met."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
