"""Memory: the peak of the process within each stage, in a worker that is never timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session

METHOD = (
    "VmHWM of /proc/self/status, reset before each stage by writing 5 to /proc/self/clear_refs "
    "(ru_maxrss would show the parent's peak, which a child inherits)"
)
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
TRAINING_EPOCHS = 2


def supported() -> bool:
    """Return whether this system can say the peak of one stage (Linux)."""
    return _STATUS.exists() and _RESET.exists()


def baseline(session: Session, alive: Alive, *, data: Dataset, model: dict[str, Any]) -> int:
    """Return the peak of the process with the data and before any framework, in bytes."""
    from benchmarks.measures.preparation import prepare

    session["prepared"] = prepare(data, model)
    return _peak()


def stages(session: Session, alive: Alive, *, device: Literal["cpu", "gpu"]) -> dict[str, int]:
    """Return the peaks of import, build and training, in bytes. Comes after `baseline` and `load`."""
    from benchmarks.measures.preparation import Prepared, build

    prepared: Prepared = session["prepared"]
    peaks = {"import": _peak()}
    _, learner = build(session, prepared, device, prepared.model.seed)
    learner.synchronize()
    peaks["build"] = _peak()
    steps = prepared.steps_per_epoch
    orders = prepared.order(TRAINING_EPOCHS * steps, prepared.model.seed).reshape(TRAINING_EPOCHS, steps, -1)
    for order in orders:
        learner.epoch(*prepared.train, order)
        alive()
    learner.synchronize()
    return {**peaks, "train": _peak()}


def _peak() -> int:
    """Return the largest resident set since the last call, in bytes."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    _RESET.write_text("5")
    return int(line.split()[1]) * 1024
