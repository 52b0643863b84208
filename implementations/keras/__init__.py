"""Keras, on the runtime that the process chose first: TensorFlow, JAX or PyTorch."""

from __future__ import annotations

import os
import sys

from implementations.errors import BackendConflict
from implementations.interface import AbstractBackend


def load(name: str, runtime: str) -> AbstractBackend:
    """Return the backend on this runtime, which stays Keras's runtime as long as the process lives.

    Raises
    ------
    BackendConflict
        If Keras already runs on another one.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = runtime
    from keras import config

    if config.backend() != runtime:
        raise BackendConflict(
            f"backend {name}",
            expected=f"Keras on {runtime}",
            got=f"Keras on {config.backend()}, chosen earlier in this process",
            action="use a process of its own for each runtime",
        )
    from implementations.keras.backend import Backend

    return Backend(name)
