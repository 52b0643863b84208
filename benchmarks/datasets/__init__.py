"""Data sets by name: real ones that are bundled, seeded synthetic ones, and downloads.

>>> from benchmarks import datasets
>>> data = datasets.load("iris", seed=0)
>>> data.inputs, len(data.train.x), len(data.validation.x), len(data.test)
((4,), 90, 30, 30)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks.datasets.dataset import Dataset, Raw, SealedTest, Split, Task, TestAlreadyUsed
from implementations.errors import InvalidInput, unknown_name

__all__ = [
    "Dataset",
    "Description",
    "SealedTest",
    "Split",
    "TestAlreadyUsed",
    "describe",
    "load",
    "names",
]


@dataclass(frozen=True)
class Description:
    """What is known about a data set without reading it.

    Parameters
    ----------
    inputs
        Shape of one example with default options.
    examples
        How many there are in all parts together, with default options.
    source
        Where they come from.
    module
        File of this package that reads them.
    options
        Options of its own with their defaults; all data sets also take `train_examples` and `one_hot`.
    seeded
        Whether the examples themselves are drawn from the seed.
    """

    name: str
    task: Task
    classes: int | None
    inputs: tuple[int, ...]
    examples: int
    source: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seeded: bool = False


_SCIKIT_LEARN = "scikit-learn, bundled"
_FORMULA = "formula and seed"
_DOWNLOAD = "download, or a local folder"
_IMAGE = {"shape": "features"}
_CATALOG = {
    each.name: each
    for each in (
        Description("breast_cancer", "classification", 2, (30,), 569, _SCIKIT_LEARN, "bundled"),
        Description("iris", "classification", 3, (4,), 150, _SCIKIT_LEARN, "bundled"),
        Description("wine", "classification", 3, (13,), 178, _SCIKIT_LEARN, "bundled"),
        Description("digits", "classification", 10, (64,), 1797, _SCIKIT_LEARN, "bundled", _IMAGE),
        Description("diabetes", "regression", None, (10,), 442, _SCIKIT_LEARN, "bundled"),
        Description("logic_gates", "classification", 2, (2,), 4, "truth table", "synthetic", {"gate": "and"}),
        Description(
            "moons",
            "classification",
            2,
            (2,),
            1000,
            _FORMULA,
            "synthetic",
            {"examples": 1000, "noise": 0.2},
            seeded=True,
        ),
        Description(
            "spirals",
            "classification",
            2,
            (2,),
            1000,
            _FORMULA,
            "synthetic",
            {"examples": 1000, "noise": 0.02},
            seeded=True,
        ),
        Description(
            "sine_mixture",
            "classification",
            3,
            (24, 3),
            900,
            _FORMULA,
            "synthetic",
            {"examples": 900, "noise": 0.3},
            seeded=True,
        ),
        Description(
            "clusters",
            "classification",
            10,
            (784,),
            1600,
            _FORMULA,
            "synthetic",
            {"examples": 1600, "noise": 1.0, "features": 784, "classes": 10},
            seeded=True,
        ),
        Description(
            "mnist", "classification", 10, (784,), 70_000, _DOWNLOAD, "downloads", {**_IMAGE, "folder": ""}
        ),
        Description(
            "fashion_mnist",
            "classification",
            10,
            (784,),
            70_000,
            _DOWNLOAD,
            "downloads",
            {**_IMAGE, "folder": ""},
        ),
        Description(
            "california_housing", "regression", None, (8,), 20_640, _DOWNLOAD, "downloads", {"folder": ""}
        ),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of all data sets.

    Examples
    --------
    >>> names()[:3]
    ('breast_cancer', 'iris', 'wine')
    """
    return tuple(_CATALOG)


def describe(name: str) -> Description:
    """Return what is known about a data set, or raise InvalidInput with the nearest name."""
    if name not in _CATALOG:
        raise unknown_name("dataset", name, names(), "`versus list datasets` explains them")
    return _CATALOG[name]


def load(
    name: str, *, seed: int = 0, train_examples: int | None = None, one_hot: bool = False, **options: Any
) -> Dataset:
    """Return a data set: 60 % for training, 20 % for validation, 20 % sealed for the test.

    Parts are stratified by class, drawn from the seed, and standardised with statistics of the training
    part only. MNIST and Fashion-MNIST keep their own test part. The four rows of a logic gate are in every
    part, as there are no others.

    Parameters
    ----------
    train_examples
        Keep only so many training examples.
    one_hot
        Give classes as one-hot rows instead of numbers.
    options
        The data set's own: see `describe(name).options`.

    Raises
    ------
    InvalidInput
        For an unknown name or option, a wrong value, a part without examples, NaN in the source, a download
        that is not allowed, or a damaged file.
    """
    from benchmarks.datasets.splits import split

    found = describe(name)
    for option in options:
        if option not in found.options:
            known = (*found.options, "train_examples", "one_hot")
            raise unknown_name(f"option of {name}", option, known, "remove or correct it")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidInput("seed", expected="a whole number >= 0", got=repr(seed), action="correct it")
    read = getattr(import_module(f"benchmarks.datasets.{found.module}"), name)
    seeded = {"seed": seed} if found.seeded else {}
    raw: Raw = read(**{**found.options, **options}, **seeded)
    return split(name, raw, seed, train_examples, one_hot)
