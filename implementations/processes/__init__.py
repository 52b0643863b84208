"""What a process that holds a framework tells and can be told, whoever uses the framework there.

A module for each framework, with the same functions, for its own backend and for Keras on it.
"""

from __future__ import annotations

import os


def cores() -> int:
    """Return how many cores this process may use; where the system does not tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
