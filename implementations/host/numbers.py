"""The numbers of an optimizer's step: `name(options)` returns the function rate, step number -> numbers.

Steps count from 1. Formulas stand in the catalogue.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

Numbers = Callable[[float, int], tuple[float, ...]]


def rate_alone(rate: float, step: int) -> tuple[float]:
    return (rate,)


def adam(beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Numbers:
    """Return step size and epsilon."""

    def numbers(rate: float, step: int) -> tuple[float, float]:
        correction_1, correction_2 = 1 - beta_1**step, math.sqrt(1 - beta_2**step)
        # plain form: m / c1 / (sqrt(v) / c2 + epsilon) is the hat form with epsilon times c2
        shifted = epsilon * correction_2 if epsilon_mode == "plain" else epsilon
        return rate * correction_2 / correction_1, shifted

    return numbers


def adamax(beta_1: float) -> Numbers:
    """Return the step size."""
    return lambda rate, step: (rate / (1 - beta_1**step),)


def nadam(beta_1: float, beta_2: float, momentum_decay: float) -> Numbers:
    """Return the factors of mean, gradient and mean square."""

    def momentum(step: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))

    @lru_cache(maxsize=2)  # a step asks for the product of the step before
    def product(step: int) -> float:
        return momentum(step) * product(step - 1) if step else 1.0

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        now, after = momentum(step), momentum(step + 1)
        of_mean, of_gradient = after / (1 - product(step) * after), (1 - now) / (1 - product(step))
        return rate * of_mean, rate * of_gradient, 1 / (1 - beta_2**step)

    return numbers


def radam(beta_1: float, beta_2: float, epsilon: float) -> Numbers:
    """Return step size, the factor of the root (0: no root) and what is added to it."""

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        size, rectification = rate / (1 - beta_1**step), _rectifier(beta_2, step)
        if not rectification:
            return size, 0.0, 1.0
        return size * rectification * math.sqrt(1 - beta_2**step), 1.0, epsilon

    return numbers


def _rectifier(beta_2: float, step: int) -> float:
    """Return RAdam's factor; 0 while the variance of the mean square cannot be estimated yet."""
    longest = 2 / (1 - beta_2) - 1
    length = longest - 2 * step * beta_2**step / (1 - beta_2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def adafactor(beta_2_decay: float) -> Numbers:
    """Return the relative step size, and how much of the mean square is kept."""
    return lambda rate, step: (min(rate, 1 / math.sqrt(step)), 1 - step**beta_2_decay)


def lamb(beta_1: float, beta_2: float) -> Numbers:
    """Return rate and the factors of mean and mean square."""
    return lambda rate, step: (rate, 1 / (1 - beta_1**step), 1 / (1 - beta_2**step))


def muon(of_vectors: Numbers) -> Numbers:
    """Return the rate, for matrices, and what Adam takes for vectors."""
    return lambda rate, step: (rate, *of_vectors(rate, step))
