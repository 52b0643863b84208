"""A data set in files, which everybody who has it maps into memory: sent to a worker, it is their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.dataset import Dataset, SealedTest, Split, Task

Facts = tuple[str, Task, int | None]
"""Name, task and number of classes."""


@dataclass(frozen=True)
class Mapped(Dataset):
    """A data set whose arrays stay on the disk until they are used.

    Parameters
    ----------
    folder
        Where `write` has left them.
    owner
        What must last as long as they are needed, such as the folder's owner; it is not sent.
    """

    folder: Path
    owner: object

    def __reduce__(self) -> tuple[Any, ...]:
        # a plain data set for whoever gets it, who may be of another checkout
        return Dataset, (self.name, self.task, self.classes, *_parts(self.folder, _File))


def write(data: Dataset, folder: Path) -> Facts:
    """Write a data set's arrays, those of the test part too, and return the rest of it."""
    folder.mkdir()
    for part, split in (
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test.open("its file")),
    ):
        np.save(folder / f"{part} x.npy", split.x)
        np.save(folder / f"{part} y.npy", split.y)
    return data.name, data.task, data.classes


def mapped(folder: Path, facts: Facts, owner: object = None) -> Mapped:
    """Return a data set that was written to a folder."""
    return Mapped(*facts, *_parts(folder, _map), folder, owner)


def _parts(folder: Path, make: Callable[[Path], Any]) -> tuple[Split, Split, SealedTest]:
    train, validation, test = (
        Split(make(folder / f"{part} x.npy"), make(folder / f"{part} y.npy"))
        for part in ("train", "validation", "test")
    )
    return train, validation, SealedTest(test)


def _map(path: Path) -> Any:
    """Return the array in a file; what is written to it, nobody else sees.

    As a plain array: memmap's own indexing is a Python function, which would be timed.
    """
    return np.asarray(np.load(path, mmap_mode="c"))


@dataclass(frozen=True)
class _File:
    """A file that arrives as `_map` of it, by NumPy's own functions."""

    path: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray, (_Loaded(self.path),)


@dataclass(frozen=True)
class _Loaded:
    """A file that arrives mapped into memory."""

    path: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return np.load, (self.path, "c")
