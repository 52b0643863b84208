"""The frameworks' own initializers, to be compared with what `implementations.initial` draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from implementations import AbstractBackend, catalog
from implementations.spec import ElementSpec

INPUTS, UNITS = 300, 200
SEED = 20
DRAWN: dict[str, ElementSpec] = {
    name: ElementSpec(name)
    for name in catalog.INITIALIZERS
    if name not in ("constant", "random_uniform", "random_normal", "truncated_normal", "orthogonal")
}
DRAWN |= {
    "constant": ElementSpec("constant", (("value", 0.25),)),
    "random_uniform": ElementSpec("random_uniform", (("minval", -0.5), ("maxval", 2.0))),
    "random_normal": ElementSpec("random_normal", (("mean", 1.0), ("stddev", 0.3))),
    "truncated_normal": ElementSpec("truncated_normal", (("mean", 1.0), ("stddev", 0.3))),
    "orthogonal": ElementSpec("orthogonal", (("gain", 2.0),)),
    **{
        f"{name}, not truncated": ElementSpec(name, (("truncated", False),))
        for name in ("glorot_normal", "he_normal", "lecun_normal")
    },
}
"""What is compared, with options that none has by default."""


def drawn(backend: AbstractBackend) -> dict[str, np.ndarray]:
    """Return kernels (inputs, units) that the framework's own initializers draw; nothing from NumPy."""
    frameworks = {"keras": _keras, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
    draw = frameworks.get(backend.name.partition("-")[0])
    return draw() if draw else {}


def _keras() -> dict[str, np.ndarray]:
    import keras

    found = {}
    for name, spec in DRAWN.items():
        element = catalog.initializer(spec.name)
        options = element.resolve(dict(spec.options))
        if options.pop("truncated", True):
            kind = getattr(keras.initializers, element.native["keras"].rpartition(".")[2])
            if spec.name == "torch_linear":
                options = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}
            seed = {} if spec.name in ("zeros", "ones", "constant") else {"seed": SEED}
            found[name] = np.array(keras.ops.convert_to_numpy(kind(**options, **seed)((INPUTS, UNITS))))
    return found


def _torch() -> dict[str, np.ndarray]:
    import torch
    from torch.nn import init

    torch.manual_seed(SEED)

    def linear(weight: torch.Tensor) -> None:
        weight.copy_(torch.nn.Linear(INPUTS, UNITS).weight)

    fills: dict[str, Callable[..., Any]] = {
        "zeros": init.zeros_,
        "ones": init.ones_,
        "constant": lambda weight: init.constant_(weight, 0.25),
        "random_uniform": lambda weight: init.uniform_(weight, -0.5, 2.0),
        "random_normal": lambda weight: init.normal_(weight, 1.0, 0.3),
        "truncated_normal": lambda weight: init.trunc_normal_(weight, 1.0, 0.3, 0.4, 1.6),
        "glorot_uniform": init.xavier_uniform_,
        "glorot_normal, not truncated": init.xavier_normal_,
        "he_uniform": lambda weight: init.kaiming_uniform_(weight, nonlinearity="relu"),
        "he_normal, not truncated": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),
        "lecun_uniform": lambda weight: init.kaiming_uniform_(weight, nonlinearity="linear"),
        "lecun_normal, not truncated": lambda weight: init.kaiming_normal_(weight, nonlinearity="linear"),
        "torch_linear": linear,
        "orthogonal": lambda weight: init.orthogonal_(weight, 2.0),
    }
    found = {}
    with torch.no_grad():
        for name, fill in fills.items():
            weight = torch.empty(UNITS, INPUTS)  # torch's kernels are (units, inputs)
            fill(weight)
            found[name] = weight.numpy().T.copy()
    return found


def _jax() -> dict[str, np.ndarray]:
    import jax
    from jax.nn import initializers

    # its normals have mean 0
    draws: dict[str, Callable[..., Any]] = {
        "zeros": initializers.zeros,
        "ones": initializers.ones,
        "constant": initializers.constant(0.25),
        "random_uniform": partial(jax.random.uniform, minval=-0.5, maxval=2.0),
        "random_normal": lambda key, shape: 1 + initializers.normal(0.3)(key, shape),
        "truncated_normal": lambda key, shape: 1 + initializers.truncated_normal(0.3)(key, shape),
        "glorot_uniform": initializers.glorot_uniform(),
        "glorot_normal": initializers.glorot_normal(),
        "he_uniform": initializers.he_uniform(),
        "he_normal": initializers.he_normal(),
        "lecun_uniform": initializers.lecun_uniform(),
        "lecun_normal": initializers.lecun_normal(),
        "glorot_normal, not truncated": initializers.variance_scaling(1.0, "fan_avg", "normal"),
        "he_normal, not truncated": initializers.variance_scaling(2.0, "fan_in", "normal"),
        "lecun_normal, not truncated": initializers.variance_scaling(1.0, "fan_in", "normal"),
        "torch_linear": initializers.variance_scaling(1 / 3, "fan_in", "uniform"),
        "orthogonal": initializers.orthogonal(2.0),
    }
    key = jax.random.key(SEED)
    return {name: np.array(draw(key, (INPUTS, UNITS))) for name, draw in draws.items()}


def _tensorflow() -> dict[str, np.ndarray]:
    import tensorflow as tf

    draws: dict[str, Callable[..., Any]] = {
        "zeros": tf.zeros_initializer(),
        "ones": tf.ones_initializer(),
        "constant": tf.constant_initializer(0.25),
        "random_uniform": tf.random_uniform_initializer(-0.5, 2.0, seed=SEED),
        "random_normal": tf.random_normal_initializer(1.0, 0.3, seed=SEED),
        "truncated_normal": partial(tf.random.truncated_normal, mean=1.0, stddev=0.3, seed=SEED),
    }
    return {name: np.array(draw((INPUTS, UNITS))) for name, draw in draws.items()}


def bounds(spec: ElementSpec) -> tuple[float, float]:
    """Return the smallest and the largest number that can come."""
    options = dict(spec.options)
    if spec.name in ("zeros", "ones", "constant"):
        value = {"zeros": 0.0, "ones": 1.0}.get(spec.name, 0.25)
        return value, value
    if spec.name == "random_uniform":
        return -0.5, 2.0
    if spec.name == "truncated_normal":
        return 0.4, 1.6
    if spec.name == "orthogonal":
        return -2.0, 2.0
    if spec.name == "random_normal" or options.get("truncated") is False:
        return -math.inf, math.inf
    stddev = deviation(spec)
    limit = math.sqrt(3) * stddev if "truncated" not in _options_of(spec) else 2 / 0.87962566 * stddev
    return -limit, limit


def deviation(spec: ElementSpec) -> float:
    """Return the standard deviation that the catalogue's formula has."""
    fixed = {
        "zeros": 0.0,
        "ones": 0.0,
        "constant": 0.0,
        "random_uniform": 2.5 / math.sqrt(12),
        "random_normal": 0.3,
        "truncated_normal": 0.3 * 0.87962566,
        "orthogonal": 2 / math.sqrt(INPUTS),
    }
    scaled = {
        "glorot": 2 / (INPUTS + UNITS),
        "he": 2 / INPUTS,
        "lecun": 1 / INPUTS,
        "torch": 1 / (3 * INPUTS),
    }
    found = fixed.get(spec.name)
    return math.sqrt(scaled[spec.name.partition("_")[0]]) if found is None else found


def _options_of(spec: ElementSpec) -> tuple[str, ...]:
    return tuple(option.name for option in catalog.initializer(spec.name).options)
