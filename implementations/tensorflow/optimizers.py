"""Optimizers: `name(options)` returns the update rule for one array; formulas stand in the catalogue.

TensorFlow has kernels for some rules, and classes only in Keras. A rule changes a variable and its state in
place, given gradient and the few numbers that depend on learning rate and step: these are computed in float64
on the host, so that 1 - beta^t keeps its digits in float32. Of the kernels it takes those that compute no
1 - beta, which loses them too: `sgd`'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor, Variable

from implementations.host import numbers
from implementations.host.steps import Rule, Steps, zeros
from implementations.interface import AbstractOptimizer, Placement
from implementations.spec import OptimizerSpec
from implementations.tensorflow import runtime

State = dict[str, Variable]
Tree = Any
"""Arrays or variables in lists and dictionaries."""

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


def sgd(*, momentum: float, nesterov: bool, momentum_mode: str) -> Rule:
    def plain(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        tf.raw_ops.ResourceApplyGradientDescent(var=x.handle, alpha=rate, delta=gradient)

    def rate_inside(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(**given(x, gradient, state, rate))

    def rate_outside(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        tf.raw_ops.ResourceApplyMomentum(**given(x, gradient, state, rate))

    def given(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> dict[str, Any]:
        return {
            "var": x.handle,
            "accum": state["velocity"].handle,
            "lr": rate,
            "grad": gradient,
            "momentum": tf.constant(momentum, x.dtype),
            "use_nesterov": nesterov,
        }

    if momentum == 0:
        return Rule(zeros(), plain)
    return Rule(zeros("velocity"), {"rate_inside": rate_inside, "rate_outside": rate_outside}[momentum_mode])


def rmsprop(*, rho: float, centered: bool, epsilon: float, epsilon_mode: str) -> Rule:
    root = _ROOTS[epsilon_mode]

    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        square = _average(state["mean_square"], tf.square(gradient), rho)
        x.assign_sub(rate * gradient / root(square, epsilon))

    def centered_update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        mean_square = _average(state["mean_square"], tf.square(gradient), rho)
        mean = _average(state["mean"], gradient, rho)
        x.assign_sub(rate * gradient / root(mean_square - tf.square(mean), epsilon))

    return (
        Rule(zeros("mean_square", "mean"), centered_update)
        if centered
        else Rule(zeros("mean_square"), update)
    )


def adagrad(*, initial_accumulator_value: float, epsilon: float, epsilon_mode: str) -> Rule:
    root = _ROOTS[epsilon_mode]

    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        accumulator = state["accumulator"].assign_add(tf.square(gradient))
        x.assign_sub(rate * gradient / root(accumulator, epsilon))

    return Rule(lambda x: {"accumulator": np.full_like(x, initial_accumulator_value)}, update)


def adadelta(*, rho: float, epsilon: float) -> Rule:
    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        mean_square = _average(state["mean_square"], tf.square(gradient), rho)
        change = gradient * tf.sqrt((state["mean_square_change"] + epsilon) / (mean_square + epsilon))
        _average(state["mean_square_change"], tf.square(change), rho)
        x.assign_sub(rate * change)

    return Rule(zeros("mean_square", "mean_square_change"), update)


def adam(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def update(x: Variable, gradient: Tensor, state: State, size: Tensor, shifted: Tensor) -> None:
        mean, mean_square = _moments(state, gradient, beta_1, beta_2)
        x.assign_sub(size * mean / (tf.sqrt(mean_square) + shifted))

    return Rule(zeros("mean", "mean_square"), update, numbers.adam(beta_1, beta_2, epsilon, epsilon_mode))


def amsgrad(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    def update(x: Variable, gradient: Tensor, state: State, size: Tensor, shifted: Tensor) -> None:
        mean, mean_square = _moments(state, gradient, beta_1, beta_2)
        maximum = state["maximum"].assign(tf.maximum(state["maximum"], mean_square))
        x.assign_sub(size * mean / (tf.sqrt(maximum) + shifted))

    first = zeros("mean", "mean_square", "maximum")
    return Rule(first, update, numbers.adam(beta_1, beta_2, epsilon, epsilon_mode))


def adamw(**options: Any) -> Rule:
    return adam(**options)  # the decay comes before every rule


def adamax(*, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Rule:
    inside, outside = (epsilon, 0.0) if epsilon_mode == "inside_max" else (0.0, epsilon)

    def update(x: Variable, gradient: Tensor, state: State, size: Tensor) -> None:
        mean = _average(state["mean"], gradient, beta_1)
        norm = state["norm"].assign(tf.maximum(beta_2 * state["norm"], tf.abs(gradient) + inside))
        # where epsilon is 0 and no gradient has come yet, the mean is 0 too
        x.assign_sub(tf.math.divide_no_nan(size * mean, norm + outside))

    return Rule(zeros("mean", "norm"), update, numbers.adamax(beta_1))


def nadam(*, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float) -> Rule:
    def update(
        x: Variable, gradient: Tensor, state: State, of_mean: Tensor, of_gradient: Tensor, correction: Tensor
    ) -> None:
        mean, mean_square = _moments(state, gradient, beta_1, beta_2)
        ahead = of_mean * mean + of_gradient * gradient
        x.assign_sub(ahead / (tf.sqrt(correction * mean_square) + epsilon))

    return Rule(zeros("mean", "mean_square"), update, numbers.nadam(beta_1, beta_2, momentum_decay))


def radam(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def update(
        x: Variable, gradient: Tensor, state: State, size: Tensor, of_root: Tensor, rest: Tensor
    ) -> None:
        mean, mean_square = _moments(state, gradient, beta_1, beta_2)
        x.assign_sub(size * mean / (of_root * tf.sqrt(mean_square) + rest))

    return Rule(zeros("mean", "mean_square"), update, numbers.radam(beta_1, beta_2, epsilon))


def lion(*, beta_1: float, beta_2: float) -> Rule:
    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        direction = tf.sign(beta_1 * state["momentum"] + (1 - beta_1) * gradient)
        _average(state["momentum"], gradient, beta_2)
        x.assign_sub(rate * direction)

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

    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor) -> None:
        before = tf.pow(state["accumulator"], power)
        after = tf.pow(state["accumulator"].assign_add(tf.square(gradient)), power)
        shrunk = gradient + 2 * l2_shrinkage_regularization_strength * x
        linear = state["linear"].assign_add(shrunk - (after - before) / rate * x)
        quadratic = after / rate + 2 * (l2_regularization_strength + beta / (2 * rate))
        x.assign((tf.clip_by_value(linear, -l1, l1) - linear) / quadratic)

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

    def estimate(square: Tensor, state: State, kept: Tensor) -> Tensor:
        if len(square.shape) < 2:
            return _average(state["vector"], square, kept)
        rows = _average(state["rows"], tf.reduce_mean(square, axis=1, keepdims=True), kept)
        columns = _average(state["columns"], tf.reduce_mean(square, axis=0, keepdims=True), kept)
        mean = tf.reduce_mean(rows)
        return rows / (mean if epsilon_mode == "added" else tf.maximum(mean, epsilon_1)) * columns

    def update(x: Variable, gradient: Tensor, state: State, size: Tensor, kept: Tensor) -> None:
        size = size * tf.maximum(_root_mean_square(x), epsilon_2)
        square = estimate(tf.square(gradient) + added, state, kept)
        if epsilon_mode == "clamped":
            square = tf.maximum(square, epsilon_1 * epsilon_1)
        change = gradient / tf.sqrt(square)
        x.assign_sub(size / tf.maximum(_root_mean_square(change) / clip_threshold, 1) * change)

    return Rule(start, update, numbers.adafactor(beta_2_decay))


def lamb(*, beta_1: float, beta_2: float, epsilon: float) -> Rule:
    def update(
        x: Variable, gradient: Tensor, state: State, rate: Tensor, correction_1: Tensor, correction_2: Tensor
    ) -> None:
        mean, mean_square = _moments(state, gradient, beta_1, beta_2)
        change = correction_1 * mean / (tf.sqrt(correction_2 * mean_square) + epsilon)
        size, change_size = tf.norm(x), tf.norm(change)
        ratio = tf.where((size > 0) & (change_size > 0), size / change_size, tf.constant(1, x.dtype))
        x.assign_sub(ratio * rate * change)

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

    def update(x: Variable, gradient: Tensor, state: State, rate: Tensor, *rest: Tensor) -> None:
        if len(x.shape) < 2:
            of_vectors.update(x, gradient, state, *rest)
            return
        velocity = state["velocity"].assign(momentum * state["velocity"] + gradient)
        direction = gradient + momentum * velocity if nesterov else velocity
        size = rms_rate * math.sqrt(max(x.shape))
        x.assign_sub(rate * size * _orthogonal(tf.convert_to_tensor(direction)))

    return Rule(start, update, numbers.muon(of_vectors.numbers))


def _orthogonal(x: Tensor) -> Tensor:
    """Return a matrix with the singular vectors of x and singular values near 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    x = tf.transpose(x) if tall else x
    x = x / (tf.norm(x) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = tf.matmul(x, x, transpose_b=True)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return tf.transpose(x) if tall else x


_ROOTS: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "inside_sqrt": lambda square, epsilon: tf.sqrt(square + epsilon),
    "plain": lambda square, epsilon: tf.sqrt(square) + epsilon,
}


def _average(average: Variable, value: Tensor, kept: float | Tensor) -> Tensor:
    """Let it become kept * average + (1 - kept) * value, as average + (1 - kept) * (value - average)."""
    return average.assign_add((1 - kept) * (value - average))


def _moments(state: State, gradient: Tensor, beta_1: float, beta_2: float) -> tuple[Tensor, Tensor]:
    """Return the next mean and mean square of the gradients."""
    mean = _average(state["mean"], gradient, beta_1)
    return mean, _average(state["mean_square"], tf.square(gradient), beta_2)


def _root_mean_square(x: Tensor) -> Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(x)))


class Optimizer(Steps):
    """An update rule with its schedule, clipping, weight decay and step count.

    `update` can be a graph; rate and step count stay on the host.
    """

    def __init__(self, spec: OptimizerSpec, convention: str, dtype: str) -> None:
        super().__init__(spec, convention, dtype, globals()[spec.name])

    def start(self, parameters: Tree) -> list[dict[str, np.ndarray]]:
        """Return the first state for each of NumPy's arrays."""
        return [self._rule.start(x) for x in tf.nest.flatten(parameters)]

    def update(self, parameters: Tree, gradients: Tree, states: list[State], numbers: Tensor | None) -> None:
        """Take a step, given its numbers: change variables and state."""
        decay, *rest = tf.unstack(tf.constant(self._fixed, self._dtype) if numbers is None else numbers)
        variables, slopes = tf.nest.flatten(parameters), self._clipped(tf.nest.flatten(gradients))
        for x, gradient, state in zip(variables, slopes, states, strict=True):
            if self._weight_decay and self._decoupled:
                x.assign(x * decay)
            elif self._weight_decay:
                gradient = gradient + self._weight_decay * x
            self._rule.update(x, gradient, state, *rest)

    def _clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return gradients within their bounds."""
        if bound := self._clip_value:
            return [tf.clip_by_value(gradient, -bound, bound) for gradient in gradients]
        if bound := self._clip_norm:
            return [tf.clip_by_norm(gradient, bound) for gradient in gradients]
        if bound := self._clip_global_norm:
            clipped: list[Tensor] = tf.clip_by_global_norm(gradients, bound)[0]
            return clipped
        return gradients


class ListOptimizer(AbstractOptimizer):
    """The same rule for lists of arrays."""

    def __init__(self, spec: OptimizerSpec, convention: str) -> None:
        self._spec, self._convention = spec, convention
        self._optimizer: Optimizer | None = None

    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        if self._optimizer is None:
            self._optimizer = Optimizer(self._spec, self._convention, parameters[0].dtype.name)
            self._update = runtime.compiled(self._take_step, Placement())
            first = parameters, self._optimizer.start(parameters)
            self._variables, self._states = tf.nest.map_structure(runtime.variable, first)
        for variable, parameter in zip(self._variables, parameters, strict=True):
            variable.assign(parameter)
        self._update(gradients, self._optimizer.numbers())
        return [np.array(variable) for variable in self._variables]

    def _take_step(self, gradients: list[Tensor], numbers: Tensor | None) -> None:
        assert self._optimizer is not None
        self._optimizer.update(self._variables, gradients, self._states, numbers)

    def observe(self, loss: float) -> None:
        if self._optimizer:
            self._optimizer.observe(loss)
