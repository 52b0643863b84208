"""Backends: a framework's elements one by one, and whole networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from implementations import catalog, checks
from implementations.errors import BackendUnavailable, DeviceUnavailable
from implementations.interface.framework import Framework
from implementations.interface.learner import AbstractLearner
from implementations.interface.operation import Operation
from implementations.interface.optimizer import AbstractOptimizer
from implementations.interface.placement import Placement, Support
from implementations.spec import ModelSpec, OptimizerSpec


class AbstractBackend(ABC):
    """One framework: its elements one by one, and whole networks.

    Parameters
    ----------
    name
        The registry's name for it, such as `keras-jax`.
    """

    convention: str
    """What this framework means where names are ambiguous: `keras` or `torch`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @final
    def activation(self, name: str, x: np.ndarray, **options: Any) -> np.ndarray:
        """Return f(x): same shape and dtype as x (float32 or float64); `glu` halves the last axis."""
        resolved = catalog.activation(name).resolve(options, self.convention)
        checks.outputs_shape(name, checks.floating("x", x))
        return self._activation(name, x, resolved)

    @final
    def activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Return the vector-Jacobian product upstream . df/dx, by the framework's own autodiff.

        In NumPy the derivative is written by hand. Upstream has the shape and dtype of f(x).
        """
        resolved = catalog.activation(name).resolve(options, self.convention)
        outputs = checks.outputs_shape(name, checks.floating("x", x))
        checks.same_shape("upstream", checks.floating("upstream", upstream), outputs)
        return self._activation_gradient(name, x, upstream.astype(x.dtype, copy=False), resolved)

    @final
    def loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        *,
        sample_weight: np.ndarray | None = None,
        **options: Any,
    ) -> float:
        """Return the mean loss; predictions have shape (n, k), targets as the catalogue says.

        Parameters
        ----------
        sample_weight
            A weight w for each example's loss l, shape (n,). The mean is then the sum of w l, divided by n
            or, with the option `weight_mode="weights"`, by the sum of w.

        Raises
        ------
        InvalidInput
            Besides arrays and options that do not fit: for weights that are negative or not finite, of a loss
            that sums over all examples, besides class_weight, or all 0 where their sum is the divisor.

        Examples
        --------
        >>> from implementations import load_backend
        >>> backend, weights = load_backend("numpy"), np.array([3.0, 1.0])
        >>> pair = np.array([[0.0], [0.0]]), np.array([[1.0], [2.0]])
        >>> backend.loss("mean_squared_error", *pair, sample_weight=weights)
        3.5
        >>> backend.loss("mean_squared_error", *pair, sample_weight=weights, weight_mode="weights")
        1.75
        """
        return self._loss(name, *self._asked_loss(name, targets, predictions, sample_weight, options))

    @final
    def loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        *,
        sample_weight: np.ndarray | None = None,
        **options: Any,
    ) -> np.ndarray:
        """Return d loss / d predictions, in the shape and dtype of predictions; arguments as for `loss`."""
        return self._loss_gradient(
            name, *self._asked_loss(name, targets, predictions, sample_weight, options)
        )

    @final
    def metric(self, name: str, targets: np.ndarray, predictions: np.ndarray, **options: Any) -> np.ndarray:
        """Return the metric of all examples: a float64 array without axes, or a matrix.

        Examples
        --------
        >>> from implementations import load_backend
        >>> scores = np.array([[0.9, 0.1], [0.8, 0.2]])
        >>> float(load_backend("numpy").metric("accuracy", np.array([0, 1]), scores))
        0.5
        """
        element = catalog.metric(name)
        resolved = element.resolve(options, self.convention)
        return self._metric(name, *checks.metric_pair(element, targets, predictions), resolved)

    @final
    def optimizer(self, name: str, *, learning_rate: Any, **options: Any) -> AbstractOptimizer:
        """Return the optimizer with its state at zero; `learning_rate` is a number or a schedule's table."""
        spec = OptimizerSpec.from_dict({"name": name, "learning_rate": learning_rate, **options})
        return self._optimizer(spec)

    @final
    def build(
        self,
        model: ModelSpec,
        parameters: Sequence[np.ndarray] | None = None,
        placement: Placement | None = None,
    ) -> AbstractLearner[Any]:
        """Return the model, built and ready to be trained.

        Parameters
        ----------
        parameters
            Initial ones; by default `implementations.initial.parameters(model)`.
        placement
            Device, dtype and mode; by default the CPU, the model's dtype, and not compiled.

        Raises
        ------
        DeviceUnavailable
            If this backend sees no such device here.
        UnsupportedConvention
            If it cannot express the asked-for convention.
        BackendUnavailable
            If it has no compiled mode, or lacks the compiler, and the placement asks for it.
        """
        from implementations import initial, registry

        placement = placement or Placement()
        support = self.devices().get(
            placement.device, Support(False, "no such device; there are cpu and gpu")
        )
        if not support.available:
            raise DeviceUnavailable(
                f"device {placement.device} of {self.name}",
                expected="a usable device",
                got=support.reason,
                action="choose --device cpu, or see `versus doctor`",
            )
        if placement.compiled and not (mode := registry.support(self.name, compiled=True)).available:
            raise BackendUnavailable(
                f"compiled mode of {self.name}",
                expected="a way to compile",
                got=mode.reason,
                action="leave `compiled` out of the placement, or see `versus doctor`",
            )
        learner = self._build(model, placement)
        learner.load_parameters(initial.parameters(model) if parameters is None else parameters)
        return learner

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each package that takes part."""

    @abstractmethod
    def devices(self) -> Mapping[str, Support]:
        """Return for `cpu` and `gpu` whether this backend can compute there and, if not, why."""

    @abstractmethod
    def peak_device_bytes(self) -> int | None:
        """Return the most GPU memory that the framework has held since the last call; None without a GPU.

        JAX and CuPy cannot forget an earlier peak: there it is the most since the start.
        """

    @abstractmethod
    def set_threads(self, threads: int) -> None:
        """Limit the threads used for one operation, by the framework's own switch."""

    @abstractmethod
    def threads(self) -> int:
        """Return how many threads the framework says it uses for one operation."""

    @abstractmethod
    def operations(self, learner: AbstractLearner[Any], train: Callable[[], None]) -> list[Operation]:
        """Return what is done on the CPU in `train`.

        It takes steps of a learner that has taken such before, and waits for the last one.
        """

    @abstractmethod
    def native(self) -> Framework:
        """Return the framework as it is by itself, with none of this backend's settings."""

    @abstractmethod
    def _activation(self, name: str, x: np.ndarray, options: dict[str, Any]) -> np.ndarray: ...

    @abstractmethod
    def _activation_gradient(
        self, name: str, x: np.ndarray, upstream: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> float: ...

    @abstractmethod
    def _loss_gradient(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        options: dict[str, Any],
        weighting: tuple[np.ndarray, str] | None,
    ) -> np.ndarray: ...

    @abstractmethod
    def _metric(
        self, name: str, targets: np.ndarray, predictions: np.ndarray, options: dict[str, Any]
    ) -> np.ndarray: ...

    @abstractmethod
    def _optimizer(self, spec: OptimizerSpec) -> AbstractOptimizer: ...

    @abstractmethod
    def _build(self, model: ModelSpec, placement: Placement) -> AbstractLearner[Any]: ...

    @final
    def _asked_loss(
        self,
        name: str,
        targets: np.ndarray,
        predictions: np.ndarray,
        sample_weight: np.ndarray | None,
        options: dict[str, Any],
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any], tuple[np.ndarray, str] | None]:
        """Return the checked targets, predictions, options, and weights of examples with their mode."""
        element = catalog.loss(name)
        weight_mode = None if sample_weight is None else options.pop("weight_mode", "examples")
        resolved = element.resolve(options, self.convention)
        pair = checks.loss_pair(element, targets, predictions)
        checks.class_weight(element, resolved, predictions.shape[1])
        if sample_weight is None:
            return *pair, resolved, None
        weighting = checks.sample_weight(element, sample_weight, weight_mode, resolved, predictions)
        return *pair, resolved, weighting
