"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from implementations.interface import (
    AbstractBackend,
    AbstractLearner,
    AbstractOptimizer,
    Framework,
    Operation,
    Placement,
    Support,
)
from implementations.jax import activations, losses, metrics, native, runtime
from implementations.jax.network import Learner
from implementations.jax.optimizers import ListOptimizer
from implementations.processes import jax as process
from implementations.spec import ModelSpec, OptimizerSpec


class Backend(AbstractBackend):
    """Plain JAX, compiled by XLA. Float32 products are never computed in TF32."""

    convention = "keras"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        process.forbid_tf32()

    def versions(self) -> dict[str, str]:
        return process.versions()

    def devices(self) -> Mapping[str, Support]:
        return process.devices()

    def peak_device_bytes(self) -> int | None:
        return process.peak_device_bytes()

    def set_threads(self, threads: int) -> None:
        process.set_threads(threads)

    def threads(self) -> int:
        return process.threads()

    def operations(self, learner: AbstractLearner[Any], train: Callable[[], None]) -> list[Operation]:
        return process.operations(train)

    def native(self) -> Framework:
        return native

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
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float:
        weights, weight_mode = weighting or (None, None)
        with runtime.precision(predictions.dtype.name):
            function, _ = _compiled_mean(getattr(losses, name), tuple(options.items()), weight_mode)
            return float(function(*_arrays(predictions, targets, weights)))

    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray:
        weights, weight_mode = weighting or (None, None)
        with runtime.precision(predictions.dtype.name):
            _, gradient = _compiled_mean(getattr(losses, name), tuple(options.items()), weight_mode)
            return np.array(gradient(*_arrays(predictions, targets, weights)))

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
def _compiled_mean(
    function: Callable[..., Array], options: Options, weight_mode: str | None
) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """Return predictions, targets, weights of examples -> mean loss, and its derivative by predictions."""

    def mean(predictions: Array, targets: Array, weights: Array | None) -> Array:
        values = function(targets, predictions, **dict(options))
        if weights is None or weight_mode is None:
            return jnp.mean(values)
        return losses.weighted_mean(values, weights, weight_mode)

    return jax.jit(mean), jax.jit(jax.grad(mean))


def _arrays(*given: np.ndarray | None) -> list[Array | None]:
    return [None if each is None else runtime.array(each) for each in given]
