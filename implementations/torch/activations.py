"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). Autograd finds the derivatives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_SOFTPLUS_THRESHOLD = 40.0
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


def leaky_relu(x: Tensor, *, negative_slope: float) -> Tensor:
    return F.leaky_relu(x, negative_slope)


def elu(x: Tensor, *, alpha: float) -> Tensor:
    return F.elu(x, alpha)


def softplus(x: Tensor) -> Tensor:
    return F.softplus(x, threshold=_SOFTPLUS_THRESHOLD)


def gelu(x: Tensor) -> Tensor:
    return F.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def silu(x: Tensor) -> Tensor:
    return F.silu(x)


def softmax(x: Tensor) -> Tensor:
    return F.softmax(x, dim=-1)


def log_softmax(x: Tensor) -> Tensor:
    return F.log_softmax(x, dim=-1)


class _Step(torch.autograd.Function):
    """`torch.heaviside`, which has no derivative of its own, with derivative 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.heaviside(x, x.new_ones(()))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return torch.zeros_like(upstream)
