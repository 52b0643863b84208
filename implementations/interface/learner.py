"""Networks with loss and optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar, final

import numpy as np

from implementations import catalog, checks
from implementations.errors import InvalidInput
from implementations.interface.placement import Placement
from implementations.spec import ModelSpec

Native = TypeVar("Native")
"""A backend's own array type."""


class AbstractLearner(ABC, Generic[Native]):
    """A network with its loss and optimizer, ready to be trained.

    Public methods with NumPy arrays check their arguments. For timing there is a second way in, without
    checks or copies: `place` puts data on the device once, and `train_step`, `train_epoch` and `infer`
    take what it returned.
    """

    def __init__(self, model: ModelSpec, placement: Placement) -> None:
        self.model = replace(model, dtype=placement.dtype or model.dtype)
        self.placement = placement
        self._loss_element = catalog.loss(model.loss.name)
        checks.class_weight(self._loss_element, dict(model.loss.options), model.network.widths[-1])
        self._masks_drawn = 0

    @final
    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[Native, Native]:
        """Check examples and targets and put them where the network is, in its dtype.

        Parameters
        ----------
        x
            Shape (n, *inputs), finite numbers.
        y
            Class numbers of shape (n,) for sparse losses, else shape (n, units); (n,) is taken as (n, 1).

        Raises
        ------
        InvalidInput
            For a wrong shape or dtype, a class number out of range, NaN or infinity.
        """
        return self._place_inputs(self._inputs(x)), self._place_targets(self._targets(y, len(x)))

    @final
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the network's outputs, shape (n, units), in the network's dtype. Dropout is off."""
        return self._to_numpy(self.infer(self._place_inputs(self._inputs(x))))

    @final
    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the objective on these examples: mean loss plus penalties, as in prediction.

        Dropout is off, and batch_normalization takes its moving mean and variance.
        """
        return self._loss(*self.place(x, y))

    @final
    def gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Return the objective and its derivatives, shaped like `parameters()`, as in prediction.

        For moving means and variances, which follow no gradient, the arrays are 0.
        """
        return self._gradients(*self.place(x, y))

    @final
    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        """Train on one batch. May return before the device is done: see `synchronize`."""
        self.train_step(*self.place(x, y))

    @final
    def epoch(self, x: np.ndarray, y: np.ndarray, order: np.ndarray) -> None:
        """Train one step for each row of `order`, in the framework's own best-liked loop.

        Parameters
        ----------
        order
            Example numbers, shape (steps, batch_size), integers in [0, n).
        """
        placed = self.place(x, y)
        checks.order(order, len(x))
        self.train_epoch(*placed, order)

    @final
    def load_parameters(self, parameters: Sequence[np.ndarray]) -> None:
        """Start again from these parameters: the optimizer's state and step count are cleared.

        Raises
        ------
        InvalidInput
            If their number or shapes differ from `parameters()`, or they are no numbers.
        """
        shapes = self.model.network.parameter_shapes
        if len(parameters) != len(shapes):
            raise InvalidInput(
                "parameters",
                expected=f"{len(shapes)} arrays",
                got=str(len(parameters)),
                action="pass them all",
            )
        for parameter, shape in zip(parameters, shapes, strict=True):
            checks.same_shape("parameter", parameter, shape)
            checks.real("parameter", parameter)
        self._masks_drawn = 0
        self._load_parameters([np.asarray(parameter, dtype=self.model.dtype) for parameter in parameters])

    @final
    def draw_masks(self, examples: int) -> list[np.ndarray]:
        """Return the shared dropout masks of the next step, in the network's dtype."""
        from implementations import initial

        masks = initial.dropout_masks(self.model, examples, self._masks_drawn)
        self._masks_drawn += 1
        return [mask.astype(self.model.dtype) for mask in masks]

    @abstractmethod
    def parameters(self) -> list[np.ndarray]:
        """Return copies in the order of `LayerSpec.parameters`: kernel (inputs, units), bias (units,), ..."""

    @abstractmethod
    def observe(self, loss: float) -> None:
        """Tell the schedule `reduce_on_plateau` an epoch's validation loss; others take no notice."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has finished everything that was asked of it."""

    @abstractmethod
    def train_step(self, x: Native, y: Native) -> None:
        """Train on one placed batch."""

    @abstractmethod
    def train_epoch(self, x: Native, y: Native, order: np.ndarray) -> None:
        """Train on placed data, one step for each row of `order`."""

    @abstractmethod
    def infer(self, x: Native) -> Native:
        """Return outputs for placed examples; may return before the device is done."""

    @abstractmethod
    def _place_inputs(self, x: np.ndarray) -> Native: ...

    @abstractmethod
    def _place_targets(self, y: np.ndarray) -> Native: ...

    @abstractmethod
    def _to_numpy(self, array: Native) -> np.ndarray: ...

    @abstractmethod
    def _loss(self, x: Native, y: Native) -> float: ...

    @abstractmethod
    def _gradients(self, x: Native, y: Native) -> tuple[float, list[np.ndarray]]: ...

    @abstractmethod
    def _load_parameters(self, parameters: list[np.ndarray]) -> None: ...

    @final
    def _inputs(self, x: np.ndarray) -> np.ndarray:
        return checks.inputs(x, self.model.network.inputs, self.model.dtype)

    @final
    def _targets(self, y: np.ndarray, examples: int) -> np.ndarray:
        return checks.targets(
            y, examples, self.model.network.widths[-1], self._loss_element, self.model.dtype
        )
