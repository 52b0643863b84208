"""Everything the conformance tests ask of one backend, computed in a process of its own.

`python -c "from tests.conformance.probe import write; write()" BACKEND FILE` writes a pickled `Answers`.
"""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import datasets
from benchmarks.deviations import deviations
from benchmarks.measures import card, elements, parity
from benchmarks.measures.elements import Computed, Reference, questions
from benchmarks.suite import Workload, load_suite
from implementations import (
    AbstractBackend,
    ModelSpec,
    Placement,
    backend_names,
    catalog,
    initial,
    load_backend,
)
from tests.conformance import native_initializers

STEPS = 20
LONG = 1000
"""Steps in float64 of trainings in which a contender is known to drift, as in `versus parity --full`."""
BATCH = 8
EXAMPLES = 24
UNITS = 1000
DROPOUT = 0.3
HIDDEN = {"units": 5, "activation": "tanh"}
MODELS: dict[str, dict[str, Any]] = {
    "softmax from logits": {
        "inputs": [4],
        "layers": [HIDDEN, {"units": 3}],
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    },
    "classes with weights": {
        "inputs": [4],
        "layers": [HIDDEN, {"units": 3}],
        "loss": {
            "name": "sparse_categorical_crossentropy",
            "from_logits": True,
            "class_weight": [0.5, 1.0, 3.0],
            "weight_mode": "weights",
        },
    },
    "series, no bias, penalty": {
        "inputs": [3, 2],
        "layers": [{**HIDDEN, "use_bias": False, "l2": 0.1}, {"units": 2, "l2": 0.01}],
        "loss": "huber",
    },
    "images": {"inputs": [2, 3, 1], "layers": [HIDDEN, HIDDEN, {"units": 1}], "loss": "mean_absolute_error"},
    "rosenblatt": {"inputs": [4], "layers": [{"units": 1, "activation": "step"}], "loss": "perceptron"},
    "m perceptrons": {
        "inputs": [4],
        "layers": [{"units": 3, "activation": "sigmoid"}],
        "loss": "binary_crossentropy",
    },
    "saturated sigmoids": {
        "inputs": [4],
        "layers": [
            {
                "units": 3,
                "activation": "sigmoid",
                "kernel_initializer": {"name": "random_normal", "stddev": 40.0},
            }
        ],
        "loss": {"name": "binary_crossentropy", "convention": "keras"},
    },
    "batch normalization": {
        "inputs": [4],
        "layers": [
            {**HIDDEN, "normalization": {"name": "batch_normalization", "convention": "keras"}},
            {"units": 2, "l1": 0.01},
        ],
        "loss": "mean_squared_error",
    },
    "batch normalization, torch": {
        "inputs": [4],
        "layers": [
            {**HIDDEN, "normalization": {"name": "batch_normalization", "convention": "torch"}},
            {"units": 2, "normalization": {"name": "batch_normalization", "convention": "torch"}},
        ],
        "loss": "mean_squared_error",
    },
    "layer normalization, gate, trained slope": {
        "inputs": [4],
        "layers": [
            {
                "units": 6,
                "activation": "glu",
                "normalization": {"name": "layer_normalization", "convention": "keras"},
            },
            {"units": 5, "activation": {"name": "prelu", "alpha": 0.25}},
            {"units": 4, "activation": "softplus"},
        ],
        "loss": "gaussian_nll",
    },
}
"""Small networks; each is trained with momentum and a rate that changes."""

IN_FLOAT32 = (
    "softmax from logits",
    "classes with weights",
    "saturated sigmoids",
    "batch normalization",
    "layer normalization, gate, trained slope",
)
"""One of each kind of layer and loss that could leave float32; in float64 all are asked."""
NETWORKS = [*((name, "float64") for name in MODELS), *((name, "float32") for name in IN_FLOAT32)]
"""Models and dtypes."""

OPTIMIZER = {
    "name": "sgd",
    "momentum": 0.9,
    "convention": "keras",
    "learning_rate": {"name": "step", "initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5},
}


SAMPLE_WEIGHT = np.array([0.5, 1.0, 0.0, 2.0, 0.25, 3.0, 1.5, 0.75, 1.0, 4.0, 0.125, 0.0])
"""Of the random examples of a loss."""


@dataclass
class Weighted:
    """A loss of examples with weights, and of the same examples without.

    Parameters
    ----------
    value, gradient
        With `SAMPLE_WEIGHT`.
    values
        The loss of each example on its own.
    plain_gradient
        The derivative of the mean without weights.
    """

    value: float
    gradient: np.ndarray
    values: np.ndarray
    plain_gradient: np.ndarray


@dataclass
class Answers:
    """What one backend has computed.

    Parameters
    ----------
    card
        As `benchmarks.measures.card.compute` returns it.
    elements
        As `benchmarks.measures.elements.compute` returns them.
    expected
        From the NumPy backend alone, as `benchmarks.measures.elements.expect` returns it.
    varied
        From the NumPy backend alone, what `_varied` returns.
    paths
        Workload of `trainings` and dtype -> trajectory.
    networks
        Model and dtype -> what `_network` returns.
    dropout
        What `_dropout` returns.
    weighted
        Name of a loss's variant and weight mode -> what `_weighted` returns.
    drawn
        What `native_initializers.drawn` returns.
    missing_calls
        What the catalogue calls native and the framework does not have.
    """

    card: card.Facts
    elements: Computed
    paths: dict[tuple[str, str], parity.Path] = field(default_factory=dict)
    networks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    dropout: dict[str, np.ndarray] = field(default_factory=dict)
    weighted: dict[tuple[str, str], Weighted] = field(default_factory=dict)
    drawn: dict[str, np.ndarray] = field(default_factory=dict)
    missing_calls: list[str] = field(default_factory=list)
    expected: Reference = field(default_factory=dict)
    varied: dict[str, dict[str, parity.Path]] = field(default_factory=dict)


def model_and_data(name: str, dtype: str) -> tuple[ModelSpec, np.ndarray, np.ndarray]:
    """Return a model with examples and targets that fit it; float32 can hold them."""
    model = ModelSpec.from_dict(
        {**MODELS[name], "optimizer": OPTIMIZER, "batch_size": BATCH, "seed": 3, "dtype": dtype}
    )
    random = np.random.default_rng(5)
    x = random.normal(size=(EXAMPLES, *model.network.inputs)).astype(np.float32).astype(np.float64)
    units = model.network.widths[-1]
    if model.loss.name.startswith("sparse"):
        return model, x, random.integers(0, units, EXAMPLES)
    if name == "saturated sigmoids":
        # 1 - p near p = 1 keeps few digits, in float32 none below 6e-8; near p = 0 nothing is lost.
        return model, x, np.ones((EXAMPLES, units))
    if model.loss.name in ("perceptron", "binary_crossentropy"):
        return model, x, (random.random((EXAMPLES, units)) < 0.5).astype(np.float64)
    units //= catalog.loss(model.loss.name).outputs_per_target
    return model, x, random.normal(size=(EXAMPLES, units)).astype(np.float32).astype(np.float64)


def _network(backend: AbstractBackend, name: str, dtype: Any) -> dict[str, Any]:
    """Return what a learner says and does: at the start, after steps, after epochs, and once more."""
    model, x, y = model_and_data(name, dtype)
    learner = backend.build(model, placement=Placement(dtype=dtype))
    order = initial.batch_order(EXAMPLES, BATCH, STEPS, 7).reshape(-1, BATCH)[:STEPS]
    told: dict[str, Any] = {"loss": learner.loss(x, y), "predict": learner.predict(x)}
    told["gradients"] = learner.gradients(x, y)
    first = learner.parameters()
    told["first"] = first
    for batch in order:
        learner.step(x[batch], y[batch])
    learner.synchronize()
    told["steps"] = learner.parameters()
    told["gradients after steps"] = learner.gradients(x, y)
    learner.load_parameters(first)
    learner.epoch(x, y, order)
    told["epoch"] = learner.parameters()
    learner.load_parameters(first)
    learner.epoch(x, y, order)
    told["again"] = learner.parameters()
    return told


def _dropout(backend: AbstractBackend) -> dict[str, np.ndarray]:
    """Return the kernel above a layer with dropout, before and after a step, and what it predicts.

    All hidden outputs are 1, the kernel above them is 0 and the target is 1, so that plain descent at
    rate 0.1 on the squared error moves each of its weights to 0.2 times what dropout has made of the 1.
    """
    model = ModelSpec.from_dict(
        {
            "inputs": [1],
            "layers": [{"units": UNITS, "dropout": DROPOUT}, {"units": 1, "use_bias": False}],
            "loss": "mean_squared_error",
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "batch_size": 1,
            "seed": 11,
            "dtype": "float64",
        }
    )
    x, y = np.zeros((1, 1)), np.ones((1, 1))
    below = [np.zeros((1, UNITS)), np.ones(UNITS)]
    learner = backend.build(model, [*below, np.zeros((UNITS, 1))])
    told = {"gradient": learner.gradients(x, y)[1][2].ravel()}
    for name in ("step", "again"):
        learner.load_parameters([*below, np.zeros((UNITS, 1))])
        learner.step(x, y)
        told[name] = learner.parameters()[2].ravel()
    learner.load_parameters([*below, np.zeros((UNITS, 1))])
    learner.epoch(x, y, np.array([[0]]))
    told["epoch"] = learner.parameters()[2].ravel()
    learner.load_parameters([*below, np.ones((UNITS, 1))])
    told["predict"] = learner.predict(x)
    learner = backend.build(model, [*below, np.zeros((UNITS, 1))], Placement(masks="shared"))
    for _ in range(3):
        learner.step(x, y)
    told["shared"] = learner.parameters()[2].ravel()
    return told


def weighable() -> list[tuple[elements.Variant, str]]:
    """Return the first variant of every loss that averages, and a weight mode.

    A weight comes after the loss of an example, in one place for all losses, so that they take the modes in
    turns.
    """
    first: dict[str, elements.Variant] = {}
    for variant in elements.variants():
        if variant.kind == "loss" and catalog.loss(variant.element).averages:
            first.setdefault(variant.element, variant)
    return list(zip(first.values(), itertools.cycle(("examples", "weights")), strict=False))


def _weighted(backend: AbstractBackend) -> dict[tuple[str, str], Weighted]:
    found = {}
    for variant, mode in weighable():
        pair = questions.drawn(variant, "float64")
        rows = range(questions.RANDOM)
        values = [
            backend.loss(variant.element, *(each[[row]] for each in pair), **variant.options) for row in rows
        ]
        plain = backend.loss_gradient(variant.element, *pair, **variant.options)
        options = {**variant.options, "sample_weight": SAMPLE_WEIGHT, "weight_mode": mode}
        found[variant.name, mode] = Weighted(
            backend.loss(variant.element, *pair, **options),
            backend.loss_gradient(variant.element, *pair, **options),
            np.array(values),
            plain,
        )
    return found


def _missing_calls(backend: AbstractBackend) -> list[str]:
    framework = backend.name.partition("-")[0]
    calls = {
        call.partition("(")[0]
        for element in catalog.every()
        for call in element.native.get(framework, "").split(", ")
        if call
    }
    return sorted(call for call in calls if not _exists(call))


def _exists(call: str) -> bool:
    package, *rest = call.split(".")
    found: Any = import_module(package)
    for name in rest:
        found = getattr(found, name, None)
    return found is not None


def trainings() -> list[Workload]:
    """Return the workloads of `versus parity`, and those of `--full` of which a known deviation speaks.

    The rest of them takes more minutes than a test should: every element stands in the tests by itself, and
    every kind of network among `MODELS`.
    """
    known = [each for name in backend_names() for each in deviations(name) if "training" in each.quantity]
    drifting = {element for each in known for element in each.element}
    more = [
        each
        for each in load_suite("parity-full").workloads
        if drifting & set(parity.elements_of(ModelSpec.from_dict({"inputs": [1], **each.model})))
    ]
    asked = {each.name: each for each in [*load_suite("parity").workloads, *more]}
    return list(asked.values())


def training_steps(contender: str, model: Mapping[str, Any], dtype: str) -> int:
    """Return how long a contender trains a workload; the reference as long as any other."""
    spec = ModelSpec.from_dict({"inputs": [1], **model})
    used = {spec.optimizer.name, *(layer.activation.name for layer in spec.network.layers)}
    names = backend_names() if contender == "numpy" else (contender,)
    known = [each for name in names for each in deviations(name) if "training" in each.quantity]
    drifts = any(used & set(each.element) and dtype in each.at_most for each in known)
    return LONG if drifts and dtype == "float64" else STEPS


def _paths(backend: AbstractBackend) -> dict[tuple[str, str], parity.Path]:
    found = {}
    for workload in trainings():
        options = {key: value for key, value in workload.dataset.items() if key != "name"}
        data = datasets.load(workload.dataset["name"], **options)
        for dtype in ("float64", "float32"):
            found[workload.name, dtype] = parity.compute(
                {"backend": backend},
                lambda: None,
                data=data,
                model=workload.model,
                device="cpu",
                dtype=dtype,
                steps=training_steps(backend.name, workload.model, dtype),
            )
    return found


def _varied(backend: AbstractBackend) -> dict[str, dict[str, parity.Path]]:
    """Return float32 trainings with changes that mean nothing, by workload and change.

    Without two threads: of products as small as these, they compute the same numbers as one.
    """
    found: dict[str, dict[str, parity.Path]] = {}
    for workload in trainings():
        options = {key: value for key, value in workload.dataset.items() if key != "name"}
        data = datasets.load(workload.dataset["name"], **options)
        found[workload.name] = {
            variation: parity.compute(
                {"backend": backend},
                lambda: None,
                data=data,
                model=workload.model,
                device="cpu",
                dtype="float32",
                steps=STEPS,
                variation=variation,
            )
            for variation in ("one ULP", "permuted units")
        }
    return found


def answers(backend: AbstractBackend) -> Answers:
    """Return everything."""
    session = {"backend": backend}
    return Answers(
        card.compute(session, lambda: None),
        elements.compute(session, lambda: None),
        _paths(backend),
        {(name, dtype): _network(backend, name, dtype) for name, dtype in NETWORKS},
        _dropout(backend),
        _weighted(backend),
        native_initializers.drawn(backend),
        _missing_calls(backend),
        elements.expect(session, lambda: None) if backend.name == "numpy" else {},
        _varied(backend) if backend.name == "numpy" else {},
    )


def write() -> None:
    """Write the answers of the backend that the command line names to the file that it names."""
    Path(sys.argv[2]).write_bytes(pickle.dumps(answers(load_backend(sys.argv[1]))))
