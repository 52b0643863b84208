"""Optimizers: `name(like, options)` returns the update rule for one array; formulas stand in the catalogue.

A rule changes the parameters in place, given gradients and the few numbers that depend on learning rate and
step. Most work number by number, so that one flat array holds the parameters of all layers; it is worked
through in blocks that stay in the processor's cache. Those in `ARRAY_BY_ARRAY` look at a whole array.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.numpy import schedules
from implementations.numpy.arrays import NUMPY, ArrayModule
from implementations.numpy.recording import Recorder
from implementations.numpy.schedules import Rate
from implementations.spec import ElementSpec, OptimizerSpec

Numbers = Callable[[float, int], tuple[float, ...]]


def the_rate(rate: float, step: int) -> tuple[float, ...]:
    """Return the numbers of a rule that knows the rate and nothing else."""
    return (rate,)


BLOCK_BYTES = 2**17
"""Of each of the arrays that a rule goes through: a few of them fit into a core's second cache."""
ARRAY_BY_ARRAY = ("adafactor", "lamb", "muon")
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


@dataclass(frozen=True)
class Rule:
    """How an optimizer changes an array.

    Parameters
    ----------
    update
        Changes parameters in place, given gradients and the numbers.
    numbers
        Returns the numbers, given learning rate and step number (from 1).
    """

    update: Callable[..., None]
    numbers: Numbers = the_rate


def sgd(like: np.ndarray, *, momentum: float, nesterov: bool, momentum_mode: str) -> Rule:
    velocity = np.zeros_like(like)

    def plain(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        parameters -= rate * gradients

    def rate_inside(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        change = rate * gradients
        np.multiply(velocity, momentum, out=velocity)
        np.subtract(velocity, change, out=velocity)
        parameters += momentum * velocity - change if nesterov else velocity

    def rate_outside(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        parameters -= rate * (gradients + momentum * velocity if nesterov else velocity)

    if momentum == 0:
        return Rule(plain)
    return Rule({"rate_inside": rate_inside, "rate_outside": rate_outside}[momentum_mode])


def rmsprop(like: np.ndarray, *, rho: float, centered: bool, epsilon: float, epsilon_mode: str) -> Rule:
    mean_square, mean = np.zeros_like(like), np.zeros_like(like)
    root = _ROOTS[epsilon_mode]

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        _average(mean_square, gradients * gradients, rho)
        square = mean_square
        if centered:
            _average(mean, gradients, rho)
            square = mean_square - mean * mean
        parameters -= rate * gradients / root(square, epsilon)

    return Rule(update)


def adagrad(like: np.ndarray, *, initial_accumulator_value: float, epsilon: float, epsilon_mode: str) -> Rule:
    accumulator = np.full_like(like, initial_accumulator_value)
    root = _ROOTS[epsilon_mode]

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        np.add(accumulator, gradients * gradients, out=accumulator)
        parameters -= rate * gradients / root(accumulator, epsilon)

    return Rule(update)


def adadelta(like: np.ndarray, *, rho: float, epsilon: float) -> Rule:
    mean_square, mean_square_change = np.zeros_like(like), np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        _average(mean_square, gradients * gradients, rho)
        change = gradients * np.sqrt((mean_square_change + epsilon) / (mean_square + epsilon))
        _average(mean_square_change, change * change, rho)
        parameters -= rate * change

    return Rule(update)


def adam(
    like: np.ndarray,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    epsilon_mode: str,
    with_maximum: bool = False,
) -> Rule:
    mean, mean_square, maximum = np.zeros_like(like), np.zeros_like(like), np.zeros_like(like)

    def numbers(rate: float, step: int) -> tuple[float, float]:
        correction_1, correction_2 = 1 - beta_1**step, math.sqrt(1 - beta_2**step)
        # plain form: m / c1 / (sqrt(v) / c2 + epsilon) is the hat form with epsilon times c2
        shifted = epsilon * correction_2 if epsilon_mode == "plain" else epsilon
        return rate * correction_2 / correction_1, shifted

    def update(parameters: np.ndarray, gradients: np.ndarray, size: np.ndarray, shifted: np.ndarray) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        square = np.maximum(maximum, mean_square, out=maximum) if with_maximum else mean_square
        parameters -= size * mean / (np.sqrt(square) + shifted)

    return Rule(update, numbers)


def amsgrad(like: np.ndarray, **options: Any) -> Rule:
    return adam(like, **options, with_maximum=True)


def adamw(like: np.ndarray, **options: Any) -> Rule:
    return adam(like, **options)  # the decay comes before every rule


def adamax(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    mean, norm = np.zeros_like(like), np.zeros_like(like)
    inside, outside = (epsilon, 0.0) if epsilon_mode == "inside_max" else (0.0, epsilon)

    def update(parameters: np.ndarray, gradients: np.ndarray, size: np.ndarray) -> None:
        _average(mean, gradients, beta_1)
        np.maximum(beta_2 * norm, np.abs(gradients) + inside, out=norm)
        divisor = norm + outside
        # where epsilon is 0 and no gradient has come yet, the mean is 0 too
        parameters -= size * mean / (divisor + (divisor == 0))

    return Rule(update, lambda rate, step: (rate / (1 - beta_1**step),))


def nadam(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float) -> Rule:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)
    product = 1.0

    def momentum(step: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        nonlocal product
        now, after = momentum(step), momentum(step + 1)
        product *= now
        of_mean, of_gradient = after / (1 - product * after), (1 - now) / (1 - product)
        return rate * of_mean, rate * of_gradient, 1 / (1 - beta_2**step)

    def update(
        parameters: np.ndarray,
        gradients: np.ndarray,
        of_mean: np.ndarray,
        of_gradient: np.ndarray,
        correction: np.ndarray,
    ) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        ahead = of_mean * mean + of_gradient * gradients
        parameters -= ahead / (np.sqrt(correction * mean_square) + epsilon)

    return Rule(update, numbers)


def radam(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        size, rectification = rate / (1 - beta_1**step), rectifier(beta_2, step)
        if not rectification:
            return size, 0.0, 1.0
        return size * rectification * math.sqrt(1 - beta_2**step), 1.0, epsilon

    def update(
        parameters: np.ndarray, gradients: np.ndarray, size: np.ndarray, of_root: np.ndarray, rest: np.ndarray
    ) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        parameters -= size * mean / (of_root * np.sqrt(mean_square) + rest)

    return Rule(update, numbers)


def rectifier(beta_2: float, step: int) -> float:
    """Return RAdam's factor; 0 while the variance of the mean square cannot be estimated yet."""
    longest = 2 / (1 - beta_2) - 1
    length = longest - 2 * step * beta_2**step / (1 - beta_2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def lion(like: np.ndarray, *, beta_1: float, beta_2: float) -> Rule:
    momentum = np.zeros_like(like)

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        parameters -= rate * np.sign(beta_1 * momentum + (1 - beta_1) * gradients)
        _average(momentum, gradients, beta_2)

    return Rule(update)


def ftrl(
    like: np.ndarray,
    *,
    learning_rate_power: float,
    initial_accumulator_value: float,
    l1_regularization_strength: float,
    l2_regularization_strength: float,
    l2_shrinkage_regularization_strength: float,
    beta: float,
) -> Rule:
    accumulator, linear = np.full_like(like, initial_accumulator_value), np.zeros_like(like)
    l1, power = l1_regularization_strength, -learning_rate_power
    raised = np.sqrt if power == 0.5 else lambda x: x**power

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        before = raised(accumulator)
        np.add(accumulator, gradients * gradients, out=accumulator)
        after = raised(accumulator)
        shrunk = gradients + 2 * l2_shrinkage_regularization_strength * parameters
        np.add(linear, shrunk - (after - before) / rate * parameters, out=linear)
        quadratic = after / rate + 2 * (l2_regularization_strength + beta / (2 * rate))
        parameters[...] = (np.clip(linear, -l1, l1) - linear) / quadratic

    return Rule(update)


def adafactor(
    like: np.ndarray,
    *,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    epsilon_mode: str,
) -> Rule:
    added = epsilon_1 if epsilon_mode == "added" else 0.0
    vector = np.zeros_like(like)
    rows, columns = (
        (vector, vector) if like.ndim < 2 else (np.zeros_like(like[:, :1]), np.zeros_like(like[:1]))
    )

    def estimate(square: np.ndarray, kept: np.ndarray) -> np.ndarray:
        if like.ndim < 2:
            _average(vector, square, kept)
            return vector
        _average(rows, square.mean(axis=1, keepdims=True), kept)
        _average(columns, square.mean(axis=0, keepdims=True), kept)
        scale = rows.mean() if epsilon_mode == "added" else np.maximum(rows.mean(), epsilon_1)
        return rows / scale * columns

    def update(parameters: np.ndarray, gradients: np.ndarray, size: np.ndarray, kept: np.ndarray) -> None:
        size = size * np.maximum(_root_mean_square(parameters), epsilon_2)
        square = estimate(gradients * gradients + added, kept)
        if epsilon_mode == "clamped":
            square = np.maximum(square, epsilon_1 * epsilon_1)
        change = gradients / np.sqrt(square)
        parameters -= size / np.maximum(_root_mean_square(change) / clip_threshold, 1.0) * change

    return Rule(update, lambda rate, step: (min(rate, 1 / math.sqrt(step)), 1 - step**beta_2_decay))


def lamb(like: np.ndarray, *, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    mean, mean_square = np.zeros_like(like), np.zeros_like(like)

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        return rate, 1 / (1 - beta_1**step), 1 / (1 - beta_2**step)

    def update(
        parameters: np.ndarray,
        gradients: np.ndarray,
        rate: np.ndarray,
        correction_1: np.ndarray,
        correction_2: np.ndarray,
    ) -> None:
        _average(mean, gradients, beta_1)
        _average(mean_square, gradients * gradients, beta_2)
        change = correction_1 * mean / (np.sqrt(correction_2 * mean_square) + epsilon)
        size, change_size = _norm(parameters), _norm(change)
        both = (size > 0) & (change_size > 0)
        ratio = np.where(both, size / (change_size + (change_size == 0)), 1)
        parameters -= ratio * rate * change

    return Rule(update, numbers)


def muon(
    like: np.ndarray,
    *,
    momentum: float,
    nesterov: bool,
    rms_rate: float,
    adam_beta_1: float,
    adam_beta_2: float,
    epsilon: float,
) -> Rule:
    if like.ndim < 2:
        return adam(like, beta_1=adam_beta_1, beta_2=adam_beta_2, epsilon=epsilon, epsilon_mode="hat")
    velocity = np.zeros_like(like)
    size = rms_rate * math.sqrt(max(like.shape))

    def update(parameters: np.ndarray, gradients: np.ndarray, rate: np.ndarray) -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        parameters -= rate * size * _orthogonal(gradients + momentum * velocity if nesterov else velocity)

    return Rule(update)


def _orthogonal(x: np.ndarray) -> np.ndarray:
    """Return a matrix with the singular vectors of x and singular values near 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (_norm(x) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


_ROOTS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "inside_sqrt": lambda square, epsilon: np.sqrt(square + epsilon),
    "plain": lambda square, epsilon: np.sqrt(square) + epsilon,
}


def _average(average: np.ndarray, value: np.ndarray, kept: float | np.ndarray) -> None:
    """Set average = kept * average + (1 - kept) * value, as average + (1 - kept) * (value - average)."""
    average += (1 - kept) * (value - average)


def _norm(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(x * x))


def _root_mean_square(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(x * x))


class Optimizer:
    """An update rule with its schedule, clipping, weight decay and step count.

    Parameters
    ----------
    parameters, gradients
        All of them in one array each; a step reads the one and changes the other in place.
    shapes
        Of kernels and biases, in the order in which they lie in it.
    """

    def __init__(
        self,
        spec: OptimizerSpec,
        convention: str,
        parameters: np.ndarray,
        gradients: np.ndarray,
        shapes: Sequence[tuple[int, ...]],
        module: ArrayModule = NUMPY,
    ) -> None:
        options = spec.resolve(convention)
        self._weight_decay: float = options.pop("weight_decay")
        self._decoupled = options.pop("weight_decay_mode") == "decoupled"
        self._rate = rate_of(spec)
        self._steps_done = 0
        self._numbers: list[tuple[Numbers, list[Any]]] = []
        recorder = Recorder(module)
        self._decay = module.full((), 1, parameters.dtype)
        by_array = spec.name in ARRAY_BY_ARRAY
        clipping = [options.pop(name) for name in ("clipvalue", "clipnorm", "global_clipnorm")]
        clipped = _clipped(recorder.bound(gradients), shapes, *clipping)
        cut = partial(views, shapes=shapes) if by_array else blocks
        for part, gradient in zip(cut(recorder.bound(parameters)), cut(clipped), strict=True):
            rule: Rule = globals()[spec.name](part, **options)
            if by_array or not self._numbers:
                count = len(inspect.signature(rule.update).parameters) - 2
                self._numbers.append(
                    (rule.numbers, [module.full((), 0, parameters.dtype) for _ in range(count)])
                )
            if self._weight_decay and self._decoupled:
                part *= recorder.bound(self._decay)
            elif self._weight_decay:
                gradient = gradient + self._weight_decay * part
            rule.update(part, gradient, *map(recorder.bound, self._numbers[-1][1]))
        self.program = recorder.program()
        # whether all steps have the numbers of the first one
        self._fixed = not isinstance(spec.learning_rate, ElementSpec) and all(
            numbers is the_rate for numbers, _ in self._numbers
        )

    def apply(self) -> None:
        """Change the parameters by one step."""
        if not (self._fixed and self._steps_done):
            self._set_numbers()
        self.program.run()

    def _set_numbers(self) -> None:
        """Write the numbers of the next step where the program reads them."""
        rate = self._rate(self._steps_done)
        self._steps_done += 1
        if self._weight_decay:
            self._decay[...] = 1 - rate * self._weight_decay
        for numbers, places in self._numbers:
            for place, number in zip(places, numbers(rate, self._steps_done), strict=True):
                place[...] = number

    def observe(self, loss: float) -> None:
        """Tell a schedule that looks at losses how the epoch ended."""
        if isinstance(self._rate, schedules.reduce_on_plateau):
            self._rate.observe(loss)


def _clipped(
    gradients: Any,
    shapes: Sequence[tuple[int, ...]],
    clipvalue: float,
    clipnorm: float,
    global_clipnorm: float,
) -> Any:
    """Return the flat gradients within their bounds."""
    if clipvalue:
        return np.clip(gradients, -clipvalue, clipvalue)
    if clipnorm:
        return np.concatenate(
            [(part * _shrink(part, clipnorm)).reshape(-1) for part in views(gradients, shapes)]
        )
    return gradients * _shrink(gradients, global_clipnorm) if global_clipnorm else gradients


def _shrink(gradient: np.ndarray, norm: float) -> np.ndarray:
    """Return the factor that brings a gradient down to that norm."""
    return norm / np.maximum(_norm(gradient), norm)


def blocks(flat: Any) -> list[Any]:
    """Return consecutive parts of a flat array of `BLOCK_BYTES`."""
    length = max(1, BLOCK_BYTES // flat.dtype.itemsize)
    return [flat[start : start + length] for start in range(0, len(flat), length)]


def views(flat: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Return consecutive parts of a flat array in these shapes."""
    ends = [0, *itertools.accumulate(map(math.prod, shapes))]
    return [
        flat[start:end].reshape(*shape)
        for (start, end), shape in zip(itertools.pairwise(ends), shapes, strict=True)
    ]


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
        shapes = [array.shape for array in parameters]
        if self._optimizer is None:
            self._flat, self._gradients = _flatten(parameters), _flatten(gradients)
            self._optimizer = Optimizer(self._spec, self._convention, self._flat, self._gradients, shapes)
        self._flat[...], self._gradients[...] = _flatten(parameters), _flatten(gradients)
        self._optimizer.apply()
        return views(self._flat.copy(), shapes)

    def observe(self, loss: float) -> None:
        if self._optimizer:
            self._optimizer.observe(loss)


def _flatten(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])
