"""Learning-rate schedules: TensorFlow has none outside Keras, and takes those computed on the host."""

from __future__ import annotations

from implementations.host_schedules import (
    Rate,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_time,
    linear_warmup,
    piecewise_constant,
    polynomial,
    reduce_on_plateau,
    step,
)

__all__ = [
    "Rate",
    "constant",
    "cosine",
    "cosine_restarts",
    "exponential",
    "inverse_time",
    "linear_warmup",
    "piecewise_constant",
    "polynomial",
    "reduce_on_plateau",
    "step",
]
