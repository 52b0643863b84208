"""Optimizers: `name(parameters, learning_rate, options)` returns a torch optimizer.

Formulas stand in the catalogue. Torch's convention is torch's own class. Keras's convention is the same
class with other numbers where that is exact, else one of `implementations.torch.rules`.

Where torch has one kernel for all parameters (`fused`), it is asked for. One call for all parameters and each
operation (`foreach`) is torch's own choice on a GPU; on a CPU it takes twice as long for large ones.
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
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from implementations import catalog
from implementations.interface import AbstractOptimizer
from implementations.spec import ElementSpec, OptimizerSpec
from implementations.torch import rules, runtime, schedules

_DECOUPLED = (torch.optim.AdamW, torch.optim.Adafactor)
"""Whose own weight decay leaves the gradients alone."""


def sgd(
    parameters: Iterable[Tensor], learning_rate: float, *, momentum: float, nesterov: bool, momentum_mode: str
) -> Optimizer:
    if momentum_mode == "rate_inside" and momentum > 0:
        return rules.RateInsideSGD(parameters, learning_rate, momentum=momentum, nesterov=nesterov)
    nesterov = nesterov and momentum > 0  # torch refuses Nesterov without momentum, which is plain descent
    return torch.optim.SGD(parameters, learning_rate, momentum=momentum, nesterov=nesterov, fused=True)


def rmsprop(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    rho: float,
    centered: bool,
    epsilon: float,
    epsilon_mode: str,
) -> Optimizer:
    if epsilon_mode == "inside_sqrt":
        return rules.InsideSqrtRMSprop(parameters, learning_rate, rho=rho, centered=centered, epsilon=epsilon)
    return torch.optim.RMSprop(parameters, learning_rate, alpha=rho, eps=epsilon, centered=centered)


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
        parameters,
        learning_rate,
        initial_accumulator_value=initial_accumulator_value,
        eps=epsilon,
        fused=True,
    )


def adadelta(parameters: Iterable[Tensor], learning_rate: float, *, rho: float, epsilon: float) -> Optimizer:
    return torch.optim.Adadelta(parameters, learning_rate, rho=rho, eps=epsilon)


def adam(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    epsilon_mode: str,
    amsgrad: bool = False,
    kind: type[torch.optim.Adam] = torch.optim.Adam,
) -> Optimizer:
    optimizer = kind(
        parameters,
        learning_rate,
        betas=(beta_1, beta_2),
        eps=epsilon,
        weight_decay=0.0,
        amsgrad=amsgrad,
        fused=True,
    )
    if epsilon_mode == "hat":
        steps = itertools.count(1)

        def shift_epsilon(optimizer: Optimizer, *arguments: Any) -> None:
            # hat form: sqrt(v) + epsilon is sqrt(c2) times the plain form's sqrt(v / c2) + epsilon / sqrt(c2)
            optimizer.param_groups[0]["eps"] = epsilon / math.sqrt(1 - beta_2 ** next(steps))

        optimizer.register_step_pre_hook(shift_epsilon)
    return optimizer


def amsgrad(parameters: Iterable[Tensor], learning_rate: float, **options: Any) -> Optimizer:
    return adam(parameters, learning_rate, **options, amsgrad=True)


def adamw(parameters: Iterable[Tensor], learning_rate: float, **options: Any) -> Optimizer:
    return adam(parameters, learning_rate, **options, kind=torch.optim.AdamW)  # `create` adds the decay


def adamax(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    epsilon_mode: str,
) -> Optimizer:
    if epsilon_mode == "plain":
        return rules.PlainEpsilonAdamax(
            parameters, learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
        )
    return torch.optim.Adamax(parameters, learning_rate, betas=(beta_1, beta_2), eps=epsilon)


def nadam(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    momentum_decay: float,
) -> Optimizer:
    return torch.optim.NAdam(
        parameters, learning_rate, betas=(beta_1, beta_2), eps=epsilon, momentum_decay=momentum_decay
    )


def radam(
    parameters: Iterable[Tensor], learning_rate: float, *, beta_1: float, beta_2: float, epsilon: float
) -> Optimizer:
    return torch.optim.RAdam(parameters, learning_rate, betas=(beta_1, beta_2), eps=epsilon)


def lion(parameters: Iterable[Tensor], learning_rate: float, **options: float) -> Optimizer:
    return rules.Lion(parameters, learning_rate, **options)


def ftrl(parameters: Iterable[Tensor], learning_rate: float, **options: float) -> Optimizer:
    return rules.Ftrl(parameters, learning_rate, **options)


def adafactor(
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    epsilon_mode: str,
) -> Optimizer:
    if epsilon_mode == "added":
        return rules.AddedEpsilonAdafactor(
            parameters,
            learning_rate,
            beta_2_decay=beta_2_decay,
            epsilon_1=epsilon_1,
            epsilon_2=epsilon_2,
            clip_threshold=clip_threshold,
        )
    return torch.optim.Adafactor(
        parameters,
        learning_rate,
        beta2_decay=beta_2_decay,
        eps=(epsilon_1, epsilon_2),
        d=clip_threshold,
        weight_decay=0.0,
    )


def lamb(parameters: Iterable[Tensor], learning_rate: float, **options: float) -> Optimizer:
    return rules.Lamb(parameters, learning_rate, **options)


def muon(parameters: Iterable[Tensor], learning_rate: float, **options: Any) -> Optimizer:
    return rules.Muon(parameters, learning_rate, **options)


def create(
    spec: OptimizerSpec, convention: str, parameters: Iterable[Tensor]
) -> tuple[Optimizer, LRScheduler | None]:
    """Return the optimizer for these parameters and, unless the rate is constant, its scheduler."""
    options, rate, parameters = spec.resolve(convention), spec.learning_rate, list(parameters)
    if "momentum_mode" in options and not isinstance(rate, ElementSpec):
        options["momentum_mode"] = (
            "rate_outside"  # a constant rate: both modes step alike, this is torch's own
        )
    before = {
        name: options.pop(name)
        for name in ("weight_decay", "weight_decay_mode", "clipvalue", "clipnorm", "global_clipnorm")
    }
    scheduler = None
    if isinstance(rate, ElementSpec):
        schedule = catalog.schedule(rate.name).resolve(dict(rate.options))
        first = schedules.first_rate(rate.name, schedule)
        optimizer = globals()[spec.name](parameters, first, **options)
        _prepare(optimizer, **before)
        scheduler = getattr(schedules, rate.name)(optimizer, **schedule)
    else:
        optimizer = globals()[spec.name](parameters, rate, **options)
        _prepare(optimizer, **before)
    return optimizer, scheduler


def _prepare(
    optimizer: Optimizer,
    *,
    weight_decay: float,
    weight_decay_mode: str,
    clipvalue: float,
    clipnorm: float,
    global_clipnorm: float,
) -> None:
    """Let gradients be clipped, then weights decay, before each step."""
    (group,) = optimizer.param_groups
    parameters: list[Tensor] = group["params"]

    def clip_values(*arguments: Any) -> None:
        torch.nn.utils.clip_grad_value_(parameters, clipvalue)

    # not clip_grad_norm_, which adds 1e-6 to the norm
    def clip_norms(*arguments: Any) -> None:
        for parameter in parameters:
            _shrink([_gradient(parameter)], clipnorm)

    def clip_global_norm(*arguments: Any) -> None:
        _shrink([_gradient(parameter) for parameter in parameters], global_clipnorm)

    @torch.no_grad()
    def decay(*arguments: Any) -> None:
        torch._foreach_mul_(parameters, 1 - group["lr"] * weight_decay)

    @torch.no_grad()
    def add_decay(*arguments: Any) -> None:
        gradients = [_gradient(parameter) for parameter in parameters]
        torch._foreach_add_(gradients, parameters, alpha=weight_decay)

    for clip, bound in (
        (clip_values, clipvalue),
        (clip_norms, clipnorm),
        (clip_global_norm, global_clipnorm),
    ):
        if bound:
            optimizer.register_step_pre_hook(clip)
    if not weight_decay:
        return
    if weight_decay_mode == "decoupled":
        optimizer.register_step_pre_hook(decay)
    elif "weight_decay" in group and not isinstance(optimizer, _DECOUPLED):
        group["weight_decay"] = weight_decay  # torch's own
    else:
        optimizer.register_step_pre_hook(add_decay)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


@torch.no_grad()
def _shrink(gradients: list[Tensor], bound: float) -> None:
    """Scale gradients down so that their common norm is at most the bound."""
    norm = torch.nn.utils.get_total_norm(gradients)
    torch._foreach_mul_(gradients, bound / norm.clamp(min=bound))


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
        if self._scheduler and not isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step()
        return [tensor.numpy().copy() for tensor in self._tensors]

    def observe(self, loss: float) -> None:
        if self._tensors and isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(loss)
