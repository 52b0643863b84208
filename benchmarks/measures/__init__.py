"""One file per question: a part that runs in the worker and, where needed, one that judges in the parent.

`COMMANDS` is all that a worker can do: name -> function(session, alive, **arguments). The session is the
worker's memory between commands; `alive` is called now and then in a long command.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

Session = dict[str, Any]
Alive = Callable[[], None]


def _run(module: str, function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function whose module is imported no earlier, so that a cold start is measured cold."""
    return getattr(import_module(f"benchmarks.measures.{module}"), function)(*arguments, **options)


COMMANDS: dict[str, partial[Any]] = {
    "read": partial(_run, "preparation", "read"),
    "load": partial(_run, "cold_start", "load"),
    "card": partial(_run, "card", "compute"),
    "expect": partial(_run, "elements", "write_expected"),
    "elements": partial(_run, "elements", "ask"),
    "judge": partial(_run, "elements", "compare"),
    "trajectory": partial(_run, "parity", "write"),
    "curves": partial(_run, "curves", "compute"),
    "plant": partial(_run, "planted", "plant"),
    "replace": partial(_run, "plain", "replace"),
    "open_workload": partial(_run, "speed", "open_workload"),
    "time_chunk": partial(_run, "speed", "time_chunk"),
    "cross_check": partial(_run, "cross_check", "compute"),
    "limit": partial(_run, "limit", "compute"),
    "profile": partial(_run, "profile", "compute"),
    "memory_baseline": partial(_run, "memory", "baseline"),
    "memory_stages": partial(_run, "memory", "stages"),
}
