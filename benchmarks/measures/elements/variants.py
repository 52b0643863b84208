"""What is compared: every element of the catalogue, with the options that change what it means.

The variants follow from the catalogue, so that a new element is compared without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmarks.measures import layers
from implementations import catalog

DType = Literal["float32", "float64"]

Kind = Literal["activation", "loss", "optimizer", "metric", "product", "layer"]

Quantity = Literal["value", "gradient", "100 steps", "product"]

DTYPES: tuple[DType, ...] = ("float32", "float64")

_CLIPNORM, _GLOBAL_CLIPNORM = 100.0, 180.0
"""Near the norms that the gradients of `questions.course` have: some are above, some below."""

_DECAY = {"weight_decay": 0.1}

_DECAY_AND_CLIP = {**_DECAY, "weight_decay_mode": "l2", "global_clipnorm": _GLOBAL_CLIPNORM}
"""Asked of every optimizer, in one convention: torch's, whose classes add the decay each for itself."""

_OTHER = {
    "momentum": 0.8,
    "nesterov": False,
    "rho": 0.8,
    "beta_1": 0.8,
    "beta_2": 0.995,
    "adam_beta_1": 0.8,
    "adam_beta_2": 0.995,
    "rms_rate": 0.1,
    "momentum_decay": 0.01,
    "epsilon": 1e-5,
    "initial_accumulator_value": 0.5,
    "learning_rate_power": -0.75,
    "l2_shrinkage_regularization_strength": 0.01,
}
"""Numbers that no framework takes by itself, so that a backend which does not pass them on is found.

Asked of every optimizer that has them, together with `_DECAY_AND_CLIP`.
"""

_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "sgd": (
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        _DECAY,
        {"clipvalue": 0.1},
        {"clipnorm": _CLIPNORM},
        {"global_clipnorm": _GLOBAL_CLIPNORM},
    ),
    "rmsprop": ({}, {"centered": True}),
    "adam": ({}, _DECAY),
    "adafactor": (
        {},
        {"beta_2_decay": -0.7, "epsilon_1": 1e-12, "epsilon_2": 0.01, "clip_threshold": 2.0},
        {"global_clipnorm": _GLOBAL_CLIPNORM},  # Keras refuses torch's convention
    ),
    "ftrl": (
        {"initial_accumulator_value": 0.1},
        {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.01, "beta": 0.1},
    ),
    "binary_crossentropy": (
        {},
        {"from_logits": True},
        {"label_smoothing": 0.1},
        {"class_weight": (0.5, 3.0)},
        {"from_logits": True, "label_smoothing": 0.1},
        {"from_logits": True, "class_weight": (0.5, 3.0)},
    ),
    "binary_focal_crossentropy": ({}, {"from_logits": True}, {"gamma": 3.0, "label_smoothing": 0.1}),
    "categorical_focal_crossentropy": (
        {},
        {"from_logits": True},
        {"alpha": 0.5, "gamma": 3.0, "label_smoothing": 0.1},
    ),
    "sparse_categorical_crossentropy": (
        {},
        {"from_logits": True},
        {"class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.25, 3.0), "weight_mode": "weights"},
    ),
    "categorical_crossentropy": (
        {},
        {"from_logits": True},
        {"label_smoothing": 0.1},
        {"from_logits": True, "label_smoothing": 0.1},
        {"label_smoothing": 0.1, "class_weight": (0.5, 1.0, 2.0, 0.0, 3.0)},
        {"from_logits": True, "class_weight": (0.5, 1.0, 2.0, 0.25, 3.0), "weight_mode": "weights"},
    ),
    "elu": ({}, {"alpha": 0.5}),
    "celu": ({}, {"alpha": 0.5}),
    "leaky_relu": ({}, {"negative_slope": 0.125}),
    "prelu": ({"alpha": 0.25}, {"alpha": 0.5}),
    "threshold": ({}, {"threshold": -1.0, "value": 2.0}),
    "squareplus": ({}, {"b": 16.0}),
    "hard_shrink": ({}, {"threshold": 0.75}),
    "soft_shrink": ({}, {"threshold": 0.75}),
    "top_k_accuracy": ({"k": 2.0}, {"k": 3.0}),
    "precision": ({}, {"threshold": 0.75}),
    "recall": ({}, {"threshold": 0.75}),
    "f1": ({}, {"threshold": 0.75}),
    "tversky": ({}, {"alpha": 0.3, "beta": 0.7}),
    "huber": ({}, {"delta": 0.5}),
    "smooth_l1": ({}, {"beta": 0.5}),
}
"""Settings that change what an element computes; by default the element's own, and `from_logits`."""

_SCHEDULE_OPTIONS: dict[str, dict[str, Any]] = {
    "step": {"initial_learning_rate": 0.02, "decay_steps": 10, "decay_rate": 0.5},
    "exponential": {"initial_learning_rate": 0.02, "decay_steps": 10, "decay_rate": 0.5},
    "cosine": {"initial_learning_rate": 0.02, "decay_steps": 40, "alpha": 0.1},
    "polynomial": {
        "initial_learning_rate": 0.02,
        "decay_steps": 40,
        "end_learning_rate": 0.001,
        "power": 2.0,
    },
    "cosine_restarts": {
        "initial_learning_rate": 0.02,
        "first_decay_steps": 10,
        "t_mul": 6.0,
        "m_mul": 0.5,
        "alpha": 0.1,
    },
    "inverse_time": {"initial_learning_rate": 0.02, "decay_steps": 10, "decay_rate": 0.5},
    "piecewise_constant": {"boundaries": [10.0, 30.0], "values": [0.02, 0.005, 0.001]},
    "linear_warmup": {"initial_learning_rate": 0.002, "warmup_target": 0.02, "warmup_steps": 20},
    "reduce_on_plateau": {
        "initial_learning_rate": 0.02,
        "factor": 0.5,
        "patience": 2,
        "min_delta": 0.12,
        "min_lr": 0.004,
    },
}
"""Numbers that no framework takes by itself, of schedules and, the first rate, of sgd."""

SCHEDULES: dict[str, Any] = {name: {"name": name, **options} for name, options in _SCHEDULE_OPTIONS.items()}


@dataclass(frozen=True)
class Variant:
    """An element with options, and a name that tells them."""

    kind: Kind
    element: str
    name: str
    options: dict[str, Any] = field(hash=False, default_factory=dict)


Key = tuple[Variant, Quantity, DType]

Computed = dict[Key, np.ndarray | str]


def variants() -> Iterator[Variant]:
    """Yield every element of the catalogue with the options that change what it means."""
    for name in catalog.ACTIVATIONS:
        for options in _OPTIONS.get(name, ({},)):
            yield _variant("activation", name, options, None)
    for name, loss in catalog.LOSSES.items():
        logits = any(option.name == "from_logits" for option in loss.options)
        for options in _OPTIONS.get(name, ({}, {"from_logits": True}) if logits else ({},)):
            # with options, in one convention: what each changes does not depend on it
            for convention in tuple(loss.conventions)[: 1 if options else None] or (None,):
                yield _variant("loss", name, options, convention)
    for name, optimizer in catalog.OPTIMIZERS.items():
        given = _OPTIONS.get(name, ({},))
        for options in given:
            for convention in optimizer.conventions or (None,):
                if _differs(optimizer, options, convention):
                    settings = {**options, "learning_rate": 0.01}
                    yield _variant("optimizer", name, settings, convention, "constant")
                    # more options meet a changing rate in sgd, whose momentum meets every schedule, below
                    if options != {"momentum": 0.9} if name == "sgd" else options is given[0]:
                        decay = {} if name == "sgd" or convention == "torch" else _DECAY
                        settings = {**options, **decay, "learning_rate": SCHEDULES["step"]}
                        yield _variant("optimizer", name, settings, convention, "step")
        others = {
            option.name: _OTHER[option.name]
            for option in optimizer.options
            if _OTHER.get(option.name, option.default) != option.default
        }
        settings = {**others, **_DECAY_AND_CLIP, "learning_rate": 0.01}
        yield _variant("optimizer", name, settings, "torch" if optimizer.conventions else None, "constant")
    for convention in ("keras", "torch"):
        for schedule, rate in SCHEDULES.items():
            if convention == "keras" or schedule in ("step", "cosine"):
                settings = {"momentum": 0.9, "learning_rate": rate}
                yield _variant("optimizer", "sgd", settings, convention, schedule)
    for name in catalog.METRICS:
        for options in _OPTIONS.get(name, ({},)):
            yield _variant("metric", name, options, None)
    for name in layers.QUESTIONS:
        conventions = catalog.NORMALIZATIONS[name].conventions if name in catalog.NORMALIZATIONS else (None,)
        for convention in conventions:
            yield _variant("layer", name, {}, convention)
    yield Variant("product", "product", "matrix product")


def _differs(optimizer: catalog.Element, options: dict[str, Any], convention: str | None) -> bool:
    """Return whether a convention computes something else than Keras's, with these options."""
    if convention != "torch":
        return True
    resolved = [optimizer.resolve({**options, "convention": each}) for each in ("keras", "torch")]
    for each in resolved:
        for number, mode in (("weight_decay", "weight_decay_mode"), ("momentum", "momentum_mode")):
            if not each.get(number):
                each.pop(mode, None)
    return resolved[0] != resolved[1]


def _variant(
    kind: Kind, element: str, options: dict[str, Any], convention: str | None, *words: str
) -> Variant:
    told = {name: value for name, value in options.items() if name != "learning_rate"}
    parts = [name if value is True else f"{name}={value}" for name, value in told.items()]
    given = {**options, **({"convention": convention} if convention else {})}
    return Variant(
        kind, element, " ".join((element, *parts, *([convention] if convention else []), *words)), given
    )
