"""What the tables share: where a record belongs, and the frame of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.result import Case

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "numpy"
"""The contender that ratios are relative to, where it took part."""

Key = tuple[str, str, str]
"""Workload, device, thread track."""


def key_of(case: Case) -> Key:
    """Return where a case belongs."""
    return case.workload, case.device, case.track


def place_of(case: Case) -> dict[str, str]:
    """Return the columns that say where a case belongs."""
    return dict(zip(("workload", "device", "threads"), key_of(case), strict=True))


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as a frame."""
    import pandas as pd

    return pd.DataFrame(rows)


def grouped(frame: pd.DataFrame, columns: Sequence[str]) -> dict[tuple[Any, ...], list[Any]]:
    """Return the rows by what stands in these columns: without a frame for each, of which there are many."""
    found = defaultdict[tuple[Any, ...], list[Any]](list)
    keys = frame[list(columns)].itertuples(index=False, name=None)
    for key, row in zip(keys, frame.itertuples(index=False), strict=True):
        found[key].append(row)
    return found
