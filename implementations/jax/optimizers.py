"""Optimizers: `name(options)` returns the update rule for one array; formulas stand in the catalogue.

JAX has no optimizers of its own. A rule is a pure function from parameters, gradient and state to new
parameters and state, given the few numbers that depend on learning rate and step: these are computed in
float64 on the host, so that 1 - beta^t keeps its digits in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from implementations.host import numbers
from implementations.host.steps import Rule, Steps, zeros
from implementations.interface import AbstractOptimizer
from implementations.jax import runtime
from implementations.spec import OptimizerSpec

State = dict[str, Array]
Tree = Any
"""Arrays in lists and dictionaries."""

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


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
        return Rule(zeros(), plain)
    return Rule(zeros("velocity"), {"rate_inside": rate_inside, "rate_outside": rate_outside}[momentum_mode])


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
        Rule(zeros("mean_square", "mean"), centered_update)
        if centered
        else Rule(zeros("mean_square"), update)
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

    return Rule(zeros("mean_square", "mean_square_change"), update)


def adam(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def update(x: Array, gradient: Array, state: State, size: Array, shifted: Array) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        return x - size * moments["mean"] / (jnp.sqrt(moments["mean_square"]) + shifted), moments

    return Rule(zeros("mean", "mean_square"), update, numbers.adam(beta_1, beta_2, epsilon, epsilon_mode))


def amsgrad(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def update(x: Array, gradient: Array, state: State, size: Array, shifted: Array) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        maximum = jnp.maximum(state["maximum"], moments["mean_square"])
        return x - size * moments["mean"] / (jnp.sqrt(maximum) + shifted), {**moments, "maximum": maximum}

    first = zeros("mean", "mean_square", "maximum")
    return Rule(first, update, numbers.adam(beta_1, beta_2, epsilon, epsilon_mode))


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

    return Rule(zeros("mean", "norm"), update, numbers.adamax(beta_1))


def nadam(*, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float) -> Rule:
    def update(
        x: Array, gradient: Array, state: State, of_mean: Array, of_gradient: Array, correction: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        ahead = of_mean * moments["mean"] + of_gradient * gradient
        return x - ahead / (jnp.sqrt(correction * moments["mean_square"]) + epsilon), moments

    return Rule(zeros("mean", "mean_square"), update, numbers.nadam(beta_1, beta_2, momentum_decay))


def radam(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def update(
        x: Array, gradient: Array, state: State, size: Array, of_root: Array, rest: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        return x - size * moments["mean"] / (of_root * jnp.sqrt(moments["mean_square"]) + rest), moments

    return Rule(zeros("mean", "mean_square"), update, numbers.radam(beta_1, beta_2, epsilon))


def lion(*, beta_1: float, beta_2: float) -> Rule:
    def update(x: Array, gradient: Array, state: State, rate: Array) -> tuple[Array, State]:
        momentum = state["momentum"]
        direction = jnp.sign(beta_1 * momentum + (1 - beta_1) * gradient)
        return x - rate * direction, {"momentum": _average(momentum, gradient, beta_2)}

    return Rule(zeros("momentum"), update)


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

    return Rule(start, update, numbers.adafactor(beta_2_decay))


def lamb(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def update(
        x: Array, gradient: Array, state: State, rate: Array, correction_1: Array, correction_2: Array
    ) -> tuple[Array, State]:
        moments = _moments(state, gradient, beta_1, beta_2)
        divisor = jnp.sqrt(correction_2 * moments["mean_square"]) + epsilon
        change = correction_1 * moments["mean"] / divisor
        size, change_size = jnp.linalg.norm(x), jnp.linalg.norm(change)
        ratio = jnp.where((size > 0) & (change_size > 0), size / change_size, 1)
        return x - ratio * rate * change, moments

    return Rule(zeros("mean", "mean_square"), update, numbers.lamb(beta_1, beta_2))


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

    def update(x: Array, gradient: Array, state: State, rate: Array, *rest: Array) -> tuple[Array, State]:
        if x.ndim < 2:
            return of_vectors.update(x, gradient, state, *rest)
        velocity = momentum * state["velocity"] + gradient
        direction = gradient + momentum * velocity if nesterov else velocity
        size = rms_rate * math.sqrt(max(x.shape))
        return x - rate * size * _orthogonal(direction), {"velocity": velocity}

    return Rule(start, update, numbers.muon(of_vectors.numbers))


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


class Optimizer(Steps):
    """An update rule with its schedule, clipping, weight decay and step count.

    `update` is pure and can be compiled; rate and step count stay on the host.
    """

    def __init__(self, spec: OptimizerSpec, convention: str, dtype: str) -> None:
        super().__init__(spec, convention, dtype, globals()[spec.name])

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
