"""Activations; formulas stand in the catalogue.

`name(x)` is f(x). `jax.grad` finds the derivatives.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def linear(x: Array) -> Array:
    return jax.nn.identity(x)


def step(x: Array) -> Array:
    return jnp.heaviside(x, 1)


def sigmoid(x: Array) -> Array:
    return jax.nn.sigmoid(x)


def tanh(x: Array) -> Array:
    return jnp.tanh(x)


def relu(x: Array) -> Array:
    return jax.nn.relu(x)


def relu6(x: Array) -> Array:
    return jax.nn.relu6(x)


def leaky_relu(x: Array, *, negative_slope: float) -> Array:
    return jax.nn.leaky_relu(x, negative_slope)


def prelu(x: Array, *, alpha: float | Array) -> Array:
    return jnp.where(x > 0, x, alpha * x)


def threshold(x: Array, *, threshold: float, value: float) -> Array:
    return jnp.where(x <= threshold, value, x)


def elu(x: Array, *, alpha: float) -> Array:
    return jax.nn.elu(x, alpha)


def selu(x: Array) -> Array:
    return jax.nn.selu(x)


def celu(x: Array, *, alpha: float) -> Array:
    return jax.nn.celu(x, alpha)


def softplus(x: Array) -> Array:
    return jax.nn.softplus(x)


def squareplus(x: Array, *, b: float) -> Array:
    return jax.nn.squareplus(x, b)


def gelu(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=False)


def gelu_tanh(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=True)


def silu(x: Array) -> Array:
    return jax.nn.silu(x)


def mish(x: Array) -> Array:
    return jax.nn.mish(x)


def softsign(x: Array) -> Array:
    return jax.nn.soft_sign(x)


def arctan(x: Array) -> Array:
    return jnp.arctan(x)


def cauchit(x: Array) -> Array:
    return jnp.arctan2(1, -x) / jnp.pi


def exponential(x: Array) -> Array:
    return jnp.exp(x)


def log_sigmoid(x: Array) -> Array:
    return jax.nn.log_sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    return jax.nn.hard_sigmoid(x)


def hard_silu(x: Array) -> Array:
    return jax.nn.hard_silu(x)


def hard_tanh(x: Array) -> Array:
    return jax.nn.hard_tanh(x)


def hard_shrink(x: Array, *, threshold: float) -> Array:
    return jnp.where(jnp.abs(x) <= threshold, 0, x)


def soft_shrink(x: Array, *, threshold: float) -> Array:
    return jnp.where(jnp.abs(x) <= threshold, 0, x - threshold * jnp.sign(x))


def tanh_shrink(x: Array) -> Array:
    return x - jnp.tanh(x)


def sparse_plus(x: Array) -> Array:
    return jax.nn.sparse_plus(x)


def sparse_sigmoid(x: Array) -> Array:
    return jax.nn.sparse_sigmoid(x)


def glu(x: Array) -> Array:
    return jax.nn.glu(x)


def softmax(x: Array) -> Array:
    return jax.nn.softmax(x)


def log_softmax(x: Array) -> Array:
    return jax.nn.log_softmax(x)


def sparsemax(x: Array) -> Array:
    below = x - jax.lax.stop_gradient(x.max(axis=-1, keepdims=True))  # or the 1 is lost beside large numbers
    descending = jnp.sort(below, descending=True)
    excess = jnp.cumsum(descending, axis=-1) - 1
    ranks = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    # of the support; at least 1, also where no comparison with NaN is true
    size = jnp.maximum(jnp.sum(ranks * descending > excess, axis=-1, keepdims=True), 1)
    return jax.nn.relu(below - jnp.take_along_axis(excess, size - 1, axis=-1) / size)
