"""Optimizers: `name(parameters, learning_rate, options)` returns a torch optimizer.

Formulas stand in the catalogue. Torch's convention is torch's own class. Keras's convention is the same
class with other numbers where that is exact, else a small class below.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.spec import ElementSpec, OptimizerSpec
from implementations.torch import runtime, schedules


def sgd(
    parameters: Iterable[Tensor], learning_rate: float, *, momentum: float, nesterov: bool, momentum_mode: str
) -> Optimizer:
    if momentum_mode == "rate_inside" and momentum > 0:
        return RateInsideSGD(parameters, learning_rate, momentum, nesterov)
    nesterov = nesterov and momentum > 0  # torch refuses Nesterov without momentum, which is plain descent
    return torch.optim.SGD(parameters, learning_rate, momentum=momentum, nesterov=nesterov)


def rmsprop(
    parameters: Iterable[Tensor], learning_rate: float, *, rho: float, epsilon: float, epsilon_mode: str
) -> Optimizer:
    if epsilon_mode == "inside_sqrt":
        return InsideSqrtRMSprop(parameters, learning_rate, rho, epsilon)
    return torch.optim.RMSprop(parameters, learning_rate, alpha=rho, eps=epsilon)


def adagrad(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    initial_accumulator_value: float,
    epsilon: float,
    epsilon_mode: str,
) -> Optimizer:
    if epsilon_mode == "inside_sqrt":  # sqrt(a + epsilon) is sqrt(a) with epsilon in the first a
        initial_accumulator_value, epsilon = initial_accumulator_value + epsilon, 0.0
    return torch.optim.Adagrad(
        parameters, learning_rate, initial_accumulator_value=initial_accumulator_value, eps=epsilon
    )


def adam(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    epsilon_mode: str,
) -> Optimizer:
    optimizer = torch.optim.Adam(parameters, learning_rate, betas=(beta_1, beta_2), eps=epsilon)
    if epsilon_mode == "hat":
        steps = itertools.count(1)

        def shift_epsilon(optimizer: Optimizer, *arguments: Any) -> None:
            # hat form: sqrt(v) + epsilon is sqrt(c2) times the plain form's sqrt(v / c2) + epsilon / sqrt(c2)
            optimizer.param_groups[0]["eps"] = epsilon / math.sqrt(1 - beta_2 ** next(steps))

        optimizer.register_step_pre_hook(shift_epsilon)
    return optimizer


class RateInsideSGD(Optimizer):
    """SGD whose velocity contains the learning rate: v = momentum v - r g.

    Rescaling the momentum buffer of `torch.optim.SGD` at each change of the rate gives the same steps until
    the rate reaches 0: there the velocity goes on moving the parameters, and torch's SGD stops.
    """

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: float, momentum: float, nesterov: bool
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate, "momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            parameters, rate, momentum = group["params"], group["lr"], group["momentum"]
            gradients = [parameter.grad for parameter in parameters]
            velocities = _state(self, parameters, "velocity")
            torch._foreach_mul_(velocities, momentum)
            torch._foreach_add_(velocities, gradients, alpha=-rate)
            if group["nesterov"]:
                torch._foreach_add_(parameters, velocities, alpha=momentum)
                torch._foreach_add_(parameters, gradients, alpha=-rate)
            else:
                torch._foreach_add_(parameters, velocities)


class InsideSqrtRMSprop(Optimizer):
    """RMSprop with epsilon under the square root, for which torch's RMSprop has no setting."""

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: float, rho: float, epsilon: float
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate, "rho": rho, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            parameters, rate, rho = group["params"], group["lr"], group["rho"]
            gradients = [parameter.grad for parameter in parameters]
            mean_squares = _state(self, parameters, "mean_square")
            torch._foreach_mul_(mean_squares, rho)
            torch._foreach_addcmul_(mean_squares, gradients, gradients, 1 - rho)
            roots = torch._foreach_add(mean_squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(parameters, gradients, roots, -rate)


def _state(optimizer: Optimizer, parameters: list[Tensor], name: str) -> list[Tensor]:
    """Return what the optimizer keeps for each parameter, zeros at first."""
    for parameter in parameters:
        if name not in optimizer.state[parameter]:
            optimizer.state[parameter][name] = torch.zeros_like(parameter)
    return [optimizer.state[parameter][name] for parameter in parameters]


def create(
    spec: OptimizerSpec, convention: str, parameters: Iterable[Tensor]
) -> tuple[Optimizer, LRScheduler | None]:
    """Return the optimizer for these parameters and, unless the rate is constant, its scheduler."""
    options, rate = spec.resolve(convention), spec.learning_rate
    if isinstance(rate, ElementSpec):
        schedule = catalog.schedule(rate.name).resolve(dict(rate.options))
        optimizer = globals()[spec.name](parameters, schedule["initial_learning_rate"], **options)
        return optimizer, getattr(schedules, rate.name)(optimizer, **schedule)
    if "momentum_mode" in options:  # at a constant rate both modes step alike, and this one is torch's own
        options["momentum_mode"] = "rate_outside"
    return globals()[spec.name](parameters, rate, **options), None


class ListOptimizer(AbstractOptimizer):
    """The same optimizer for lists of arrays."""

    def __init__(self, spec: OptimizerSpec, convention: str) -> None:
        self._spec, self._convention = spec, convention
        self._tensors: list[Tensor] = []

    @torch.no_grad()
    def _step(self, parameters: list[np.ndarray], gradients: list[np.ndarray]) -> list[np.ndarray]:
        if not self._tensors:
            self._tensors = [torch.empty_like(runtime.tensor(parameter)) for parameter in parameters]
            self._optimizer, self._scheduler = create(self._spec, self._convention, self._tensors)
        for tensor, parameter, gradient in zip(self._tensors, parameters, gradients, strict=True):
            tensor.copy_(runtime.tensor(parameter))
            tensor.grad = runtime.tensor(gradient)
        self._optimizer.step()
        if self._scheduler:
            self._scheduler.step()
        return [tensor.numpy().copy() for tensor in self._tensors]
