"""What is around functions: normalization, penalties and dropout of layers, through the smallest network that
shows it, and weights of examples.

`QUESTIONS[element](backend, options, dtype)` asks a backend, `ANSWERS[element](options, dtype)` says what
should come out, in NumPy's longest floats: where each result belongs, the results, and the sizes against
which their errors count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from implementations import AbstractBackend, AbstractLearner, ModelSpec, Placement, catalog, initial

DType = Literal["float32", "float64"]
Options = Mapping[str, Any]
Answer = tuple[np.ndarray, np.ndarray, np.ndarray]

MEANS = np.array([0.0, 100.0, 3e3, 1e4, 1e6])
"""Of numbers with standard deviation 1: E[x^2] - E[x]^2 loses their square, in units of the last place."""
EXAMPLES, UNITS = 16, 8
WEIGHTS = np.array([0.0, -0.0, 0.5, -0.25, 3.0, -1e-3, 1e-30, -1e-30])
PENALTY = 0.25
DROPOUT, DROPPED = 0.3, 200
SAMPLE_WEIGHTS = np.array([0.0, 1e-6, 0.3, 1.0, 2.0, 1e3])
WEIGHT_MODES = ("examples", "weights")


def _batch_normalization(backend: AbstractBackend, options: Options, dtype: DType) -> np.ndarray:
    """Return scale, shift, moving mean and moving variance after a step at rate 1, for each mean.

    And how far the kernel's first row goes: first inputs times derivatives by what is normalized, summed.
    """
    x, targets = _columns()
    units = len(MEANS)
    layer = {"units": units, "normalization": {"name": "batch_normalization", "momentum": 0.5, **options}}
    ones, zeros = np.ones(units), np.zeros(units)
    parameters = [np.eye(units), zeros, ones, zeros, zeros, zeros]
    learner = _learner(backend, {"inputs": [units], "layers": [layer]}, parameters, dtype)
    learner.step(x, targets)
    kernel, _, *normalization = learner.parameters()
    return np.concatenate([*normalization, np.eye(units, dtype=dtype)[0] - kernel[0]])


def _batch_normalized(options: Options, dtype: DType) -> Answer:
    x, targets = (each.astype(np.longdouble) for each in _columns())
    settings = catalog.normalization("batch_normalization").resolve(options)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    normal = (x - mean) / np.sqrt(variance + settings["epsilon"])
    slope = 2 * (normal - targets) / x.size
    unbiased = settings["variance_mode"] == "unbiased"
    moving = variance * EXAMPLES / (EXAMPLES - 1) if unbiased else variance
    along = slope - slope.mean(axis=0) - normal * (slope * normal).mean(axis=0)
    inner = along / np.sqrt(variance + settings["epsilon"])
    values = [1 - (slope * normal).sum(axis=0), -slope.sum(axis=0), mean / 2, moving / 2, x[:, 0] @ inner]
    return np.tile(MEANS, 5), np.concatenate(values), np.tile(np.maximum(MEANS, 1.0), 5)


def _layer_normalization(backend: AbstractBackend, options: Options, dtype: DType) -> np.ndarray:
    """Return outputs, and derivatives by bias, scale and shift, for an example of each mean."""
    x, targets = _rows()
    layer = {"units": UNITS, "normalization": {"name": "layer_normalization", **options}}
    parameters = [np.eye(UNITS), np.zeros(UNITS), np.ones(UNITS), np.zeros(UNITS)]
    learner = _learner(backend, {"inputs": [UNITS], "layers": [layer]}, parameters, dtype)
    rows = [slice(row, row + 1) for row in range(len(MEANS))]
    slopes = [part for row in rows for part in learner.gradients(x[row], targets[row])[1][1:]]
    return np.concatenate([learner.predict(x).ravel(), *slopes])


def _layer_normalized(options: Options, dtype: DType) -> Answer:
    x, targets = (each.astype(np.longdouble) for each in _rows())
    settings = catalog.normalization("layer_normalization").resolve(options)
    spread = np.sqrt(x.var(axis=1, keepdims=True) + settings["epsilon"])
    normal = (x - x.mean(axis=1, keepdims=True)) / spread
    slope = 2 * (normal - targets) / UNITS
    along = slope - slope.mean(axis=1, keepdims=True)
    before = (along - normal * (slope * normal).mean(axis=1, keepdims=True)) / spread
    slopes = np.stack([before, slope * normal, slope], axis=1)
    where = np.concatenate([np.repeat(MEANS, UNITS), np.repeat(MEANS, 3 * UNITS)])
    return where, np.concatenate([normal.ravel(), slopes.ravel()]), np.maximum(where, 1.0)


def _penalty(name: str) -> Callable[[AbstractBackend, Options, DType], np.ndarray]:
    def asked(backend: AbstractBackend, options: Options, dtype: DType) -> np.ndarray:
        """Return the derivative of the penalty alone, for each weight: input and target are 0."""
        network = {"inputs": [len(WEIGHTS)], "layers": [{"units": 1, "use_bias": False, name: PENALTY}]}
        learner = _learner(backend, network, [WEIGHTS[:, np.newaxis]], dtype)
        return learner.gradients(np.zeros((1, len(WEIGHTS))), np.zeros((1, 1)))[1][0].ravel()

    return asked


def _l1(options: Options, dtype: DType) -> Answer:
    slopes = PENALTY * np.sign(WEIGHTS.astype(dtype).astype(np.longdouble))
    return WEIGHTS, slopes, np.abs(slopes)


def _l2(options: Options, dtype: DType) -> Answer:
    slopes = 2 * PENALTY * WEIGHTS.astype(dtype).astype(np.longdouble)
    return WEIGHTS, slopes, np.abs(slopes)


def _dropout(backend: AbstractBackend, options: Options, dtype: DType) -> np.ndarray:
    """Return what dropout makes of outputs of 1, with masks from NumPy.

    The kernel above them is 0 and the target 1: a step at rate 1 on the squared error moves each of its
    weights to twice that.
    """
    model = _dropout_model()
    parameters = [np.zeros((1, DROPPED)), np.ones(DROPPED), np.zeros((DROPPED, 1))]
    learner = backend.build(model, parameters, Placement(dtype=dtype, masks="shared"))
    learner.step(np.zeros((1, 1)), np.ones((1, 1)))
    return learner.parameters()[2].ravel() / 2


def _dropped(options: Options, dtype: DType) -> Answer:
    kept = initial.dropout_masks(_dropout_model(), 1, 0)[0].ravel() > 0
    values = kept / (1 - np.longdouble(DROPOUT))
    return np.arange(DROPPED, dtype=np.float64), values, np.abs(values)


def _sample_weight(backend: AbstractBackend, options: Options, dtype: DType) -> np.ndarray:
    """Return a weighted mean of squared errors and its derivatives, over examples and over their weights."""
    found = []
    targets, predictions, weights = (each.astype(dtype) for each in _weighed())
    for mode in WEIGHT_MODES:
        given: dict[str, Any] = {"sample_weight": weights, "weight_mode": mode}
        found.append(np.array([backend.loss("mean_squared_error", targets, predictions, **given)], dtype))
        found.append(backend.loss_gradient("mean_squared_error", targets, predictions, **given).ravel())
    return np.concatenate(found)


def _weighted(options: Options, dtype: DType) -> Answer:
    targets, predictions, weights = (each.astype(np.longdouble) for each in _weighed())
    values = []
    for divisor in (len(weights), weights.sum()):
        shares = weights / divisor
        slopes = 2 * shares[:, np.newaxis] * (predictions - targets) / UNITS
        values += [[shares @ np.square(predictions - targets).mean(axis=1)], slopes.ravel()]
    where = np.concatenate([[-1.0], np.repeat(SAMPLE_WEIGHTS, UNITS)])
    wanted = np.concatenate(values)
    return np.tile(where, len(WEIGHT_MODES)), wanted, np.abs(wanted)


QUESTIONS: dict[str, Callable[[AbstractBackend, Options, DType], np.ndarray]] = {
    "batch_normalization": _batch_normalization,
    "layer_normalization": _layer_normalization,
    "l1": _penalty("l1"),
    "l2": _penalty("l2"),
    "dropout": _dropout,
    "sample_weight": _sample_weight,
}
ANSWERS: dict[str, Callable[[Options, DType], Answer]] = {
    "batch_normalization": _batch_normalized,
    "layer_normalization": _layer_normalized,
    "l1": _l1,
    "l2": _l2,
    "dropout": _dropped,
    "sample_weight": _weighted,
}


def _learner(
    backend: AbstractBackend, network: dict[str, Any], parameters: list[np.ndarray], dtype: DType
) -> AbstractLearner[Any]:
    return backend.build(_model(network), parameters, Placement(dtype=dtype))


def _model(network: dict[str, Any], examples: int = EXAMPLES) -> ModelSpec:
    optimizer = {"name": "sgd", "learning_rate": 1.0}
    return ModelSpec.from_dict(
        {**network, "loss": "mean_squared_error", "optimizer": optimizer, "batch_size": examples}
    )


def _dropout_model() -> ModelSpec:
    layers = [{"units": DROPPED, "dropout": DROPOUT}, {"units": 1, "use_bias": False}]
    return _model({"inputs": [1], "layers": layers}, 1)


def _columns() -> tuple[np.ndarray, np.ndarray]:
    """Return examples whose columns have the means, and targets."""
    random = np.random.default_rng([2026, 6])
    x = MEANS + random.normal(size=(EXAMPLES, len(MEANS)))
    return _held(x), _held(random.normal(size=x.shape))


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Return examples whose rows have the means, and targets."""
    random = np.random.default_rng([2026, 7])
    x = MEANS[:, np.newaxis] + random.normal(size=(len(MEANS), UNITS))
    return _held(x), _held(random.normal(size=x.shape))


def _weighed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return targets, predictions, and a weight for each example."""
    random = np.random.default_rng([2026, 8])
    shape = len(SAMPLE_WEIGHTS), UNITS
    return _held(random.normal(size=shape)), _held(random.normal(size=shape)), _held(SAMPLE_WEIGHTS)


def _held(array: np.ndarray) -> np.ndarray:
    """Return numbers that float32 can hold."""
    return array.astype(np.float32).astype(np.float64)
