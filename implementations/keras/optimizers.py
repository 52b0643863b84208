"""Optimizers: `name(learning_rate, options)` returns a Keras optimizer; formulas stand in the catalogue.

Keras's convention is Keras's own class. Torch's convention is that class with another update step.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
)

from implementations import catalog
from implementations.errors import UnsupportedConvention
from implementations.interface import AbstractOptimizer
from implementations.keras import runtime, schedules
from implementations.spec import ElementSpec, OptimizerSpec

Tensor = Any


def sgd(learning_rate: Any, *, momentum: float, nesterov: bool, momentum_mode: str) -> Optimizer:
    kind = RateOutsideSGD if momentum_mode == "rate_outside" and momentum > 0 else SGD
    return kind(learning_rate, momentum, nesterov)


def rmsprop(
    learning_rate: Any, *, rho: float, centered: bool, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = PlainEpsilonRMSprop if epsilon_mode == "plain" else RMSprop
    return kind(learning_rate, rho, epsilon=epsilon, centered=centered)


def adagrad(
    learning_rate: Any, *, initial_accumulator_value: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = PlainEpsilonAdagrad if epsilon_mode == "plain" else Adagrad
    return kind(learning_rate, initial_accumulator_value, epsilon)


def adadelta(learning_rate: Any, *, rho: float, epsilon: float) -> Optimizer:
    return _to_the_left(Adadelta(learning_rate, rho, epsilon), "rho")


def adam(learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str) -> Optimizer:
    kind = PlainEpsilonAdam if epsilon_mode == "plain" else Adam
    return kind(learning_rate, beta_1, beta_2, epsilon)


def amsgrad(
    learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = PlainEpsilonAdam if epsilon_mode == "plain" else Adam
    return kind(learning_rate, beta_1, beta_2, epsilon, amsgrad=True)


def adamw(
    learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = PlainEpsilonAdam if epsilon_mode == "plain" else AdamW
    return kind(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


def adamax(
    learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    kind = InsideMaxAdamax if epsilon_mode == "inside_max" else Adamax
    return kind(learning_rate, beta_1, beta_2, epsilon)


def nadam(
    learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float, momentum_decay: float
) -> Optimizer:
    if momentum_decay != 1:
        return SlowNadam(learning_rate, beta_1, beta_2, epsilon, momentum_decay=momentum_decay)
    return Nadam(learning_rate, beta_1, beta_2, epsilon)


def radam(learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float) -> Optimizer:
    return RAdam(learning_rate, beta_1, beta_2, epsilon)


def lion(learning_rate: Any, *, beta_1: float, beta_2: float) -> Optimizer:
    return Lion(learning_rate, beta_1, beta_2)


def ftrl(learning_rate: Any, **options: float) -> Optimizer:
    return _to_the_left(Ftrl(learning_rate, **options), "beta", "l2_regularization_strength")


def adafactor(learning_rate: Any, *, epsilon_mode: str, **options: float) -> Optimizer:
    if epsilon_mode == "clamped":
        raise UnsupportedConvention(
            "optimizer adafactor of Keras",
            expected="epsilon_mode added: Keras adds epsilon_1 to the squared gradient",
            got="clamped, as in torch",
            action='ask for convention="keras"',
        )
    return Adafactor(learning_rate, **options)


def lamb(learning_rate: Any, *, beta_1: float, beta_2: float, epsilon: float) -> Optimizer:
    return Lamb(learning_rate, beta_1, beta_2, epsilon)


def muon(learning_rate: Any, **options: Any) -> Optimizer:
    return _to_the_left(Muon(learning_rate, **options), "momentum")


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
        square = mean_square
        if self.centered:
            mean = self._average_gradients[self._get_variable_index(variable)]
            self.assign(mean, mean * self.rho + gradient * (1 - self.rho))
            square = mean_square - ops.square(mean)
        self.assign_sub(variable, rate * gradient / (ops.sqrt(square) + self.epsilon))


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
        correction_1 = _correction(self, self.beta_1, variable)
        correction_2 = ops.sqrt(_correction(self, self.beta_2, variable))
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        if self.amsgrad:
            maximum = self._velocity_hats[index]
            self.assign(maximum, ops.maximum(maximum, square))
            square = maximum
        divisor = ops.sqrt(square) + correction_2 * self.epsilon
        self.assign_sub(variable, rate * (correction_2 / correction_1) * mean / divisor)


class InsideMaxAdamax(Adamax):
    """Adamax with epsilon added to |g| before the maximum."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        mean, norm = self._m[index], self._u[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign(norm, ops.maximum(norm * self.beta_2, ops.abs(gradient) + self.epsilon))
        self.assign_sub(variable, rate / _correction(self, self.beta_1, variable) * mean / norm)


class SlowNadam(Nadam):
    """Nadam with another pace than 0.96^t at which its momentum comes to beta_1."""

    def __init__(self, *arguments: Any, momentum_decay: float) -> None:
        super().__init__(*arguments)
        self.momentum_decay = momentum_decay

    def _momentum(self, step: Tensor, dtype: str) -> Tensor:
        share = ops.exp(ops.cast(step, dtype) * (self.momentum_decay * np.log(0.96)))
        return self.beta_1 * (1 - 0.5 * share)

    def _backend_update_step(self, gradients: Any, variables: Any, learning_rate: Any) -> None:
        now = self._momentum(self.iterations + 1, self._u_product.dtype)
        self.assign(self._u_product, self._u_product * now)
        # past Nadam's own, which would multiply by its fixed momentum
        super(Nadam, self)._backend_update_step(gradients, variables, learning_rate)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        now = self._momentum(self.iterations + 1, variable.dtype)
        after = self._momentum(self.iterations + 2, variable.dtype)
        product = ops.cast(self._u_product, variable.dtype)
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        ahead = after / (1 - product * after) * mean + (1 - now) / (1 - product) * gradient
        root = ops.sqrt(square / _correction(self, self.beta_2, variable))
        self.assign_sub(variable, rate * ahead / (root + self.epsilon))


class RAdam(Adam):
    """RAdam, which Keras lacks, with Adam's state."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        correction_1 = _correction(self, self.beta_1, variable)
        correction_2 = _correction(self, self.beta_2, variable)
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * step * (1 - correction_2) / correction_2
        safe = ops.maximum(length, 5.0)
        rectifier = ops.sqrt((safe - 4) * (safe - 2) * longest / ((longest - 4) * (longest - 2) * safe))
        adapted = rectifier * ops.sqrt(correction_2) / (ops.sqrt(square) + self.epsilon)
        factor = ops.where(length > 5, adapted, ops.ones_like(adapted))
        self.assign_sub(variable, rate / correction_1 * mean * factor)


def _to_the_left(optimizer: Optimizer, *names: str) -> Optimizer:
    """Return the optimizer, with these of NumPy's numbers as tensors.

    Keras writes them to the left of its variables, where NumPy would take the variables for arrays.
    """
    for name in names:
        if isinstance(getattr(optimizer, name), np.float64):
            setattr(optimizer, name, ops.convert_to_tensor(getattr(optimizer, name)))
    return optimizer


def _correction(optimizer: Optimizer, beta: float, variable: Any) -> Tensor:
    """Return 1 - beta^t, without the digits that the subtraction would cost."""
    return -ops.expm1(ops.cast(optimizer.iterations + 1, variable.dtype) * np.log(beta))


def _with_l2(optimizer: Optimizer, weight_decay: float) -> Optimizer:
    """Return the optimizer, with weight decay added to each gradient: Keras itself decays the parameters."""
    clip = optimizer._clip_gradients

    def clip_and_decay(gradients: list[Tensor]) -> list[Tensor]:
        variables = optimizer._trainable_variables
        pairs = zip(clip(gradients), variables, strict=True)
        return [
            ops.cast(gradient, variable.dtype) + variable.value * weight_decay for gradient, variable in pairs
        ]

    optimizer._clip_gradients = clip_and_decay
    return optimizer


def create(spec: OptimizerSpec, convention: str, dtype: str) -> Optimizer:
    """Return the optimizer for variables of that dtype."""
    options, rate = spec.resolve(convention), spec.learning_rate
    if isinstance(rate, ElementSpec):
        settings = catalog.schedule(rate.name).resolve(dict(rate.options))
        options["learning_rate"] = getattr(schedules, rate.name)(**runtime.exact(settings, dtype))
    else:
        options["learning_rate"] = rate
        if "momentum_mode" in options:
            options["momentum_mode"] = (
                "rate_inside"  # a constant rate: both modes step alike, this is Keras's own
            )
    options = runtime.exact(options, dtype)
    clipping = {name: options.pop(name) or None for name in ("clipvalue", "clipnorm", "global_clipnorm")}
    weight_decay, mode = options.pop("weight_decay"), options.pop("weight_decay_mode")
    optimizer = globals()[spec.name](**options)
    for name, bound in clipping.items():
        setattr(optimizer, name, bound)
    optimizer.weight_decay = weight_decay if weight_decay and mode == "decoupled" else None
    if spec.name == "muon":
        optimizer.adam_weight_decay = optimizer.weight_decay
    return _with_l2(optimizer, weight_decay) if weight_decay and mode == "l2" else optimizer


def plateau(spec: OptimizerSpec, optimizer: Optimizer) -> schedules.Plateau | None:
    """Return what changes the optimizer's rate by observed losses, if its schedule does."""
    if isinstance(spec.learning_rate, ElementSpec) and spec.learning_rate.name == "reduce_on_plateau":
        settings = catalog.schedule("reduce_on_plateau").resolve(dict(spec.learning_rate.options))
        del settings["initial_learning_rate"]
        return schedules.Plateau(optimizer, **settings)
    return None


class ListOptimizer(AbstractOptimizer):
    """The same optimizer for lists of arrays."""

    def __init__(self, spec: OptimizerSpec, convention: str) -> None:
        self._spec, self._convention = spec, convention
        self._variables: list[Any] = []

    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        self._dtype = parameters[0].dtype.name
        with runtime.precision(self._dtype):
            if not self._variables:
                self._variables = [keras.Variable(parameter, dtype=self._dtype) for parameter in parameters]
                self._optimizer = create(self._spec, self._convention, self._dtype)
                self._optimizer.build(self._variables)
                self._update = runtime.compiled_update(self._optimizer, self._variables)
                self._plateau = plateau(self._spec, self._optimizer)
            return [np.array(ops.convert_to_numpy(each)) for each in self._update(parameters, gradients)]

    def observe(self, loss: float) -> None:
        if self._variables and self._plateau:
            with runtime.precision(self._dtype):
                self._plateau.observe(loss)
