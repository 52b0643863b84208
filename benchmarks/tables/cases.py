"""What became of every case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.once import Records, once
from benchmarks.tables.rows import frame_of, place_of

if TYPE_CHECKING:
    import pandas as pd


@once
def cases(records: Records) -> pd.DataFrame:
    """Return one row for each case: what became of it, and why."""
    return frame_of(
        [
            {
                **place_of(record.case),
                "measure": record.case.measure,
                "contender": record.case.contender,
                "status": record.status,
                "reason": record.reason,
                "started": record.started,
                "duration_seconds": record.seconds,
            }
            for record in records
        ]
    )
