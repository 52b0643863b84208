"""Learning-rate schedules: `name(optimizer, options)` returns the scheduler that moves the optimizer's rate.

A scheduler starts from the rate that its optimizer was made with, which is `first_rate`.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    StepLR,
)


def first_rate(name: str, options: Mapping[str, Any]) -> float:
    """Return the rate that the optimizer is made with, of which the scheduler takes a share."""
    if name == "piecewise_constant":
        rate: float = options["values"][0]
    else:
        rate = options["warmup_target" if name == "linear_warmup" else "initial_learning_rate"]
    return rate


def step(
    optimizer: Optimizer, *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LRScheduler:
    if decay_steps.is_integer():
        return StepLR(optimizer, step_size=int(decay_steps), gamma=decay_rate)
    return LambdaLR(optimizer, lambda step: decay_rate ** (step // decay_steps))  # StepLR takes whole steps


def exponential(
    optimizer: Optimizer, *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LRScheduler:
    return ExponentialLR(optimizer, gamma=decay_rate ** (1 / decay_steps))


def cosine(
    optimizer: Optimizer, *, initial_learning_rate: float, decay_steps: float, alpha: float
) -> LRScheduler:
    def factor(step: int) -> float:
        share = min(step, decay_steps) / decay_steps
        return (1 - alpha) * 0.5 * (1 + math.cos(math.pi * share)) + alpha

    return LambdaLR(optimizer, factor)  # CosineAnnealingLR would rise again after decay_steps


def polynomial(
    optimizer: Optimizer,
    *,
    initial_learning_rate: float,
    decay_steps: float,
    end_learning_rate: float,
    power: float,
) -> LRScheduler:
    def factor(step: int) -> float:
        end = end_learning_rate / initial_learning_rate
        return (1 - end) * (1 - min(step, decay_steps) / decay_steps) ** power + end

    return LambdaLR(optimizer, factor)  # PolynomialLR ends at 0


def cosine_restarts(
    optimizer: Optimizer,
    *,
    initial_learning_rate: float,
    first_decay_steps: float,
    t_mul: float,
    m_mul: float,
    alpha: float,
) -> LRScheduler:
    def factor(step: int) -> float:
        since, length, height = float(step), first_decay_steps, 1.0
        while since >= length:
            since, length, height = since - length, length * t_mul, height * m_mul
        return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * since / length)) + alpha

    return LambdaLR(optimizer, factor)  # CosineAnnealingWarmRestarts has no m_mul


def inverse_time(
    optimizer: Optimizer, *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LRScheduler:
    return LambdaLR(optimizer, lambda step: 1 / (1 + decay_rate * step / decay_steps))


def piecewise_constant(
    optimizer: Optimizer, *, boundaries: Sequence[float], values: Sequence[float]
) -> LRScheduler:
    # MultiStepLR multiplies by one factor at every milestone
    return LambdaLR(optimizer, lambda step: values[bisect.bisect_left(boundaries, step)] / values[0])


def linear_warmup(
    optimizer: Optimizer, *, initial_learning_rate: float, warmup_target: float, warmup_steps: float
) -> LRScheduler:
    start = initial_learning_rate / warmup_target
    if start <= 1 and warmup_steps.is_integer():
        return LinearLR(optimizer, start_factor=start, total_iters=int(warmup_steps))
    return LambdaLR(optimizer, lambda step: start + (1 - start) * min(step, warmup_steps) / warmup_steps)


def reduce_on_plateau(
    optimizer: Optimizer,
    *,
    initial_learning_rate: float,
    factor: float,
    patience: float,
    min_delta: float,
    min_lr: float,
) -> LRScheduler:
    # torch reduces after more than `patience` epochs, Keras after as many
    return ReduceLROnPlateau(
        optimizer,
        factor=factor,
        patience=math.ceil(patience) - 1,
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=min_lr,
        eps=0.0,
    )
