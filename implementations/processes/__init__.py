"""What a process that holds a framework tells and can be told, whoever uses the framework there.

A module for each framework, with the same functions, for its own backend and for Keras on it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from implementations.interface import Operation


def cores() -> int:
    """Return how many cores this process may use; where the system does not tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def named_threads(name: str) -> int:
    """Return how many threads of this process bear that name; 0 on systems other than Linux."""
    return sum(each == name for each in _thread_names())


def own_name() -> str:
    """Return the name of this process, which threads have that are given none; empty where nobody tells."""
    name = Path("/proc/self/comm")
    return name.read_text().strip() if name.exists() else ""


def operations_of(
    spent: Iterable[tuple[str, float]], products: Container[str], copies: Container[str]
) -> list[Operation]:
    """Return one operation for each name among the events of a trace, which are names and seconds.

    Examples
    --------
    >>> operations_of([("dot", 0.5), ("copy", 0.25), ("dot", 1.0)], ["dot"], ["copy"])[0]
    Operation(name='dot', kind='product', calls=2, seconds=1.5)
    """
    found = defaultdict[str, list[float]](list)
    for name, seconds in spent:
        found[name].append(seconds)
    return [
        Operation(
            name,
            "product" if name in products else "copy" if name in copies else "other",
            len(every),
            sum(every),
        )
        for name, every in found.items()
    ]


def _thread_names() -> Iterator[str]:
    for path in Path("/proc/self/task").glob("*/comm"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            yield path.read_text().strip()
