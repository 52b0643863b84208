"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops

from implementations.interface import (
    AbstractBackend,
    AbstractLearner,
    AbstractOptimizer,
    Framework,
    Operation,
    Placement,
    Support,
)
from implementations.keras import activations, losses, metrics, native, runtime
from implementations.keras.network import Learner
from implementations.keras.optimizers import ListOptimizer
from implementations.keras.runtime import process
from implementations.spec import ModelSpec, OptimizerSpec


class Backend(AbstractBackend):
    """Keras 3. Float32 products are never computed in TF32."""

    convention = "keras"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        runtime.compute_in("float32")
        process.forbid_tf32()

    def versions(self) -> dict[str, str]:
        return {"keras": keras.__version__, **process.versions()}

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
            function = _compiled(getattr(activations, name), tuple(options.items()), x.dtype.name)
            return _to_numpy(function(ops.convert_to_tensor(x)))

    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.precision(x.dtype.name):
            point, weights = keras.Variable(x, dtype=x.dtype.name), ops.convert_to_tensor(upstream)
            differentiate = runtime.differentiated(
                lambda: ops.sum(weights * getattr(activations, name)(point.value, **options)), [point]
            )
            _, (gradient,) = differentiate()
            return _to_numpy(gradient)

    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float:
        with runtime.precision(predictions.dtype.name):
            function = _compiled(getattr(losses, name), tuple(options.items()), predictions.dtype.name)
            values = function(ops.convert_to_tensor(targets), ops.convert_to_tensor(predictions))
            return float(_mean(values, weighting))

    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray:
        with runtime.precision(predictions.dtype.name):
            point = keras.Variable(predictions, dtype=predictions.dtype.name)
            given = ops.convert_to_tensor(targets)
            differentiate = runtime.differentiated(
                lambda: _mean(getattr(losses, name)(given, point.value, **options), weighting), [point]
            )
            _, (gradient,) = differentiate()
            return _to_numpy(gradient)

    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        with runtime.precision(predictions.dtype.name):
            function = _compiled(getattr(metrics, name), tuple(options.items()), predictions.dtype.name)
            told = function(ops.convert_to_tensor(targets), ops.convert_to_tensor(predictions))
            return _to_numpy(told).astype(np.float64)

    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer:
        return ListOptimizer(spec, self.convention)

    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]:
        return Learner(model, placement, self.convention)


@cache
def _compiled(function: Any, options: tuple[tuple[str, Any], ...], dtype: str) -> Any:
    """Return the function for these options; kept, so that it is compiled once for each shape."""
    return runtime.compiled(partial(function, **dict(options)))


def _mean(values: Any, weighting: tuple[np.ndarray, str] | None) -> Any:
    """Return the mean of examples' losses, weighted or not."""
    return losses.weighted_mean(values, *weighting) if weighting else ops.mean(values)


def _to_numpy(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor))
