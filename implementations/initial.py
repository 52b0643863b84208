"""Initial parameters and batch order, drawn once in NumPy for every backend.

Most disagreements between frameworks are different random numbers. Here no framework draws any: a seed
gives the same starting point and the same batches to all of them.
"""

from __future__ import annotations

import math

import numpy as np

from implementations import catalog
from implementations.errors import InvalidInput
from implementations.spec import ElementSpec, LayerSpec, ModelSpec

_CUT_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal cut at -2 and 2 (keras/src/random/initializers)."""


def draw(initializer: ElementSpec, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return what an initializer makes of random numbers: a kernel (inputs, units) or a bias (units,).

    Raises
    ------
    InvalidInput
        If `random_uniform` has its bounds in the wrong order, or `orthogonal` gets no matrix.

    Examples
    --------
    >>> from implementations.spec import ElementSpec
    >>> kernel = draw(ElementSpec("orthogonal"), np.random.default_rng(0), (3, 2))
    >>> bool(np.allclose(kernel.T @ kernel, np.eye(2)))
    True
    """
    name = initializer.name
    options = catalog.initializer(name).resolve(dict(initializer.options))
    if name in ("zeros", "ones", "constant"):
        return np.full(shape, {"zeros": 0.0, "ones": 1.0}.get(name, options.get("value")))
    if name == "random_uniform":
        return _uniform(generator, options["minval"], options["maxval"], shape)
    if name == "random_normal":
        return generator.normal(options["mean"], options["stddev"], shape)
    if name == "truncated_normal":
        return options["mean"] + options["stddev"] * _cut_normal(generator, shape)
    if name == "orthogonal":
        return options["gain"] * _orthogonal(generator, shape)
    inputs, units = shape[0], shape[-1]
    variance = {
        "glorot": 2.0 / (inputs + units),
        "he": 2.0 / inputs,
        "lecun": 1.0 / inputs,
        "torch": 1.0 / (3.0 * inputs),
    }[name.partition("_")[0]]
    if "truncated" not in options:
        limit = math.sqrt(3.0 * variance)
        return generator.uniform(-limit, limit, shape)
    if options["truncated"]:
        return math.sqrt(variance) * (_cut_normal(generator, shape) / _CUT_STDDEV)
    return math.sqrt(variance) * generator.standard_normal(shape)


def _uniform(generator: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
    if low > high:
        raise InvalidInput(
            "options of initializer random_uniform",
            expected="minval not above maxval",
            got=f"{low:g} and {high:g}",
            action="exchange them",
        )
    return generator.uniform(low, high, shape)


def _cut_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    sample = generator.standard_normal(shape)
    while (outside := np.abs(sample) > 2.0).any():
        sample[outside] = generator.standard_normal(int(outside.sum()))
    return sample


def _orthogonal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) != 2:
        raise InvalidInput(
            "initializer orthogonal",
            expected="a kernel of shape (inputs, units)",
            got=f"shape {shape}",
            action="choose another initializer for biases",
        )
    q, r = np.linalg.qr(generator.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))  # LAPACK's signs are no coin tosses (Mezzadri 2006)
    return q if shape[0] >= shape[1] else q.T


def _first_value(name: str, layer: LayerSpec) -> float:
    """Return what a normalization changes nothing with, and the first slope of prelu."""
    if name == "alpha":
        slope: float = catalog.activation("prelu").resolve(dict(layer.activation.options))["alpha"]
        return slope
    return 1.0 if name in ("gamma", "moving_variance") else 0.0


def parameters(model: ModelSpec, seed: int | None = None) -> list[np.ndarray]:
    """Return the initial parameters, in the order of `LayerSpec.parameters`, layer by layer.

    The values are float64 arrays that float32 can hold exactly, so that trainings in both dtypes
    start from the same point.

    Parameters
    ----------
    model
        Its layers name the initializers.
    seed
        Replaces the model's seed.

    Examples
    --------
    >>> from implementations import ModelSpec
    >>> model = ModelSpec.from_dict({"inputs": [3], "layers": [{"units": 2}],
    ...     "loss": "mean_squared_error", "optimizer": {"name": "sgd", "learning_rate": 0.1}})
    >>> [array.shape for array in parameters(model)]
    [(3, 2), (2,)]
    """
    generator = np.random.default_rng([model.seed if seed is None else seed, 0])
    arrays: list[np.ndarray] = []
    for inputs, layer in zip(model.network.widths, model.network.layers, strict=False):
        for name in layer.parameters:
            if name == "kernel":
                arrays.append(draw(layer.kernel_initializer, generator, (inputs, layer.units)))
            elif name == "bias":
                arrays.append(draw(layer.bias_initializer, generator, (layer.units,)))
            else:
                arrays.append(np.full(layer.units, _first_value(name, layer)))
    return [array.astype(np.float32).astype(np.float64) for array in arrays]


def batch_order(examples: int, batch_size: int, epochs: int, seed: int) -> np.ndarray:
    """Return the example numbers of every batch: shape (epochs, steps, batch_size), int64.

    Each epoch is a new permutation. The examples left over when the batch size does not divide their
    number sit that epoch out, so that every step of every backend has the same shape; a batch size above
    the number of examples is lowered to it.

    Raises
    ------
    InvalidInput
        If there are no examples.

    Examples
    --------
    >>> batch_order(examples=5, batch_size=2, epochs=3, seed=0).shape
    (3, 2, 2)
    """
    if examples < 1:
        raise InvalidInput(
            "training data", expected="at least one example", got="none", action="check the split"
        )
    batch_size = min(batch_size, examples)
    steps = examples // batch_size
    generator = np.random.default_rng([seed, 1])
    epochs_drawn = [generator.permutation(examples)[: steps * batch_size] for _ in range(epochs)]
    return np.stack(epochs_drawn).reshape(epochs, steps, batch_size)


def dropout_masks(model: ModelSpec, examples: int, step: int) -> list[np.ndarray]:
    """Return for each layer with dropout what its outputs are multiplied by in that step.

    Arrays of shape (examples, outputs) with 0 in a share `dropout` of places and 1 / (1 - dropout) elsewhere.

    Examples
    --------
    >>> model = ModelSpec.from_dict({"inputs": [3], "layers": [{"units": 4, "dropout": 0.5}, {"units": 1}],
    ...     "loss": "mean_squared_error", "optimizer": {"name": "sgd", "learning_rate": 0.1}})
    >>> sorted({float(value) for value in dropout_masks(model, 50, step=0)[0].ravel()})
    [0.0, 2.0]
    """
    generator = np.random.default_rng([model.seed, 2, step])
    return [
        (generator.random((examples, layer.outputs)) >= layer.dropout) / (1 - layer.dropout)
        for layer in model.network.layers
        if layer.dropout
    ]
