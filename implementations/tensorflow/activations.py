"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). `tf.GradientTape` finds the derivatives.
"""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow import Tensor


def linear(x: Tensor) -> Tensor:
    return tf.identity(x)


def step(x: Tensor) -> Tensor:
    zero, one = tf.constant(0, x.dtype), tf.constant(1, x.dtype)
    return tf.where(x < 0, zero, tf.where(x >= 0, one, x))  # NaN stays what it is


def sigmoid(x: Tensor) -> Tensor:
    return tf.nn.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    return tf.nn.tanh(x)


def relu(x: Tensor) -> Tensor:
    return tf.nn.relu(x)


def relu6(x: Tensor) -> Tensor:
    return tf.nn.relu6(x)


def leaky_relu(x: Tensor, *, negative_slope: float) -> Tensor:
    return tf.nn.leaky_relu(x, negative_slope)


def prelu(x: Tensor, *, alpha: float | Tensor) -> Tensor:
    return tf.where(x > 0, x, alpha * x)


def threshold(x: Tensor, *, threshold: float, value: float) -> Tensor:
    return tf.where(x <= threshold, tf.constant(value, x.dtype), x)


def elu(x: Tensor, *, alpha: float) -> Tensor:
    y = tf.nn.elu(x)
    return y if alpha == 1 else tf.where(x > 0, x, alpha * y)


def selu(x: Tensor) -> Tensor:
    return tf.nn.selu(x)


def celu(x: Tensor, *, alpha: float) -> Tensor:
    return tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0) / alpha))


def softplus(x: Tensor) -> Tensor:
    return tf.nn.softplus(x)


def squareplus(x: Tensor, *, b: float) -> Tensor:
    return (x + tf.sqrt(tf.square(x) + b)) / 2


def gelu(x: Tensor) -> Tensor:
    return tf.nn.gelu(x, approximate=False)


def gelu_tanh(x: Tensor) -> Tensor:
    return tf.nn.gelu(x, approximate=True)


def silu(x: Tensor) -> Tensor:
    return tf.nn.silu(x)


def mish(x: Tensor) -> Tensor:
    return x * tf.tanh(tf.nn.softplus(x))


def softsign(x: Tensor) -> Tensor:
    return tf.nn.softsign(x)


def arctan(x: Tensor) -> Tensor:
    return tf.atan(x)


def cauchit(x: Tensor) -> Tensor:
    return tf.atan2(tf.constant(1, x.dtype), -x) / math.pi


def exponential(x: Tensor) -> Tensor:
    return tf.exp(x)


def log_sigmoid(x: Tensor) -> Tensor:
    return tf.math.log_sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    return tf.nn.relu6(x + 3) / 6


def hard_silu(x: Tensor) -> Tensor:
    return x * hard_sigmoid(x)


def hard_tanh(x: Tensor) -> Tensor:
    return tf.where(tf.abs(x) < 1, x, tf.sign(x))  # clip_by_value has derivative 1 at its bounds


def hard_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return tf.where(tf.abs(x) <= threshold, tf.constant(0, x.dtype), x)


def soft_shrink(x: Tensor, *, threshold: float) -> Tensor:
    return tf.where(tf.abs(x) <= threshold, tf.constant(0, x.dtype), x - threshold * tf.sign(x))


def tanh_shrink(x: Tensor) -> Tensor:
    return x - tf.tanh(x)


def sparse_plus(x: Tensor) -> Tensor:
    return tf.where(x < 1, tf.square(hard_tanh(x) + 1) / 4, x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    return (hard_tanh(x) + 1) / 2


def glu(x: Tensor) -> Tensor:
    linear, gate = tf.split(x, 2, axis=-1)
    return linear * tf.nn.sigmoid(gate)


def softmax(x: Tensor) -> Tensor:
    return tf.nn.softmax(x)


def log_softmax(x: Tensor) -> Tensor:
    return tf.nn.log_softmax(x)


def sparsemax(x: Tensor) -> Tensor:
    # below the largest, or the 1 is lost beside large numbers
    below = x - tf.stop_gradient(tf.reduce_max(x, axis=-1, keepdims=True))
    descending = tf.sort(below, axis=-1, direction="DESCENDING")
    excess = tf.cumsum(descending, axis=-1) - 1
    ranks = tf.range(1, x.shape[-1] + 1, dtype=x.dtype)
    # of the support; at least 1, also where no comparison with NaN is true
    counted = tf.cast(ranks * descending > excess, tf.int32)
    size = tf.maximum(tf.reduce_sum(counted, axis=-1, keepdims=True), 1)
    last = tf.gather(excess, size - 1, axis=-1, batch_dims=1)
    return tf.nn.relu(below - last / tf.cast(size, x.dtype))
