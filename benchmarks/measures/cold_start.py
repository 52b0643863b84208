"""Cold start: what passes between asking for a framework and having it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measures import Alive, Session


def load(session: Session, alive: Alive, *, contender: str, threads: int | None) -> dict[str, Any]:
    """Import the contender and say what came.

    Returns
    -------
    dict
        `import` and `device` (looking for devices, and what the framework starts for it) in seconds,
        `versions`, `threads` as the framework reports them, `devices` with the reason for each that is
        missing.
    """
    began = time.perf_counter()
    import implementations

    backend = implementations.load_backend(contender)
    seconds = time.perf_counter() - began
    if threads is not None:
        backend.set_threads(threads)
    session["backend"] = backend
    began = time.perf_counter()
    devices = backend.devices()
    found = time.perf_counter() - began
    return {
        "import": seconds,
        "device": found,
        "versions": backend.versions(),
        "threads": backend.threads(),
        "devices": {name: (each.available, each.reason) for name, each in devices.items()},
    }
