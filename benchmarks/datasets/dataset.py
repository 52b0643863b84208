"""What a data set is once it is split: training, validation, and a sealed test part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from implementations.errors import VersusError

Task = Literal["classification", "regression"]


class TestAlreadyUsed(VersusError):
    """A trained model asked for the test part a second time."""


@dataclass(frozen=True)
class Raw:
    """Examples as their source has them, before splitting.

    Parameters
    ----------
    x
        Shape (n, *inputs), float64.
    y
        Class numbers, shape (n,), int64, or numbers to predict, shape (n,), float64.
    classes
        How many classes there are; None for regression.
    test
        Examples and targets that the source itself sets apart for testing.
    whole
        The rows are all there can ever be: every part holds all of them, unstandardised.
    """

    x: np.ndarray
    y: np.ndarray
    classes: int | None
    test: tuple[np.ndarray, np.ndarray] | None = None
    whole: bool = False


@dataclass(frozen=True)
class Split:
    """One part: examples x, shape (n, *inputs), float64, and targets y.

    Targets are class numbers, shape (n,), int64; one-hot rows, shape (n, classes), float64; or numbers,
    shape (n,), float64.
    """

    x: np.ndarray
    y: np.ndarray


class SealedTest:
    """The test part, handed out a single time for each trained model.

    A number that was looked at during training is no estimate of what comes after it.

    Examples
    --------
    >>> sealed = SealedTest(Split(np.zeros((2, 1)), np.zeros(2)))
    >>> len(sealed.open("model 1").x)
    2
    >>> sealed.open("model 1")
    Traceback (most recent call last):
    ...
    benchmarks.datasets.dataset.TestAlreadyUsed: test part for model 1: expected its only use, at the end
    of training, got a second one; train again, or use the validation part
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._opened: set[str] = set()

    def __len__(self) -> int:
        return len(self._split.x)

    def open(self, model_id: str) -> Split:
        """Return the test part to this model, once.

        Raises
        ------
        TestAlreadyUsed
            The second time.
        """
        if model_id in self._opened:
            raise TestAlreadyUsed(
                f"test part for {model_id}",
                expected="its only use, at the end of training",
                got="a second one",
                action="train again, or use the validation part",
            )
        self._opened.add(model_id)
        return self._split


@dataclass(frozen=True)
class Dataset:
    """A data set, split and standardised."""

    name: str
    task: Task
    classes: int | None
    train: Split
    validation: Split
    test: SealedTest

    @property
    def inputs(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train.x.shape[1:]
