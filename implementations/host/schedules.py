"""Learning-rate schedules: `name(options)` returns the function step number -> rate.

Formulas stand in the catalogue.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

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


def polynomial(
    *, initial_learning_rate: float, decay_steps: float, end_learning_rate: float, power: float
) -> Rate:
    def rate(step: int) -> float:
        left = 1 - min(step, decay_steps) / decay_steps
        return (initial_learning_rate - end_learning_rate) * left**power + end_learning_rate

    return rate


def cosine_restarts(
    *, initial_learning_rate: float, first_decay_steps: float, t_mul: float, m_mul: float, alpha: float
) -> Rate:
    def rate(step: int) -> float:
        since, length, height = float(step), first_decay_steps, 1.0
        while since >= length:
            since, length, height = since - length, length * t_mul, height * m_mul
        cosine = 0.5 * height * (1 + math.cos(math.pi * since / length))
        return initial_learning_rate * ((1 - alpha) * cosine + alpha)

    return rate


def inverse_time(*, initial_learning_rate: float, decay_steps: float, decay_rate: float) -> Rate:
    return lambda step: initial_learning_rate / (1 + decay_rate * step / decay_steps)


def piecewise_constant(*, boundaries: Sequence[float], values: Sequence[float]) -> Rate:
    return lambda step: values[bisect.bisect_left(boundaries, step)]


def linear_warmup(*, initial_learning_rate: float, warmup_target: float, warmup_steps: float) -> Rate:
    return polynomial(
        initial_learning_rate=initial_learning_rate,
        decay_steps=warmup_steps,
        end_learning_rate=warmup_target,
        power=1.0,
    )


class reduce_on_plateau:  # noqa: N801  called like the functions above
    """A rate that falls when the observed losses no longer do."""

    def __init__(
        self, *, initial_learning_rate: float, factor: float, patience: float, min_delta: float, min_lr: float
    ) -> None:
        self._rate, self._best, self._waited = initial_learning_rate, math.inf, 0
        self._factor, self._patience, self._min_delta, self._min_lr = factor, patience, min_delta, min_lr

    def __call__(self, step: int) -> float:
        return self._rate

    def observe(self, loss: float) -> None:
        if loss < self._best - self._min_delta:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self._patience:
            self._rate, self._waited = max(self._rate * self._factor, self._min_lr), 0
