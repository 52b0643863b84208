"""Optimizers: `name(like, options)` returns the update rule for one array; formulas stand in the catalogue.

A rule changes the parameters in place, given gradients, learning rate and step number (from 1). Most work
number by number, so that one flat array holds the parameters of all layers and a step costs the same few
passes however many layers there are. Those in `ARRAY_BY_ARRAY` look at a whole kernel or bias.
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

ARRAY_BY_ARRAY = ("adafactor", "lamb", "muon")
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


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


def rmsprop(like: np.ndarray, *, rho: float, centered: bool, epsilon: float, epsilon_mode: str) -> Update:
    mean_square, mean = np.zeros_like(like), np.zeros_like(like)
    root = _ROOTS[epsilon_mode]

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean_square, gradients * gradients, rho)
        square = mean_square
        if centered:
            _average(mean, gradients, rho)
            square = mean_square - mean * mean
        parameters -= rate * gradients / root(square, epsilon)

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


def adadelta(like: np.ndarray, *, rho: float, epsilon: float) -> Update:
    mean_square, mean_square_change = np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean_square, gradients * gradients, rho)
        change = gradients * np.sqrt((mean_square_change + epsilon) / (mean_square + epsilon))
        _average(mean_square_change, change * change, rho)
        parameters -= rate * change

    return update


def adam(
    like: np.ndarray,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    epsilon_mode: str,
    with_maximum: bool = False,
) -> Update:
    mean, mean_square, maximum = np.zeros_like(like), np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        square = np.maximum(maximum, mean_square, out=maximum) if with_maximum else mean_square
        correction_1, correction_2 = 1 - beta_1**step, math.sqrt(1 - beta_2**step)
        # plain form: m / c1 / (sqrt(v) / c2 + epsilon) is the hat form with epsilon times c2
        shifted = epsilon * correction_2 if epsilon_mode == "plain" else epsilon
        parameters -= (rate * correction_2 / correction_1) * mean / (np.sqrt(square) + shifted)

    return update


def amsgrad(like: np.ndarray, **options: Any) -> Update:
    return adam(like, **options, with_maximum=True)


def adamw(like: np.ndarray, **options: Any) -> Update:
    return adam(like, **options)  # the decay comes before every rule


def adamax(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Update:
    mean, norm = np.zeros_like(like), np.zeros_like(like)
    inside, outside = (epsilon, 0.0) if epsilon_mode == "inside_max" else (0.0, epsilon)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean, gradients, beta_1)
        np.maximum(beta_2 * norm, np.abs(gradients) + inside, out=norm)
        with np.errstate(invalid="ignore"):  # 0 / 0 where epsilon is 0 and no gradient has come yet
            change = np.where(mean == 0, 0, mean / (norm + outside))
        parameters -= rate / (1 - beta_1**step) * change

    return update


def nadam(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float) -> Update:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)
    product = 1.0

    def momentum(step: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        nonlocal product
        now, after = momentum(step), momentum(step + 1)
        product *= now
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        ahead = after / (1 - product * after) * mean + (1 - now) / (1 - product) * gradients
        parameters -= rate * ahead / (np.sqrt(mean_square / (1 - beta_2**step)) + epsilon)

    return update


def radam(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float) -> Update:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        change = mean / (1 - beta_1**step)
        if rectification := rectifier(beta_2, step):
            change *= rectification * math.sqrt(1 - beta_2**step) / (np.sqrt(mean_square) + epsilon)
        parameters -= rate * change

    return update


def rectifier(beta_2: float, step: int) -> float:
    """Return RAdam's factor; 0 while the variance of the mean square cannot be estimated yet."""
    longest = 2 / (1 - beta_2) - 1
    length = longest - 2 * step * beta_2**step / (1 - beta_2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def lion(like: np.ndarray, *, beta_1: float, beta_2: float) -> Update:
    momentum = np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        parameters -= rate * np.sign(beta_1 * momentum + (1 - beta_1) * gradients)
        _average(momentum, gradients, beta_2)

    return update


def ftrl(
    like: np.ndarray,
    *,
    learning_rate_power: float,
    initial_accumulator_value: float,
    l1_regularization_strength: float,
    l2_regularization_strength: float,
    l2_shrinkage_regularization_strength: float,
    beta: float,
) -> Update:
    accumulator, linear = np.full_like(like, initial_accumulator_value), np.zeros_like(like)
    l1, power = l1_regularization_strength, -learning_rate_power

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        before = accumulator**power
        np.add(accumulator, gradients * gradients, out=accumulator)
        after = accumulator**power
        shrunk = gradients + 2 * l2_shrinkage_regularization_strength * parameters
        np.add(linear, shrunk - (after - before) / rate * parameters, out=linear)
        quadratic = after / rate + 2 * (l2_regularization_strength + beta / (2 * rate))
        parameters[...] = (np.clip(linear, -l1, l1) - linear) / quadratic

    return update


def adafactor(
    like: np.ndarray,
    *,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    epsilon_mode: str,
) -> Update:
    added = epsilon_1 if epsilon_mode == "added" else 0.0
    rows, columns = np.zeros((len(like), 1), like.dtype), np.zeros((1, like.shape[-1]), like.dtype)
    vector = np.zeros_like(like)

    def estimate(square: np.ndarray, kept: float) -> np.ndarray:
        if square.ndim < 2:
            _average(vector, square, kept)
            return vector
        _average(rows, square.mean(axis=1, keepdims=True), kept)
        _average(columns, square.mean(axis=0, keepdims=True), kept)
        scale = rows.mean() if epsilon_mode == "added" else max(rows.mean(), epsilon_1)
        return rows / scale * columns

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        size = max(epsilon_2, _root_mean_square(parameters)) * min(rate, 1 / math.sqrt(step))
        square = estimate(gradients * gradients + added, 1 - step**beta_2_decay)
        if epsilon_mode == "clamped":
            square = np.maximum(square, epsilon_1 * epsilon_1)
        change = gradients / np.sqrt(square)
        parameters -= size / max(1.0, _root_mean_square(change) / clip_threshold) * change

    return update


def lamb(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float) -> Update:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        change = mean / (1 - beta_1**step) / (np.sqrt(mean_square / (1 - beta_2**step)) + epsilon)
        size, change_size = float(np.linalg.norm(parameters)), float(np.linalg.norm(change))
        ratio = size / change_size if size > 0 and change_size > 0 else 1.0
        parameters -= ratio * rate * change

    return update


def muon(
    like: np.ndarray,
    *,
    momentum: float,
    nesterov: bool,
    rms_rate: float,
    adam_beta_1: float,
    adam_beta_2: float,
    epsilon: float,
) -> Update:
    if like.ndim < 2:
        return adam(like, beta_1=adam_beta_1, beta_2=adam_beta_2, epsilon=epsilon, epsilon_mode="hat")
    velocity = np.zeros_like(like)
    size = rms_rate * math.sqrt(max(like.shape))

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: float, step: int) -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        parameters -= rate * size * _orthogonal(gradients + momentum * velocity if nesterov else velocity)

    return update


def _orthogonal(x: np.ndarray) -> np.ndarray:
    """Return a matrix with the singular vectors of x and singular values near 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (float(np.linalg.norm(x)) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


_ROOTS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "inside_sqrt": lambda square, epsilon: np.sqrt(square + epsilon),
    "plain": lambda square, epsilon: np.sqrt(square) + epsilon,
}


def _average(average: np.ndarray, value: np.ndarray, kept: float) -> None:
    """Set average = kept * average + (1 - kept) * value, as average + (1 - kept) * (value - average)."""
    average += (1 - kept) * (value - average)


def _root_mean_square(x: np.ndarray) -> float:
    return math.sqrt(float(np.mean(x * x)))


class Optimizer:
    """An update rule with its schedule, clipping, weight decay and step count.

    Parameters
    ----------
    flat
        All parameters in one array.
    shapes
        Of kernels and biases, in the order in which they lie in it.
    """

    def __init__(
        self, spec: OptimizerSpec, convention: str, flat: np.ndarray, shapes: Sequence[tuple[int, ...]]
    ) -> None:
        options = spec.resolve(convention)
        self._weight_decay: float = options.pop("weight_decay")
        self._decoupled = options.pop("weight_decay_mode") == "decoupled"
        self._clipvalue, self._clipnorm, self._global_clipnorm = (
            options.pop(name) for name in ("clipvalue", "clipnorm", "global_clipnorm")
        )
        rule = globals()[spec.name]
        self._shapes = list(shapes)
        self._by_array = spec.name in ARRAY_BY_ARRAY
        parts = views(flat, self._shapes) if self._by_array else [flat]
        self._rules: list[Update] = [rule(part, **options) for part in parts]
        self._rate = rate_of(spec)
        self._steps_done = 0

    def apply(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Change the flat parameters in place by one step."""
        rate = self._rate(self._steps_done)
        self._steps_done += 1
        gradients = self._clipped(gradients)
        if self._weight_decay:
            if self._decoupled:
                parameters *= 1 - rate * self._weight_decay
            else:
                gradients = gradients + self._weight_decay * parameters
        if not self._by_array:
            self._rules[0](parameters, gradients, rate, self._steps_done)
            return
        arrays = views(parameters, self._shapes), views(gradients, self._shapes)
        for rule, array, gradient in zip(self._rules, *arrays, strict=True):
            rule(array, gradient, rate, self._steps_done)

    def observe(self, loss: float) -> None:
        """Tell a schedule that looks at losses how the epoch ended."""
        if isinstance(self._rate, schedules.reduce_on_plateau):
            self._rate.observe(loss)

    def _clipped(self, gradients: np.ndarray) -> np.ndarray:
        if self._clipvalue:
            return np.clip(gradients, -self._clipvalue, self._clipvalue)
        if self._clipnorm:
            parts = views(gradients, self._shapes)
            return np.concatenate([(part * _shrink(part, self._clipnorm)).ravel() for part in parts])
        if self._global_clipnorm:
            return gradients * _shrink(gradients, self._global_clipnorm)
        return gradients


def _shrink(gradient: np.ndarray, norm: float) -> float:
    """Return the factor that brings a gradient down to that norm."""
    return norm / max(float(np.linalg.norm(gradient)), norm)


def views(flat: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Return consecutive parts of a flat array in these shapes."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


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
        flat, shapes = _flatten(parameters), [array.shape for array in parameters]
        self._optimizer = self._optimizer or Optimizer(self._spec, self._convention, flat, shapes)
        self._optimizer.apply(flat, _flatten(gradients))
        return views(flat, shapes)

    def observe(self, loss: float) -> None:
        if self._optimizer:
            self._optimizer.observe(loss)


def _flatten(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])
