"""Optimizers: `name(like, options)` returns the update rule; formulas stand in the catalogue.

A rule changes the parameters in place, given gradients, learning rate and step number (from 1). It works on
one flat array, so that a step costs the same few passes however many layers there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.numpy import schedules
from implementations.numpy.schedules import Rate
from implementations.spec import ElementSpec, OptimizerSpec

Update = Callable[[np.ndarray, np.ndarray, float, int], None]


def sgd(like: np.ndarray, *, momentum: float, nesterov: bool, momentum_mode: str) -> Update:
    velocity = np.zeros_like(like)

    def plain(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        parameters -= rate * gradients

    def rate_inside(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        change = rate * gradients
        np.multiply(velocity, momentum, out=velocity)
        np.subtract(velocity, change, out=velocity)
        parameters += momentum * velocity - change if nesterov else velocity

    def rate_outside(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        parameters -= rate * (gradients + momentum * velocity if nesterov else velocity)

    if momentum == 0:
        return plain
    return {"rate_inside": rate_inside, "rate_outside": rate_outside}[momentum_mode]


def rmsprop(like: np.ndarray, *, rho: float, epsilon: float, epsilon_mode: str) -> Update:
    mean_square = np.zeros_like(like)
    root = _ROOTS[epsilon_mode]

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean_square, gradients * gradients, rho)
        parameters -= rate * gradients / root(mean_square, epsilon)

    return update


def adagrad(
    like: np.ndarray, *, initial_accumulator_value: float, epsilon: float, epsilon_mode: str
) -> Update:
    accumulator = np.full_like(like, initial_accumulator_value)
    root = _ROOTS[epsilon_mode]

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        np.add(accumulator, gradients * gradients, out=accumulator)
        parameters -= rate * gradients / root(accumulator, epsilon)

    return update


def adam(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Update:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        correction_1, correction_2 = 1 - beta_1**step, math.sqrt(1 - beta_2**step)
        # plain form: m / c1 / (sqrt(v) / c2 + epsilon) is the hat form with epsilon times c2
        shifted = epsilon * correction_2 if epsilon_mode == "plain" else epsilon
        parameters -= (rate * correction_2 / correction_1) * mean / (np.sqrt(mean_square) + shifted)

    return update


_ROOTS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "inside_sqrt": lambda square, epsilon: np.sqrt(square + epsilon),
    "plain": lambda square, epsilon: np.sqrt(square) + epsilon,
}


def _average(average: np.ndarray, value: np.ndarray, kept: float) -> None:
    """Set average = kept * average + (1 - kept) * value, as average + (1 - kept) * (value - average)."""
    average += (1 - kept) * (value - average)


class Optimizer:
    """An update rule with its schedule and step count, for one flat array of parameters."""

    def __init__(self, spec: OptimizerSpec, convention: str, like: np.ndarray) -> None:
        options = spec.resolve(convention)
        self._rule: Update = globals()[spec.name](like, **options)
        self._rate = rate_of(spec)
        self._steps_done = 0

    def apply(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Change the parameters in place by one step."""
        rate = self._rate(self._steps_done)
        self._steps_done += 1
        self._rule(parameters, gradients, rate, self._steps_done)


def rate_of(spec: OptimizerSpec) -> Rate:
    """Return the specification's learning rate as a function of the step number."""
    rate = spec.learning_rate
    if isinstance(rate, ElementSpec):
        options: dict[str, Any] = catalog.schedule(rate.name).resolve(dict(rate.options))
        schedule: Rate = getattr(schedules, rate.name)(**options)
        return schedule
    return schedules.constant(rate)


class ListOptimizer(AbstractOptimizer):
    """The same rule for lists of arrays."""

    def __init__(self, spec: OptimizerSpec, convention: str) -> None:
        self._spec, self._convention = spec, convention
        self._optimizer: Optimizer | None = None

    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        flat = _flatten(parameters)
        self._optimizer = self._optimizer or Optimizer(self._spec, self._convention, flat)
        self._optimizer.apply(flat, _flatten(gradients))
        ends = np.cumsum([array.size for array in parameters])[:-1]
        parts = np.split(flat, ends)
        return [part.reshape(array.shape) for part, array in zip(parts, parameters, strict=True)]


def _flatten(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])
