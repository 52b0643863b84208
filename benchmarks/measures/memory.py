"""Memory: the peak of the process within each stage, in a worker that is never timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

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


def baseline(session: Session, alive: Alive) -> int:
    """Return the peak of the interpreter before the framework, in bytes, and start the next stage."""
    return _peak()


def stages(
    session: Session,
    alive: Alive,
    *,
    dataset: dict[str, Any],
    model: dict[str, Any],
    data_seed: int,
    device: Literal["cpu", "gpu"],
) -> dict[str, int]:
    """Return the peaks of import, build and training, in bytes. Comes after the command `load`."""
    peaks = {"import": _peak()}
    from benchmarks.measures.preparation import build, prepare

    prepared = prepare(dataset, model, data_seed)
    _peak()  # reading the data set is no stage of the framework
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
