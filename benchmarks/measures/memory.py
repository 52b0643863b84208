"""Memory: the peak of the process within each stage, in a worker that is never timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from benchmarks.datasets import Dataset
from benchmarks.measures import Alive, Session
from benchmarks.measures.witnesses import process_bytes_on_gpu

METHOD = (
    "VmHWM of /proc/self/status, reset before each stage by writing 5 to /proc/self/clear_refs "
    "(ru_maxrss would show the parent's peak, which a child inherits)"
)
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
TRAINING_EPOCHS = 2


def supported() -> bool:
    """Return whether this system can say the peak of one stage (Linux)."""
    return _STATUS.exists() and _RESET.exists()


def baseline(session: Session, alive: Alive, *, data: Dataset, model: dict[str, Any]) -> None:
    """Note the peak of the process with the data and before any framework."""
    from benchmarks.measures.preparation import prepare

    session["prepared"] = prepare(data, model)
    session["baseline"] = _peak()


def stages(session: Session, alive: Alive, *, device: Literal["cpu", "gpu"]) -> dict[str, Any]:
    """Return the fields of `MemoryData` after `baseline` and `load`."""
    from benchmarks.measures.preparation import Prepared, build

    prepared: Prepared = session["prepared"]
    peaks = {"import": _peak()}
    backend, learner = build(session, prepared, device, prepared.model.seed)
    learner.synchronize()
    peaks["build"], on_device = _peak(), [backend.peak_device_bytes()]
    steps = prepared.steps_per_epoch
    orders = prepared.order(TRAINING_EPOCHS * steps, prepared.model.seed).reshape(TRAINING_EPOCHS, steps, -1)
    for order in orders:
        learner.epoch(*prepared.train, order)
        alive()
    learner.synchronize()
    peaks["train"] = _peak()
    on_device.append(backend.peak_device_bytes())
    gpu = device == "gpu" and None not in on_device
    return {
        "method": METHOD,
        "peak_bytes": {"baseline": session["baseline"], **peaks},
        "device_peak_bytes": dict(zip(("build", "train"), on_device, strict=True)) if gpu else None,
        "device_process_bytes": process_bytes_on_gpu() if device == "gpu" else None,
    }


def _peak() -> int:
    """Return the largest resident set since the last call, in bytes."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    _RESET.write_text("5")
    return int(line.split()[1]) * 1024
