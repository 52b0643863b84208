"""Optimizers: `name(learning_rate, options)` returns a Keras optimizer; formulas stand in the catalogue.

Keras's convention is Keras's own class. Torch's convention is that class with another update step.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.keras import runtime, schedules
from implementations.spec import ElementSpec, OptimizerSpec

Tensor = Any


def sgd(learning_rate: Any, *, momentum: float, nesterov: bool, momentum_mode: str) -> Optimizer:
    kind = RateOutsideSGD if momentum_mode == "rate_outside" and momentum > 0 else SGD
    return kind(learning_rate, momentum, nesterov)


def rmsprop(learning_rate: Any, *, rho: float, epsilon: float, epsilon_mode: str) -> Optimizer:
    kind = PlainEpsilonRMSprop if epsilon_mode == "plain" else RMSprop
    return kind(learning_rate, rho, epsilon=epsilon)


def adagrad(
    learning_rate: Any, *, initial_accumulator_value: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = PlainEpsilonAdagrad if epsilon_mode == "plain" else Adagrad
    return kind(learning_rate, initial_accumulator_value, epsilon)


def adam(learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Optimizer:
    kind = PlainEpsilonAdam if epsilon_mode == "plain" else Adam
    return kind(learning_rate, beta_1, beta_2, epsilon)


class RateOutsideSGD(SGD):
    """SGD whose velocity does not contain the learning rate: v = momentum v + g, x -= r v."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        velocity = self.momentums[self._get_variable_index(variable)]
        self.assign(velocity, velocity * self.momentum + gradient)
        change = gradient + velocity * self.momentum if self.nesterov else velocity
        self.assign_sub(variable, rate * change)


class PlainEpsilonRMSprop(RMSprop):
    """RMSprop with epsilon outside the square root."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        mean_square = self._velocities[self._get_variable_index(variable)]
        self.assign(mean_square, mean_square * self.rho + ops.square(gradient) * (1 - self.rho))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(mean_square) + self.epsilon))


class PlainEpsilonAdagrad(Adagrad):
    """Adagrad with epsilon outside the square root."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        accumulator = self._accumulators[self._get_variable_index(variable)]
        self.assign_add(accumulator, ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(accumulator) + self.epsilon))


class PlainEpsilonAdam(Adam):
    """Adam with epsilon added to the bias-corrected root: Keras's form with epsilon sqrt(1 - beta_2^t)."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        # 1 - beta^t, without the digits that the subtraction would cost
        correction_1 = -ops.expm1(step * np.log(self.beta_1))
        correction_2 = ops.sqrt(-ops.expm1(step * np.log(self.beta_2)))
        index = self._get_variable_index(variable)
        mean, mean_square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(mean_square, (ops.square(gradient) - mean_square) * (1 - self.beta_2))
        divisor = ops.sqrt(mean_square) + correction_2 * self.epsilon
        self.assign_sub(variable, rate * (correction_2 / correction_1) * mean / divisor)


def create(spec: OptimizerSpec, convention: str, dtype: str) -> Optimizer:
    """Return the optimizer for variables of that dtype."""
    options, rate = spec.resolve(convention), spec.learning_rate
    if isinstance(rate, ElementSpec):
        settings = catalog.schedule(rate.name).resolve(dict(rate.options))
        options["learning_rate"] = getattr(schedules, rate.name)(**runtime.exact(settings, dtype))
    else:
        options["learning_rate"] = rate
        if (
            "momentum_mode" in options
        ):  # at a constant rate both modes step alike, and this one is Keras's own
            options["momentum_mode"] = "rate_inside"
    return globals()[spec.name](**runtime.exact(options, dtype))


class ListOptimizer(AbstractOptimizer):
    """The same optimizer for lists of arrays."""

    def __init__(self, spec: OptimizerSpec, convention: str) -> None:
        self._spec, self._convention = spec, convention
        self._variables: list[Any] = []

    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        dtype = parameters[0].dtype.name
        with runtime.precision(dtype):
            if not self._variables:
                self._variables = [keras.Variable(parameter, dtype=dtype) for parameter in parameters]
                self._optimizer = create(self._spec, self._convention, dtype)
                self._optimizer.build(self._variables)
            for variable, parameter in zip(self._variables, parameters, strict=True):
                variable.assign(parameter)
            self._optimizer.apply(
                [ops.convert_to_tensor(gradient) for gradient in gradients], self._variables
            )
            return [np.array(ops.convert_to_numpy(variable)) for variable in self._variables]
