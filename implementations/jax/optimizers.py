"""Optimizers: `name(options)` returns the update rule for one array; formulas stand in the catalogue.

JAX has no optimizers of its own. A rule is a pure function from parameters, gradient and state to new
parameters and state, given the few numbers that depend on learning rate and step: these are computed in
float64 on the host, so that 1 - beta^t keeps its digits in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.jax import runtime, schedules
from implementations.jax.schedules import Rate
from implementations.spec import ElementSpec, OptimizerSpec

State = dict[str, Array]
Tree = Any
"""Arrays in lists and dictionaries."""

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


def _rate_alone(rate: float, step: int) -> tuple[float, ...]:
    return (rate,)


@dataclass(frozen=True)
class Rule:
    """How an optimizer changes an array.

    Parameters
    ----------
    start
        Returns the first state of an array, made in NumPy: a program for it would have to be compiled.
    update
        Returns new parameters and state, given parameters, gradient, state and the numbers.
    numbers
        Returns the numbers, given learning rate and step number (from 1).
    """

    start: Callable[[np.ndarray], dict[str, np.ndarray]]
    update: Callable[..., tuple[Array, State]]
    numbers: Callable[[float, int], tuple[float, ...]] = _rate_alone


def sgd(*, momentum: float, nesterov: bool, momentum_mode: str) -> Rule:
    def plain(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        return x - rate * gradient, state

    def rate_inside(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        change = rate * gradient
        velocity = momentum * state["velocity"] - change
        return x + (momentum * velocity - change if nesterov else velocity), {"velocity": velocity}

    def rate_outside(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        velocity = momentum * state["velocity"] + gradient
        return x - rate * (gradient + momentum * velocity if nesterov else velocity), {"velocity": velocity}

    if momentum == 0:
        return Rule(_zeros(), plain)
    return Rule(_zeros("velocity"), {"rate_inside": rate_inside, "rate_outside": rate_outside}[momentum_mode])


def rmsprop(*, rho: float, centered: bool, epsilon: float, epsilon_mode: str) -> Rule:
    root = _ROOTS[epsilon_mode]

    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        square = _average(state["mean_square"], gradient * gradient, rho)
        return x - rate * gradient / root(square, epsilon), {"mean_square": square}

    def centered_update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        mean_square = _average(state["mean_square"], gradient * gradient, rho)
        mean = _average(state["mean"], gradient, rho)
        divisor = root(mean_square - mean * mean, epsilon)
        return x - rate * gradient / divisor, {"mean_square": mean_square, "mean": mean}

    return (
        Rule(_zeros("mean_square", "mean"), centered_update)
        if centered
        else Rule(_zeros("mean_square"), update)
    )


def adagrad(*, initial_accumulator_value: float, epsilon: float, epsilon_mode: str) -> Rule:
    root = _ROOTS[epsilon_mode]

    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        accumulator = state["accumulator"] + gradient * gradient
        return x - rate * gradient / root(accumulator, epsilon), {"accumulator": accumulator}

    return Rule(lambda x: {"accumulator": np.full_like(x, initial_accumulator_value)}, update)


def adadelta(*, rho: float, epsilon: float) -> Rule:
    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        mean_square = _average(state["mean_square"], gradient * gradient, rho)
        change = gradient * jnp.sqrt((state["mean_square_change"] + epsilon) / (mean_square + epsilon))
        mean_square_change = _average(state["mean_square_change"], change * change, rho)
        return x - rate * change, {"mean_square": mean_square, "mean_square_change": mean_square_change}

    return Rule(_zeros("mean_square", "mean_square_change"), update)


def adam(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def numbers(rate: float, step: int) -> tuple[float, float]:
        correction_1, correction_2 = 1 - beta_1**step, math.sqrt(1 - beta_2**step)
        # plain form: m / c1 / (sqrt(v) / c2 + epsilon) is the hat form with epsilon times c2
        shifted = epsilon * correction_2 if epsilon_mode == "plain" else epsilon
        return rate * correction_2 / correction_1, shifted

    def update(x: Array, gradient: Array, state: State, size: Array, shifted: Array) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        return x - size * moments["mean"] / (jnp.sqrt(moments["mean_square"]) + shifted), moments

    return Rule(_zeros("mean", "mean_square"), update, numbers)


def amsgrad(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def update(x: Array, gradient: Array, state: State, size: Array, shifted: Array) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        maximum = jnp.maximum(state["maximum"], moments["mean_square"])
        return x - size * moments["mean"] / (jnp.sqrt(maximum) + shifted), {**moments, "maximum": maximum}

    numbers = adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, epsilon_mode=epsilon_mode).numbers
    return Rule(_zeros("mean", "mean_square", "maximum"), update, numbers)


def adamw(**options: Any) -> Rule:
    return adam(**options)  # the decay comes before every rule


def adamax(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    inside, outside = (epsilon, 0.0) if epsilon_mode == "inside_max" else (0.0, epsilon)

    def update(x: Array, gradient: Array, state: State, size: Array) -> tuple[Array, State]:
        mean = _average(state["mean"], gradient, beta_1)
        norm = jnp.maximum(beta_2 * state["norm"], jnp.abs(gradient) + inside)
        divisor = norm + outside
        # where epsilon is 0 and no gradient has come yet, the mean is 0 too
        return x - size * mean / jnp.where(divisor == 0, 1, divisor), {"mean": mean, "norm": norm}

    return Rule(_zeros("mean", "norm"), update, lambda rate, step: (rate / (1 - beta_1**step),))


def nadam(*, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float) -> Rule:
    def momentum(step: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))

    @lru_cache(maxsize=2)  # a step asks for the product of the step before
    def product(step: int) -> float:
        return momentum(step) * product(step - 1) if step else 1.0

    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        now, after = momentum(step), momentum(step + 1)
        of_mean, of_gradient = after / (1 - product(step) * after), (1 - now) / (1 - product(step))
        return rate * of_mean, rate * of_gradient, 1 / (1 - beta_2**step)

    def update(
        x: Array, gradient: Array, state: State, of_mean: Array, of_gradient: Array, correction: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        ahead = of_mean * moments["mean"] + of_gradient * gradient
        return x - ahead / (jnp.sqrt(correction * moments["mean_square"]) + epsilon), moments

    return Rule(_zeros("mean", "mean_square"), update, numbers)


def radam(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        size, rectification = rate / (1 - beta_1**step), _rectifier(beta_2, step)
        if not rectification:
            return size, 0.0, 1.0
        return size * rectification * math.sqrt(1 - beta_2**step), 1.0, epsilon

    def update(
        x: Array, gradient: Array, state: State, size: Array, of_root: Array, rest: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        return x - size * moments["mean"] / (of_root * jnp.sqrt(moments["mean_square"]) + rest), moments

    return Rule(_zeros("mean", "mean_square"), update, numbers)


def _rectifier(beta_2: float, step: int) -> float:
    """Return RAdam's factor; 0 while the variance of the mean square cannot be estimated yet."""
    longest = 2 / (1 - beta_2) - 1
    length = longest - 2 * step * beta_2**step / (1 - beta_2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def lion(*, beta_1: float, beta_2: float) -> Rule:
    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        momentum = state["momentum"]
        direction = jnp.sign(beta_1 * momentum + (1 - beta_1) * gradient)
        return x - rate * direction, {"momentum": _average(momentum, gradient, beta_2)}

    return Rule(_zeros("momentum"), update)


def ftrl(
    *,
    learning_rate_power: float,
    initial_accumulator_value: float,
    l1_regularization_strength: float,
    l2_regularization_strength: float,
    l2_shrinkage_regularization_strength: float,
    beta: float,
) -> Rule:
    l1, power = l1_regularization_strength, -learning_rate_power

    def start(x: np.ndarray) -> dict[str, np.ndarray]:
        return {"accumulator": np.full_like(x, initial_accumulator_value), "linear": np.zeros_like(x)}

    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        accumulator = state["accumulator"] + gradient * gradient
        before, after = state["accumulator"] ** power, accumulator**power
        shrunk = gradient + 2 * l2_shrinkage_regularization_strength * x
        linear = state["linear"] + shrunk - (after - before) / rate * x
        quadratic = after / rate + 2 * (l2_regularization_strength + beta / (2 * rate))
        x = (jnp.clip(linear, -l1, l1) - linear) / quadratic
        return x, {"accumulator": accumulator, "linear": linear}

    return Rule(start, update)


def adafactor(
    *,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    epsilon_mode: str,
) -> Rule:
    added = epsilon_1 if epsilon_mode == "added" else 0.0

    def start(x: np.ndarray) -> dict[str, np.ndarray]:
        if x.ndim < 2:
            return {"vector": np.zeros_like(x)}
        return {"rows": np.zeros_like(x[:, :1]), "columns": np.zeros_like(x[:1])}

    def estimate(square: Array, state: State, kept: Array) -> tuple[Array, State]:
        if square.ndim < 2:
            vector = _average(state["vector"], square, kept)
            return vector, {"vector": vector}
        rows = _average(state["rows"], square.mean(axis=1, keepdims=True), kept)
        columns = _average(state["columns"], square.mean(axis=0, keepdims=True), kept)
        scale = rows.mean() if epsilon_mode == "added" else jnp.maximum(rows.mean(), epsilon_1)
        return rows / scale * columns, {"rows": rows, "columns": columns}

    def update(x: Array, gradient: Array, state: State, size: Array, kept: Array) -> tuple[Array, State]:
        size = size * jnp.maximum(_root_mean_square(x), epsilon_2)
        square, state = estimate(gradient * gradient + added, state, kept)
        if epsilon_mode == "clamped":
            square = jnp.maximum(square, epsilon_1 * epsilon_1)
        change = gradient / jnp.sqrt(square)
        return x - size / jnp.maximum(_root_mean_square(change) / clip_threshold, 1) * change, state

    return Rule(start, update, lambda rate, step: (min(rate, 1 / math.sqrt(step)), 1 - step**beta_2_decay))


def lamb(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def numbers(rate: float, step: int) -> tuple[float, float, float]:
        return rate, 1 / (1 - beta_1**step), 1 / (1 - beta_2**step)

    def update(
        x: Array, gradient: Array, state: State, rate: Array, correction_1: Array, correction_2: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        divisor = jnp.sqrt(correction_2 * moments["mean_square"]) + epsilon
        change = correction_1 * moments["mean"] / divisor
        size, change_size = jnp.linalg.norm(x), jnp.linalg.norm(change)
        ratio = jnp.where((size > 0) & (change_size > 0), size / change_size, 1)
        return x - ratio * rate * change, moments

    return Rule(_zeros("mean", "mean_square"), update, numbers)


def muon(
    *,
    momentum: float,
    nesterov: bool,
    rms_rate: float,
    adam_beta_1: float,
    adam_beta_2: float,
    epsilon: float,
) -> Rule:
    of_vectors = adam(beta_1=adam_beta_1, beta_2=adam_beta_2, epsilon=epsilon, epsilon_mode="hat")

    def start(x: np.ndarray) -> dict[str, np.ndarray]:
        return of_vectors.start(x) if x.ndim < 2 else {"velocity": np.zeros_like(x)}

    def numbers(rate: float, step: int) -> tuple[float, ...]:
        return rate, *of_vectors.numbers(rate, step)

    def update(x: Array, gradient: Array, state: State, rate: Array, *rest: Array) -> tuple[Array, State]:
        if x.ndim < 2:
            return of_vectors.update(x, gradient, state, *rest)
        velocity = momentum * state["velocity"] + gradient
        direction = gradient + momentum * velocity if nesterov else velocity
        size = rms_rate * math.sqrt(max(x.shape))
        return x - rate * size * _orthogonal(direction), {"velocity": velocity}

    return Rule(start, update, numbers)


def _orthogonal(x: Array) -> Array:
    """Return a matrix with the singular vectors of x and singular values near 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (jnp.linalg.norm(x) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


_ROOTS: Mapping[str, Callable[[Array, float], Array]] = {
    "inside_sqrt": lambda square, epsilon: jnp.sqrt(square + epsilon),
    "plain": lambda square, epsilon: jnp.sqrt(square) + epsilon,
}


def _zeros(*names: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return what makes a first state of zeros."""
    return lambda x: {name: np.zeros_like(x) for name in names}


def _average(average: Array, value: Array, kept: float | Array) -> Array:
    """Return kept * average + (1 - kept) * value, as average + (1 - kept) * (value - average)."""
    return average + (1 - kept) * (value - average)


def _moments(state: State, gradient: Array, beta_1: float, beta_2: float) -> State:
    """Return the next mean and mean square of the gradients."""
    return {
        "mean": _average(state["mean"], gradient, beta_1),
        "mean_square": _average(state["mean_square"], gradient * gradient, beta_2),
    }


def _root_mean_square(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(x * x))


class Optimizer:
    """An update rule with its schedule, clipping, weight decay and step count.

    `update` is pure and can be compiled; rate and step count stay on the host.
    """

    def __init__(self, spec: OptimizerSpec, convention: str, dtype: str) -> None:
        options = spec.resolve(convention)
        self._spec, self._dtype = spec, dtype
        self._weight_decay: float = options.pop("weight_decay")
        self._decoupled = options.pop("weight_decay_mode") == "decoupled"
        self._clip_value, self._clip_norm, self._clip_global_norm = (
            options.pop(name) for name in ("clipvalue", "clipnorm", "global_clipnorm")
        )
        self._rule: Rule = globals()[spec.name](**options)
        rate = spec.learning_rate
        self._fixed: tuple[float, ...] = ()
        if not isinstance(rate, ElementSpec) and self._rule.numbers is _rate_alone:
            self._fixed = self._numbers(rate, 1)
        self.restart()

    def restart(self) -> None:
        """Begin at step 1 again."""
        self._rate, self._steps_done = _rate_of(self._spec), 0

    def numbers(self, steps: int | None = None) -> np.ndarray | None:
        """Return the numbers of the next step, or of so many, a row for each, and count them.

        None if they never change: then they are compiled in, and no step has to hand them over.
        """
        if self._fixed:
            return None
        begin, self._steps_done = self._steps_done, self._steps_done + (steps or 1)
        rows = [self._numbers(self._rate(step), step + 1) for step in range(begin, self._steps_done)]
        return np.array(rows if steps else rows[0], self._dtype)

    def _numbers(self, rate: float, step: int) -> tuple[float, ...]:
        return 1 - rate * self._weight_decay, *self._rule.numbers(rate, step)

    def observe(self, loss: float) -> None:
        """Tell a schedule that looks at losses how the epoch ended."""
        if isinstance(self._rate, schedules.reduce_on_plateau):
            self._rate.observe(loss)

    def start(self, parameters: Tree) -> list[dict[str, np.ndarray]]:
        """Return the first state for each of NumPy's arrays."""
        return [self._rule.start(x) for x in jax.tree.leaves(parameters)]

    def update(
        self, parameters: Tree, gradients: Tree, states: list[State], numbers: Array | None
    ) -> tuple[Tree, list[State]]:
        """Return parameters and state after a step, given its numbers."""
        decay, *rest = self._fixed if numbers is None else numbers
        leaves, shape = jax.tree.flatten(parameters)
        updated = []
        for x, gradient, state in zip(leaves, self._clipped(jax.tree.leaves(gradients)), states, strict=True):
            if self._weight_decay and self._decoupled:
                x = x * decay
            elif self._weight_decay:
                gradient = gradient + self._weight_decay * x
            updated.append(self._rule.update(x, gradient, state, *rest))
        return jax.tree.unflatten(shape, [x for x, _ in updated]), [state for _, state in updated]

    def _clipped(self, gradients: list[Array]) -> list[Array]:
        """Return gradients within their bounds."""
        if bound := self._clip_value:
            return [jnp.clip(gradient, -bound, bound) for gradient in gradients]
        if bound := self._clip_norm:
            return [gradient * _shrink(_norm([gradient]), bound) for gradient in gradients]
        if bound := self._clip_global_norm:
            factor = _shrink(_norm(gradients), bound)
            return [gradient * factor for gradient in gradients]
        return gradients


def _norm(arrays: list[Array]) -> Array:
    """Return the common norm of these arrays."""
    return jnp.sqrt(sum(jnp.sum(array * array) for array in arrays))


def _shrink(norm: Array, bound: float) -> Array:
    """Return the factor that brings this norm down to the bound."""
    return bound / jnp.maximum(norm, bound)


def _rate_of(spec: OptimizerSpec) -> Rate:
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
        dtype = parameters[0].dtype.name
        if self._optimizer is None:
            self._optimizer = Optimizer(self._spec, self._convention, dtype)
            self._update = runtime.compiled(self._optimizer.update, dtype)
            self._states: Any = self._optimizer.start(parameters)
        own, self._states = self._update(parameters, gradients, self._states, self._optimizer.numbers())
        return [np.array(x) for x in own]

    def observe(self, loss: float) -> None:
        if self._optimizer:
            self._optimizer.observe(loss)
