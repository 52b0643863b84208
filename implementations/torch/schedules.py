"""Learning-rate schedules: `name(optimizer, options)` returns the scheduler that moves the optimizer's rate.

A scheduler starts from the rate that its optimizer was made with, which is `initial_learning_rate`.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LRScheduler, StepLR


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
