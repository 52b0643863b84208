"""A run as tables: what the terminal, Markdown, CSV, Parquet and the HTML page show.

Tiers and thread tracks are key columns and never share a column of numbers. No parity, no time: a contender
that has not passed parity on a workload has no time there, whatever its records hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from benchmarks.once import Records, kept
from benchmarks.result import Measure, Record
from benchmarks.tables.cases import cases
from benchmarks.tables.crossover import crossover, fastest, overtaking
from benchmarks.tables.learning import curves, time_to_target
from benchmarks.tables.limit import limit, limit_shares
from benchmarks.tables.memory import memory
from benchmarks.tables.parity import distances, elements, pairs, parity, passed_parity
from benchmarks.tables.profile import profile, profile_parts
from benchmarks.tables.rows import REFERENCE, Key
from benchmarks.tables.speed import (
    START_TIER,
    break_even,
    cold_start,
    cold_start_ratios,
    doubts,
    judged,
    reference_of,
    references,
    speed,
    timings,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "REFERENCE",
    "START_TIER",
    "TABLES",
    "Key",
    "break_even",
    "cases",
    "cold_start",
    "cold_start_ratios",
    "crossover",
    "curves",
    "distances",
    "doubts",
    "elements",
    "fastest",
    "judged",
    "limit",
    "limit_shares",
    "memory",
    "overtaking",
    "pairs",
    "parity",
    "passed_parity",
    "profile",
    "profile_parts",
    "reference_of",
    "references",
    "speed",
    "tables",
    "time_to_target",
    "timings",
]


def tables(records: Iterable[Record]) -> dict[str, pd.DataFrame]:
    """Return every table by name; one without rows is left out."""
    own = kept(records)
    made = {name: make(own) for name, make in TABLES.items()}
    return {name: table for name, table in made.items() if len(table)}


TABLES: dict[Measure | str, Callable[[Records], pd.DataFrame]] = {
    "parity": parity,
    "pairs": pairs,
    "elements": elements,
    "curves": curves,
    "speed": speed,
    "cold_start": cold_start,
    "cold_start_ratios": cold_start_ratios,
    "break_even": break_even,
    "time_to_target": time_to_target,
    "limit": limit,
    "limit_shares": limit_shares,
    "crossover": crossover,
    "profile": profile,
    "profile_parts": profile_parts,
    "memory": memory,
    "cases": cases,
}
