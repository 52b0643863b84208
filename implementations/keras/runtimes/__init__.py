"""What Keras leaves to the framework below it: the same functions for each runtime, one of which is used."""

from __future__ import annotations

import os

STEPS_PER_EXECUTION = 64
"""Steps that `fit` takes before it looks up; more of them save nothing, and PyTorch takes one."""


def cores() -> int:
    """Return how many cores this process may use; where the system does not tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
