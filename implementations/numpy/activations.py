"""Activations and their derivatives; formulas stand in the catalogue.

`name(x)` is f(x). `name_gradient(x, y, upstream)` is upstream times f'(x), with y = f(x) at hand.
"""

from __future__ import annotations

import math

import numpy as np

from implementations.numpy.special import erfc

Slope = float | np.ndarray

_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715
"""Coefficient of x^3 in the tanh form of GELU."""
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def linear(x: np.ndarray) -> np.ndarray:
    return x


def linear_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream


def step(x: np.ndarray) -> np.ndarray:
    return np.heaviside(x, x.dtype.type(1))


def step_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return np.zeros_like(upstream)


def sigmoid(x: np.ndarray) -> np.ndarray:
    lower, upper = exponentials(x)
    return lower / (lower + upper)


def sigmoid_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    lower, upper = exponentials(x)
    return upstream * (y * (upper / (lower + upper)))  # 1 - y would lose the upper tail


def tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(x)


def tanh_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (1 - y * y)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def relu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (x > 0)


def relu6(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6)


def relu6_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * ((x > 0) & (x < 6))


def leaky_relu(x: np.ndarray, *, negative_slope: float) -> np.ndarray:
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)


def leaky_relu_gradient(
    x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, negative_slope: float
) -> np.ndarray:
    return upstream * (x > 0) + negative_slope * upstream * (x <= 0)


def prelu(x: np.ndarray, *, alpha: Slope) -> np.ndarray:
    return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def prelu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, alpha: Slope) -> np.ndarray:
    return upstream * (x > 0) + alpha * upstream * (x <= 0)


def threshold(x: np.ndarray, *, threshold: float, value: float) -> np.ndarray:
    return np.where(x <= threshold, x.dtype.type(value), x)


def threshold_gradient(
    x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, threshold: float, value: float
) -> np.ndarray:
    return upstream * (x > threshold)


def elu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def elu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, alpha: float) -> np.ndarray:
    return upstream * (x > 0) + alpha * upstream * np.exp(np.minimum(x, 0)) * (x <= 0)


def selu(x: np.ndarray) -> np.ndarray:
    return _SELU_SCALE * elu(x, alpha=_SELU_ALPHA)


def selu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return _SELU_SCALE * elu_gradient(x, y, upstream, alpha=_SELU_ALPHA)


def celu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


def celu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, alpha: float) -> np.ndarray:
    return upstream * np.exp(np.minimum(x, 0) / alpha)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * sigmoid(x)


def squareplus(x: np.ndarray, *, b: float) -> np.ndarray:
    half = 0.5 * np.hypot(x, math.sqrt(b)) + 0.5 * np.abs(x)
    return np.where(x > 0, half, 0.25 * b / half)  # the same number, without cancellation


def squareplus_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, b: float) -> np.ndarray:
    return upstream * y / np.hypot(x, math.sqrt(b))


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
    lower, upper = exponentials(x)
    probability = lower / (lower + upper)
    return upstream * (probability + x * probability * (upper / (lower + upper)))


def mish(x: np.ndarray) -> np.ndarray:
    numerator, denominator, _ = _tanh_of_softplus(x)
    return x * (numerator / denominator)


def mish_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    numerator, denominator, one_minus_square = _tanh_of_softplus(x)
    return upstream * (numerator / denominator + x * sigmoid(x) * one_minus_square)


def softsign(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.abs(x))


def softsign_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream / np.square(1 + np.abs(x))


def arctan(x: np.ndarray) -> np.ndarray:
    return np.arctan(x)


def arctan_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream / (1 + x * x)


def cauchit(x: np.ndarray) -> np.ndarray:
    return np.arctan2(1, -x) / np.pi


def cauchit_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream / (np.pi * (1 + x * x))


def exponential(x: np.ndarray) -> np.ndarray:
    return np.exp(x)


def exponential_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * y


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -softplus(-x)


def log_sigmoid_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * sigmoid(-x)


def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def hard_sigmoid_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (np.abs(x) < 3) / 6


def hard_silu(x: np.ndarray) -> np.ndarray:
    return x * hard_sigmoid(x)


def hard_silu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * ((2 * np.clip(x, -3, 3) + 3) / 6 * (np.abs(x) < 3) + (x >= 3))


def hard_tanh(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -1, 1)


def hard_tanh_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * (np.abs(x) < 1)


def hard_shrink(x: np.ndarray, *, threshold: float) -> np.ndarray:
    return x * (np.abs(x) > threshold)


def hard_shrink_gradient(
    x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, threshold: float
) -> np.ndarray:
    return upstream * (np.abs(x) > threshold)


def soft_shrink(x: np.ndarray, *, threshold: float) -> np.ndarray:
    return x - np.clip(x, -threshold, threshold)


def soft_shrink_gradient(
    x: np.ndarray, y: np.ndarray, upstream: np.ndarray, *, threshold: float
) -> np.ndarray:
    return upstream * (np.abs(x) > threshold)


def tanh_shrink(x: np.ndarray) -> np.ndarray:
    return x - np.tanh(x)


def tanh_shrink_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * np.square(np.tanh(x))


def sparse_plus(x: np.ndarray) -> np.ndarray:
    return 0.25 * np.square(np.clip(x, -1, 1) + 1) + (np.maximum(x, 1) - 1)


def sparse_plus_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return upstream * sparse_sigmoid(x)


def sparse_sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (np.clip(x, -1, 1) + 1)


def sparse_sigmoid_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    return 0.5 * upstream * (np.abs(x) < 1)


def glu(x: np.ndarray) -> np.ndarray:
    a, b = np.split(x, 2, axis=-1)
    return a * sigmoid(b)


def glu_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([upstream * sigmoid(b), sigmoid_gradient(b, sigmoid(b), upstream * a)], axis=-1)


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


def sparsemax(x: np.ndarray) -> np.ndarray:
    below = x - x.max(axis=-1, keepdims=True)  # or the 1 is lost beside large numbers
    # what is subtracted is the largest of (sum of the k largest numbers - 1) / k
    excess = np.cumsum(-np.sort(-below, axis=-1), axis=-1) - 1
    shift = excess / np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    return np.maximum(below - shift.max(axis=-1, keepdims=True), 0)


def sparsemax_gradient(x: np.ndarray, y: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    support = (y > 0).astype(x.dtype)
    mean = (upstream * support).sum(axis=-1, keepdims=True) / support.sum(axis=-1, keepdims=True)
    return support * (upstream - mean)


def exponentials(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return exp(min(x, 0)) and exp(-max(x, 0)), whose ratio is exp(x): neither overflows in either tail."""
    return np.exp(np.minimum(x, 0)), np.exp(-np.maximum(x, 0))


def _tanh_of_softplus(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return numerator and denominator of t = tanh(log(1 + exp(x))), and 1 - t^2.

    With l = exp(min(x, 0)) and u = exp(-max(x, 0)), t is (l^2 + 2 l u) / (l^2 + 2 l u + 2 u^2): nothing
    overflows, and neither tail cancels.
    """
    lower, upper = exponentials(x)
    numerator = lower * (lower + 2 * upper)
    denominator = numerator + 2 * upper * upper
    root = 2 * upper * (lower + upper) / denominator
    return numerator, denominator, root * root
