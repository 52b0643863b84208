"""A workload made concrete in the worker: its data, its model, and its batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset, Split, load
from benchmarks.datasets.mapped import Facts, write
from benchmarks.measures import Alive, Session
from implementations import AbstractBackend, AbstractLearner, ModelSpec, Placement, initial
from implementations.interface import Device


@dataclass(frozen=True)
class Prepared:
    """Data and model of a workload.

    Examples are rounded to numbers that float32 can hold, so that both dtypes see the same data.
    """

    data: Dataset
    model: ModelSpec

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Training examples and targets."""
        return _single_precision(self.data.train)

    @property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Validation examples and targets."""
        return _single_precision(self.data.validation)

    def open_test(self, model_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Test examples and targets, given out once for each trained model."""
        return _single_precision(self.data.test.open(model_id))

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in the training data; one where a batch holds them all."""
        examples = len(self.data.train.x)
        return examples // min(self.model.batch_size, examples)

    def order(self, steps: int, seed: int) -> np.ndarray:
        """Example numbers of that many batches, shape (steps, batch_size)."""
        epochs = -(-steps // self.steps_per_epoch)
        order = initial.batch_order(len(self.data.train.x), self.model.batch_size, epochs, seed)
        return order.reshape(-1, order.shape[-1])[:steps]


def read(session: Session, alive: Alive, *, dataset: dict[str, Any], seed: int, folder: Path) -> Facts:
    """Load a data set in the worker: what reads it stays out of the parent and of everything measured.

    It is left in the folder, and only what else is known of it is returned.
    """
    options = {key: value for key, value in dataset.items() if key != "name"}
    return write(load(dataset["name"], seed=seed, **options), folder)


def prepare(data: Dataset, model: dict[str, Any]) -> Prepared:
    """Complete the model with the shape of the data set's examples."""
    return Prepared(data, ModelSpec.from_dict({"inputs": list(data.inputs), **model}))


def build(
    session: Session,
    prepared: Prepared,
    device: Device,
    seed: int,
    masks: Literal["own", "shared"] = "own",
    **changes: Any,
) -> tuple[AbstractBackend, AbstractLearner[Any]]:
    """Return the session's backend, and a learner in its mode with the initial parameters of that seed."""
    backend: AbstractBackend = session["backend"]
    model = prepared.model.replace(seed=seed, **changes)
    placement = Placement(device, masks=masks, compiled=session.get("compiled", False))
    return backend, backend.build(model, initial.parameters(model), placement)


def _single_precision(split: Split) -> tuple[np.ndarray, np.ndarray]:
    y = split.y if split.y.dtype.kind in "iu" else split.y.astype(np.float32).astype(np.float64)
    return split.x.astype(np.float32).astype(np.float64), y
