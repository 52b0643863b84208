"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from implementations.interface import (
    AbstractBackend,
    AbstractLearner,
    AbstractOptimizer,
    Framework,
    Operation,
    Placement,
    Support,
)
from implementations.processes import tensorflow as process
from implementations.spec import ModelSpec, OptimizerSpec
from implementations.tensorflow import activations, losses, metrics, native, runtime
from implementations.tensorflow.network import Learner
from implementations.tensorflow.optimizers import ListOptimizer


class Backend(AbstractBackend):
    """Plain TensorFlow, in graphs or compiled by XLA. Float32 products are never computed in TF32."""

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
        with runtime.scope("cpu"):
            return np.array(getattr(activations, name)(runtime.tensor(x), **options))

    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        def function(point: Tensor) -> Tensor:
            return getattr(activations, name)(point, **options)

        return _derivative(function, x, upstream)

    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float:
        with runtime.scope("cpu"):
            return float(_mean(name, targets, options, weighting)(runtime.tensor(predictions)))

    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray:
        return _derivative(_mean(name, targets, options, weighting), predictions)

    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.scope("cpu"):
            tensors = runtime.tensor(targets), runtime.tensor(predictions)
            return np.array(getattr(metrics, name)(*tensors, **options), np.float64)

    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer:
        return ListOptimizer(spec, self.convention)

    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]:
        return Learner(model, placement, self.convention)


def _mean(
    name: str, targets: np.ndarray, options: dict[str, Any], weighting: tuple[np.ndarray, str] | None
) -> Callable[[Tensor], Tensor]:
    """Return predictions -> mean loss."""

    def mean(predictions: Tensor) -> Tensor:
        values = getattr(losses, name)(runtime.tensor(targets), predictions, **options)
        if weighting is None:
            return tf.reduce_mean(values)
        weights, weight_mode = weighting
        return losses.weighted_mean(values, runtime.tensor(weights), weight_mode)

    return mean


def _derivative(
    function: Callable[[Tensor], Tensor], x: np.ndarray, upstream: np.ndarray | None = None
) -> np.ndarray:
    """Return upstream . df/dx; upstream is 1 where nothing is given."""
    with runtime.scope("cpu"), tf.GradientTape() as tape:
        point = runtime.tensor(x)
        tape.watch(point)
        y = function(point)
        weights = None if upstream is None else runtime.tensor(upstream)
        nothing = tf.UnconnectedGradients.ZERO
        return np.array(tape.gradient(y, point, weights, unconnected_gradients=nothing))
