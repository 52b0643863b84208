"""Plain scripts: the same training as somebody writes it who has only that framework in mind.

They know no interface. Each takes a network of dense layers, ReLU between them, sparse cross-entropy from
logits and SGD with momentum; the same first parameters, data and batches as the backend beside which it is
timed; and must come to the same parameters before it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """What a script trains.

    Parameters
    ----------
    parameters
        Kernel (inputs, units) and bias (units,) of each layer.
    x, y
        All examples (n, inputs), in float32, and their classes (n,).
    order
        Example numbers of an epoch's steps, (steps, batch_size).
    """

    parameters: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    order: np.ndarray
    learning_rate: float
    momentum: float

    @property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernel and bias of each layer."""
        return list(zip(self.parameters[::2], self.parameters[1::2], strict=True))

    @property
    def batch_size(self) -> int:
        """Examples in a step."""
        return self.order.shape[1]

    @property
    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Examples and classes of each step."""
        return [(self.x[batch], self.y[batch]) for batch in self.order]


@dataclass(frozen=True)
class Script:
    """A training that can be timed.

    Parameters
    ----------
    steps
        Takes so many steps, one call each, batch after batch, and waits for the last; None if the framework
        has no such thing.
    epochs
        Trains for so many epochs, the way the framework likes best, and waits.
    parameters
        Returns kernels and biases as they are now; None if they were never the task's.
    shuffles
        Whether an epoch takes its batches in an order of its own, so that only steps can be compared.
    """

    steps: Callable[[int], None] | None
    epochs: Callable[[int], None] | None
    parameters: Callable[[], list[np.ndarray]] | None
    shuffles: bool = False
