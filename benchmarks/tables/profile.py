"""Where a step's time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.once import Records, once
from benchmarks.result import ProfileData
from benchmarks.tables.limit import limit_shares
from benchmarks.tables.rows import frame_of, key_of, place_of

if TYPE_CHECKING:
    import pandas as pd


@once
def profile(records: Records) -> pd.DataFrame:
    """Return one row for each profiled contender and workload: its calls, and shares of a step's time.

    `limit_share` is that of `limit_shares`; the other shares are of a step whose operations were counted, and
    missing where none were counted.
    """
    limits = {
        (row.workload, row.device, row.threads, row.contender): row.share
        for row in limit_shares(records).itertuples()
        if row.metric == "train_step"
    }
    rows = []
    for record in records:
        if not isinstance(record.data, ProfileData):
            continue
        data, contender = record.data, record.case.contender
        rows.append(
            {
                **place_of(record.case),
                "contender": contender,
                "python_calls": data.python_calls,
                "c_calls": data.c_calls,
                "limit_share": limits.get((*key_of(record.case), contender)),
                **_operations(data),
            }
        )
    return frame_of(rows)


@once
def profile_parts(records: Records) -> pd.DataFrame:
    """Return one row for each function and each operation of a profile, with its share of all of them."""
    rows = []
    for record in records:
        if not isinstance(record.data, ProfileData):
            continue
        data = record.data
        for what, parts, whole in (
            ("function", data.functions, data.function_seconds),
            ("operation", data.operations or [], data.operation_step_seconds),
        ):
            rows += [
                {
                    **place_of(record.case),
                    "contender": record.case.contender,
                    "what": what,
                    **each.model_dump(),
                    "share": each.seconds / whole if whole else None,
                }
                for each in parts
            ]
    return frame_of(rows)


def _operations(data: ProfileData) -> dict[str, float | None]:
    """Return how many operations a step has, and the share of its time for each kind and between them."""
    kinds = ("product", "copy", "other")
    if data.operations is None or not data.operation_step_seconds:
        return dict.fromkeys(["operations", *(f"{kind}_share" for kind in kinds), "between_share"])
    shares = {
        kind: sum(each.seconds for each in data.operations if each.kind == kind) / data.operation_step_seconds
        for kind in kinds
    }
    return {
        "operations": sum(each.calls for each in data.operations),
        **{f"{kind}_share": share for kind, share in shares.items()},
        "between_share": 1 - sum(shares.values()),
    }
