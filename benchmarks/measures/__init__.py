"""One file per question: a part that runs in the worker and, where needed, one that judges in the parent.

`COMMANDS` is all that a worker can do: name -> function(session, alive, **arguments). The session is the
worker's memory between commands; `alive` is called now and then in a long command.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Session = dict[str, Any]
Alive = Callable[[], None]


def _late(module: str, function: str) -> Callable[..., Any]:
    """Return a function that imports its module when called, so that a cold start is measured cold."""

    def run(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(f"benchmarks.measures.{module}"), function)(*arguments, **options)

    return run


COMMANDS: dict[str, Callable[..., Any]] = {
    "read": _late("preparation", "read"),
    "load": _late("cold_start", "load"),
    "card": _late("card", "compute"),
    "expect": _late("elements", "write_expected"),
    "elements": _late("elements", "ask"),
    "judge": _late("elements", "compare"),
    "trajectory": _late("parity", "write"),
    "curves": _late("curves", "compute"),
    "plant": _late("planted", "plant"),
    "replace": _late("plain", "replace"),
    "open_workload": _late("speed", "open_workload"),
    "time_chunk": _late("speed", "time_chunk"),
    "cross_check": _late("cross_check", "compute"),
    "limit": _late("limit", "compute"),
    "profile": _late("profile", "compute"),
    "memory_baseline": _late("memory", "baseline"),
    "memory_stages": _late("memory", "stages"),
}
