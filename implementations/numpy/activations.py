"""Activations and their derivatives; formulas stand in the catalogue.

`name(x)` is f(x). `name_gradient(x, y, upstream)` is upstream times f'(x), with y = f(x) at hand.
"""

from __future__ import annotations

import math

import numpy as np

from implementations.numpy.special import erfc

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715
"""Coefficient of x^3 in the tanh form of GELU."""


def linear(x: np.ndarray) -> np.ndarray:
    return x


def linear_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream


def step(x: np.ndarray) -> np.ndarray:
    return np.heaviside(x, x.dtype.type(1))


def step_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return np.zeros_like(upstream)


def sigmoid(x: np.ndarray) -> np.ndarray:
    exponential = np.exp(-np.abs(x))  # never above 1, so neither tail overflows
    return np.where(x >= 0, 1, exponential) / (1 + exponential)


def sigmoid_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * y * sigmoid(-x)  # 1 - y would lose the upper tail


def tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(x)


def tanh_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (1 - y * y)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def relu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (x > 0)


def leaky_relu(x: np.ndarray, *, negative_slope: float) -> np.ndarray:
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_gradient(
    x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, negative_slope: float
) -> np.ndarray:
    return np.where(x > 0, upstream, negative_slope * upstream)


def elu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.where(x > 0, upstream, upstream * alpha * np.exp(np.minimum(x, 0)))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * sigmoid(x)


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * erfc(-_SQRT_HALF * x)  # erfc keeps the lower tail, which 1 + erf cancels


def gelu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    density = 0.5 * _SQRT_2_OVER_PI * np.exp(-0.5 * x * x)
    return upstream * (0.5 * erfc(-_SQRT_HALF * x) + x * density)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    inner = _SQRT_2_OVER_PI * (x + _CUBIC * x * x * x)
    return 0.5 * x * (1 + np.tanh(inner))


def gelu_tanh_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    hyperbolic = np.tanh(_SQRT_2_OVER_PI * (x + _CUBIC * x * x * x))
    inner_gradient = _SQRT_2_OVER_PI * (1 + 3 * _CUBIC * x * x)
    return upstream * 0.5 * ((1 + hyperbolic) + x * (1 - hyperbolic * hyperbolic) * inner_gradient)


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def silu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    probability = sigmoid(x)
    return upstream * (probability + x * probability * sigmoid(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    exponential = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponential / exponential.sum(axis=-1, keepdims=True)


def softmax_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return y * (upstream - (upstream * y).sum(axis=-1, keepdims=True))


def log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream - np.exp(y) * upstream.sum(axis=-1, keepdims=True)
