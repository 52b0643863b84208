"""Optimizers on their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from implementations import checks
from implementations.errors import InvalidInput


class AbstractOptimizer(ABC):
    """An optimizer on its own: lists of arrays in and out, state kept inside."""

    _first: list[tuple[tuple[int, ...], np.dtype]] | None = None
    """Shapes and dtypes of the first step, which the state keeps."""

    @final
    def step(self, parameters: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the parameters after one step.

        Parameters
        ----------
        parameters, gradients
            Arrays of equal shapes and one dtype, float32 or float64; the same shapes at each call.

        Raises
        ------
        InvalidInput
            If the lists do not fit each other, or not those of the first call.
        """
        if len(parameters) != len(gradients) or not parameters:
            raise InvalidInput(
                "gradients",
                expected=f"one for each of {len(parameters)} parameters",
                got=str(len(gradients)),
                action="pass matching, non-empty lists",
            )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            checks.floating("parameter", parameter)
            checks.same_shape("gradient", gradient, parameter.shape)
            if gradient.dtype != parameters[0].dtype or parameter.dtype != parameters[0].dtype:
                raise InvalidInput(
                    "gradient",
                    expected=f"dtype {parameters[0].dtype} throughout",
                    got=f"{parameter.dtype} and {gradient.dtype}",
                    action="convert them",
                )
        given = [(parameter.shape, parameter.dtype) for parameter in parameters]
        self._first = self._first or given
        if given != self._first:
            raise InvalidInput(
                "parameters",
                expected="the shapes and dtype of the first step",
                got=", ".join(map(checks.described, parameters)),
                action="make a new optimizer for them",
            )
        return self._step(list(parameters), list(gradients))

    @abstractmethod
    def observe(self, loss: float) -> None:
        """Tell the schedule `reduce_on_plateau` an epoch's validation loss; others take no notice."""

    @abstractmethod
    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]: ...
