"""TensorFlow without Keras: its own functions, derivatives by tape, a step and an epoch as a graph each."""

from __future__ import annotations

from implementations.tensorflow.backend import Backend


def load(name: str) -> Backend:
    """Return this backend."""
    return Backend(name)
