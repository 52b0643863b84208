"""What Keras does by itself: its own layers and losses with their defaults."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
from keras import ops

from implementations.keras import runtime
from implementations.keras.runtime import process


def float64() -> AbstractContextManager[None]:
    return runtime.float64_by_switches()


def initial_parameters(inputs: int, units: int) -> list[np.ndarray] | None:
    layer = keras.layers.Dense(units)
    layer.build((None, inputs))
    return [_to_numpy(variable) for variable in layer.weights]


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    layer = keras.layers.Dense(kernel.shape[1], use_bias=False, dtype=x.dtype.name)
    layer.build((None, len(kernel)))
    layer.kernel.assign(kernel)
    return _to_numpy(layer(x))


def tanh(x: np.ndarray) -> np.ndarray | None:
    return _to_numpy(keras.activations.tanh(ops.convert_to_tensor(x)))


def softplus(x: np.ndarray) -> np.ndarray | None:
    return _to_numpy(keras.activations.softplus(ops.convert_to_tensor(x)))


def constant(value: float) -> float | None:
    return float(_to_numpy(ops.cast(value, "float64")))


def descent(rate: float) -> float | None:
    x = keras.Variable(np.zeros(1), dtype="float64")
    keras.optimizers.SGD(rate).apply([ops.ones((1,), dtype="float64")], [x])
    return -float(_to_numpy(x)[0])


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    with process.products_by_default():
        return _to_numpy(ops.matmul(x, y))


def product_setting() -> str | None:
    return process.product_setting()


def batch_normalization(x: np.ndarray) -> list[np.ndarray] | None:
    layer = keras.layers.BatchNormalization()
    layer(x, training=True)
    return [_to_numpy(layer.moving_mean), _to_numpy(layer.moving_variance)]


def sigmoid_crossentropy(score: float) -> list[float] | None:
    layer = keras.layers.Dense(1, activation="sigmoid", use_bias=False)
    return _first_unit(layer, [score], keras.losses.BinaryCrossentropy(), ops.ones((1, 1)))


def softmax_crossentropy(score: float) -> list[float] | None:
    layer = keras.layers.Dense(2, activation="softmax", use_bias=False)
    return _first_unit(layer, [score, 0.0], keras.losses.SparseCategoricalCrossentropy(), ops.zeros((1, 1)))


def binary_crossentropy(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return float(keras.losses.BinaryCrossentropy()(targets, probabilities))


def focal_crossentropy(targets: np.ndarray, logits: np.ndarray) -> float | None:
    return float(keras.losses.BinaryFocalCrossentropy(from_logits=True)(targets, logits))


def mean_squared_error(targets: np.ndarray, predictions: np.ndarray) -> float | None:
    return float(keras.losses.MeanSquaredError()(targets, predictions))


def crossentropy(
    classes: np.ndarray, scores: np.ndarray, class_weight: np.ndarray | None = None
) -> float | None:
    # `fit` makes a class's weight one of its examples
    weights = None if class_weight is None else class_weight[classes]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(classes, scores, sample_weight=weights))


def kl_divergence(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return float(keras.losses.KLDivergence()(targets, probabilities))


def _first_unit(layer: Any, scores: list[float], loss: Any, target: Any) -> list[float]:
    one = ops.ones((1, 1))
    layer.build((None, 1))
    layer.kernel.assign([scores])
    value, (slope,) = runtime.differentiated(lambda: loss(target, layer(one)), [layer.kernel])()
    return [float(value), float(slope[0, 0])]


def _to_numpy(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor))
