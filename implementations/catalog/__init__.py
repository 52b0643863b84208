"""What each name means: formula, options and defaults, reference, conventions, native calls.

Examples
--------
>>> from implementations import catalog
>>> catalog.activation("relu").formula
'f(x) = max(x, 0)'
>>> catalog.optimizer("adam").resolve({"convention": "torch"})["epsilon_mode"]
'plain'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from implementations.catalog.activations import ACTIVATIONS
from implementations.catalog.element import ABSENT, REQUIRED, Accuracy, Element, Option, OptionValue, Range
from implementations.catalog.initializers import INITIALIZERS
from implementations.catalog.losses import LOSSES, LossElement
from implementations.catalog.metrics import METRICS, MetricElement
from implementations.catalog.normalizations import NORMALIZATIONS
from implementations.catalog.optimizers import OPTIMIZERS, OptimizerElement
from implementations.catalog.regularizations import REGULARIZATIONS
from implementations.catalog.schedules import SCHEDULES
from implementations.errors import unknown_name

__all__ = [
    "ABSENT",
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "METRICS",
    "NORMALIZATIONS",
    "OPTIMIZERS",
    "REGULARIZATIONS",
    "REQUIRED",
    "SCHEDULES",
    "Accuracy",
    "Element",
    "LossElement",
    "MetricElement",
    "OptimizerElement",
    "Option",
    "OptionValue",
    "Range",
    "activation",
    "every",
    "initializer",
    "loss",
    "metric",
    "normalization",
    "optimizer",
    "regularization",
    "schedule",
]


E = TypeVar("E", bound=Element)


def _find(elements: Mapping[str, E], kind: str, plural: str, name: str) -> E:
    if isinstance(name, str) and name in elements:
        return elements[name]
    raise unknown_name(kind, name, tuple(elements), f"`versus list {plural}` explains them")


def every() -> tuple[Element, ...]:
    """Return all elements of all tables."""
    tables: tuple[Mapping[str, Element], ...] = (
        ACTIVATIONS,
        LOSSES,
        OPTIMIZERS,
        SCHEDULES,
        NORMALIZATIONS,
        REGULARIZATIONS,
        METRICS,
        INITIALIZERS,
    )
    return tuple(element for each in tables for element in each.values())


def activation(name: str) -> Element:
    """Return the activation of that name, or raise InvalidInput with the nearest one."""
    return _find(ACTIVATIONS, "activation", "activations", name)


def loss(name: str) -> LossElement:
    """Return the loss of that name, or raise InvalidInput with the nearest one."""
    return _find(LOSSES, "loss", "losses", name)


def optimizer(name: str) -> OptimizerElement:
    """Return the optimizer of that name, or raise InvalidInput with the nearest one."""
    return _find(OPTIMIZERS, "optimizer", "optimizers", name)


def schedule(name: str) -> Element:
    """Return the schedule of that name, or raise InvalidInput with the nearest one."""
    return _find(SCHEDULES, "schedule", "schedules", name)


def initializer(name: str) -> Element:
    """Return the initializer of that name, or raise InvalidInput with the nearest one."""
    return _find(INITIALIZERS, "initializer", "initializers", name)


def metric(name: str) -> MetricElement:
    """Return the metric of that name, or raise InvalidInput with the nearest one."""
    return _find(METRICS, "metric", "metrics", name)


def normalization(name: str) -> Element:
    """Return the normalization of that name, or raise InvalidInput with the nearest one."""
    return _find(NORMALIZATIONS, "normalization", "normalizations", name)


def regularization(name: str) -> Element:
    """Return the regularization of that name, or raise InvalidInput with the nearest one."""
    return _find(REGULARIZATIONS, "regularization", "regularizations", name)
