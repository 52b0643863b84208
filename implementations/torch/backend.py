"""The backend: elements one by one, and whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from implementations.interface import (
    AbstractBackend,
    AbstractLearner,
    AbstractOptimizer,
    Framework,
    Operation,
    Placement,
    Support,
)
from implementations.processes import torch as process
from implementations.spec import ModelSpec, OptimizerSpec
from implementations.torch import activations, losses, metrics, native, runtime
from implementations.torch.network import Learner
from implementations.torch.optimizers import ListOptimizer


class Backend(AbstractBackend):
    """PyTorch, eager or compiled. Float32 products are never computed in TF32."""

    convention = "torch"

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
        y: Tensor = getattr(activations, name)(runtime.tensor(x), **options)
        return y.numpy().copy()

    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        point = runtime.tensor(x).requires_grad_()
        y = getattr(activations, name)(point, **options)
        (gradient,) = torch.autograd.grad(y, point, runtime.tensor(upstream))
        return gradient.numpy().copy()

    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float:
        function = _loss_function(name, options, weighting)
        return function(runtime.tensor(targets), runtime.tensor(predictions)).item()

    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray:
        point = runtime.tensor(predictions).requires_grad_()
        value = _loss_function(name, options, weighting)(runtime.tensor(targets), point)
        (gradient,) = torch.autograd.grad(value, point)
        return gradient.numpy().copy()

    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray:
        value: Tensor = getattr(metrics, name)(
            runtime.tensor(targets), runtime.tensor(predictions), **options
        )
        return value.numpy().astype(np.float64)

    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer:
        return ListOptimizer(spec, self.convention)

    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]:
        return Learner(model, placement, self.convention)


def _loss_function(
    name: str, options: dict[str, Any], weighting: tuple[np.ndarray, str] | None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the mean, weighted or not, as a function of targets and predictions."""
    function: Callable[..., Tensor] = partial(getattr(losses, name), **options)
    if weighting is None:
        return function
    weights, weight_mode = runtime.tensor(weighting[0]), weighting[1]
    return lambda targets, predictions: losses.weighted_mean(
        function(targets, predictions, reduction="none"), weights, weight_mode
    )
