"""Peaks of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.once import Records, once
from benchmarks.result import MemoryData
from benchmarks.tables.rows import frame_of, place_of

if TYPE_CHECKING:
    import pandas as pd


@once
def memory(records: Records) -> pd.DataFrame:
    """Return one row for each contender and workload: the peak of the process in each stage."""
    return frame_of(
        [
            {
                **place_of(record.case),
                "contender": record.case.contender,
                **{f"{stage}_bytes": peak for stage, peak in record.data.peak_bytes.items()},
                **{
                    f"{stage} on GPU_bytes": peak
                    for stage, peak in (record.data.device_peak_bytes or {}).items()
                },
                **(
                    {"process on GPU_bytes": record.data.device_process_bytes}
                    if record.data.device_process_bytes is not None
                    else {}
                ),
            }
            for record in records
            if isinstance(record.data, MemoryData)
        ]
    )
