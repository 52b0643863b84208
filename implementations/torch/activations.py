"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). Autograd finds the derivatives.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SOFTPLUS_THRESHOLD = 40.0
"""Torch returns x above it; from 34 on log(1 + exp(x)) rounds to x in float64, from 17 on in float32."""


def linear(x: Tensor) -> Tensor:
    return x


def step(x: Tensor) -> Tensor:
    result: Tensor = _Step.apply(x)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    return torch.tanh(x)


def relu(x: Tensor) -> Tensor:
    return F.relu(x)


def relu6(x: Tensor) -> Tensor:
    return F.relu6(x)


def leaky_relu(x: Tensor, *, negative_slope: float) -> Tensor:
    return F.leaky_relu(x, negative_slope)


def prelu(x: Tensor, *, alpha: float | Tensor) -> Tensor:
    return F.prelu(x, torch.as_tensor(alpha, dtype=x.dtype, device=x.device))


def threshold(x: Tensor, *, threshold: float, value: float) -> Tensor:
    return F.threshold(x, threshold, value)


def elu(x: Tensor, *, alpha: float) -> Tensor:
    return F.elu(x, alpha)


def selu(x: Tensor) -> Tensor:
    return F.selu(x)


def celu(x: Tensor, *, alpha: float) -> Tensor:
    return F.celu(x, alpha)


def softplus(x: Tensor) -> Tensor:
    return F.softplus(x, threshold=SOFTPLUS_THRESHOLD)


def squareplus(x: Tensor, *, b: float) -> Tensor:
    return (x + (x.square() + b).sqrt()) / 2


def gelu(x: Tensor) -> Tensor:
    return F.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def silu(x: Tensor) -> Tensor:
    return F.silu(x)


def mish(x: Tensor) -> Tensor:
    return F.mish(x)


def softsign(x: Tensor) -> Tensor:
    return F.softsign(x)


def arctan(x: Tensor) -> Tensor:
    return torch.atan(x)


def cauchit(x: Tensor) -> Tensor:
    return torch.atan2(x.new_ones(()), -x) / math.pi


def exponential(x: Tensor) -> Tensor:
    return torch.exp(x)


def log_sigmoid(x: Tensor) -> Tensor:
    return F.logsigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    return F.hardsigmoid(x)


def hard_silu(x: Tensor) -> Tensor:
    return F.hardswish(x)


def hard_tanh(x: Tensor) -> Tensor:
    return F.hardtanh(x)


def hard_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return F.hardshrink(x, threshold)


def soft_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return F.softshrink(x, threshold)


def tanh_shrink(x: Tensor) -> Tensor:
    return F.tanhshrink(x)


def sparse_plus(x: Tensor) -> Tensor:
    return torch.where(x < 1, (F.hardtanh(x) + 1).square() / 4, x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    return (F.hardtanh(x) + 1) / 2


def glu(x: Tensor) -> Tensor:
    return F.glu(x)


def softmax(x: Tensor) -> Tensor:
    return F.softmax(x, dim=-1)


def log_softmax(x: Tensor) -> Tensor:
    return F.log_softmax(x, dim=-1)


def sparsemax(x: Tensor) -> Tensor:
    below = x - x.amax(dim=-1, keepdim=True).detach()  # or the 1 is lost beside large numbers
    descending = below.sort(dim=-1, descending=True).values
    excess = descending.cumsum(dim=-1) - 1
    ranks = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
    # of the support; at least 1, also where no comparison with NaN is true
    size = (ranks * descending > excess).sum(dim=-1, keepdim=True).clamp(min=1)
    return F.relu(below - excess.gather(-1, size - 1) / size)


class _Step(torch.autograd.Function):
    """`torch.heaviside`, which has no derivative of its own, with derivative 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.heaviside(x, x.new_ones(()))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return torch.zeros_like(upstream)
