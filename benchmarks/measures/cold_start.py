"""Cold start: what passes between asking for a framework and having it."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measures import Alive, Session


def load(session: Session, alive: Alive, *, contender: str, threads: int | None) -> dict[str, Any]:
    """Import the contender's backend, note its mode, and say what came.

    Returns
    -------
    dict
        `import` and `device` (looking for devices, and what the framework starts for it) in seconds,
        `versions`, `threads` as the framework reports them, `devices` with the reason for each that is
        missing, and `compiled`, the mode.
    """
    began = time.perf_counter()
    import implementations
    from benchmarks.modes import mode_of

    mode = mode_of(contender)
    backend = implementations.load_backend(mode.backend)
    seconds = time.perf_counter() - began
    if threads is not None:
        backend.set_threads(threads)
    session["backend"], session["compiled"] = backend, mode.compiled
    began = time.perf_counter()
    devices = backend.devices()
    found = time.perf_counter() - began
    return {
        "import": seconds,
        "device": found,
        "versions": backend.versions(),
        "threads": backend.threads(),
        "compiled": mode.compiled,
        "devices": {name: (each.available, each.reason) for name, each in devices.items()},
    }
