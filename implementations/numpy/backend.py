"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from implementations.interface import (
    AbstractBackend,
    AbstractLearner,
    AbstractOptimizer,
    Framework,
    Operation,
    Placement,
    Support,
)
from implementations.numpy import activations, losses, metrics, native, runtime
from implementations.numpy.network import Learner, operations
from implementations.numpy.optimizers import ListOptimizer
from implementations.spec import ModelSpec, OptimizerSpec


class Backend(AbstractBackend):
    """Raw NumPy, which implements every convention and judges the frameworks in float64."""

    convention = "keras"

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

    def operations(self, learner: AbstractLearner[Any], train: Callable[[], None]) -> list[Operation]:
        assert isinstance(learner, Learner)
        return operations(learner, train)

    def native(self) -> Framework:
        return native

    def _activation(self, name: str, x: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        return np.array(getattr(activations, name)(x, **options))

    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        y = getattr(activations, name)(x, **options)
        return np.array(getattr(activations, f"{name}_gradient")(x, y, upstream, **options))

    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float:
        values = getattr(losses, name)(targets, predictions, **options)
        return float(losses.weighted_mean(values, *weighting) if weighting else np.mean(values))

    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray:
        gradient: np.ndarray = getattr(losses, f"{name}_gradient")(targets, predictions, **options)
        return losses.weighted_mean_gradient(gradient, *weighting) if weighting else gradient

    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        return np.asarray(getattr(metrics, name)(targets, predictions, **options), dtype=np.float64)

    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer:
        return ListOptimizer(spec, self.convention)

    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]:
        return Learner(model, placement, self.convention)
