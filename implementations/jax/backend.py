"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from jax import Array

from implementations.interface import AbstractBackend, AbstractLearner, AbstractOptimizer, Placement, Support
from implementations.jax import activations, losses, metrics, runtime
from implementations.jax.network import Learner
from implementations.jax.optimizers import ListOptimizer
from implementations.spec import ModelSpec, OptimizerSpec


class Backend(AbstractBackend):
    """Plain JAX, compiled by XLA. Float32 products are never computed in TF32."""

    convention = "keras"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        runtime.forbid_tf32()

    def versions(self) -> dict[str, str]:
        return runtime.versions()

    def devices(self) -> Mapping[str, Support]:
        return runtime.devices()

    def peak_device_bytes(self) -> int | None:
        return runtime.peak_device_bytes()

    def set_threads(self, threads: int) -> None:
        runtime.set_threads(threads)

    def threads(self) -> int:
        return runtime.threads()

    def native_initial_parameters(self, inputs: int, units: int) -> list[np.ndarray]:
        return []

    def _activation(self, name: str, x: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        with runtime.precision(x.dtype.name):
            function = _compiled(getattr(activations, name), tuple(options.items()))
            return np.array(function(runtime.array(x)))

    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.precision(x.dtype.name):
            pullback = _compiled_pullback(getattr(activations, name), tuple(options.items()))
            return np.array(pullback(runtime.array(x), runtime.array(upstream)))

    def _loss(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> float:
        with runtime.precision(predictions.dtype.name):
            function = _compiled(getattr(losses, name), tuple(options.items()))
            return float(function(runtime.array(targets), runtime.array(predictions)))

    def _loss_gradient(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.precision(predictions.dtype.name):
            gradient = _compiled_gradient(getattr(losses, name), tuple(options.items()))
            return np.array(gradient(runtime.array(targets), runtime.array(predictions)))

    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.precision(predictions.dtype.name):
            arrays = runtime.array(targets), runtime.array(predictions)
            return np.array(getattr(metrics, name)(*arrays, **options), np.float64)

    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer:
        return ListOptimizer(spec, self.convention)

    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]:
        return Learner(model, placement, self.convention)


Options = tuple[tuple[str, Any], ...]


@cache
def _compiled(function: Callable[..., Array], options: Options) -> Callable[..., Array]:
    """Return the function for these options; kept, so that it is compiled once for each shape and dtype."""
    return jax.jit(partial(function, **dict(options)))


@cache
def _compiled_pullback(function: Callable[..., Array], options: Options) -> Callable[..., Array]:
    """Return (x, upstream) -> upstream . df/dx."""

    def pullback(x: Array, upstream: Array) -> Array:
        (gradient,) = jax.vjp(partial(function, **dict(options)), x)[1](upstream)
        return gradient

    return jax.jit(pullback)


@cache
def _compiled_gradient(function: Callable[..., Array], options: Options) -> Callable[..., Array]:
    """Return (targets, predictions) -> d loss / d predictions."""
    return jax.jit(jax.grad(partial(function, **dict(options)), argnums=1))
