"""Learning-rate schedules: `name(options)` returns the function step number -> rate."""

from __future__ import annotations

import math
from collections.abc import Callable

Rate = Callable[[int], float]


def constant(learning_rate: float) -> Rate:
    return lambda step: learning_rate


def step(*, initial_learning_rate: float, decay_steps: float, decay_rate: float) -> Rate:
    return lambda step: initial_learning_rate * decay_rate ** (step // decay_steps)


def exponential(*, initial_learning_rate: float, decay_steps: float, decay_rate: float) -> Rate:
    return lambda step: initial_learning_rate * decay_rate ** (step / decay_steps)


def cosine(*, initial_learning_rate: float, decay_steps: float, alpha: float) -> Rate:
    def rate(step: int) -> float:
        share = min(step, decay_steps) / decay_steps
        return initial_learning_rate * ((1 - alpha) * 0.5 * (1 + math.cos(math.pi * share)) + alpha)

    return rate
