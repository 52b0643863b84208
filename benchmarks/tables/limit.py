"""What a step cannot be faster than."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import roofline
from benchmarks.once import Records, once
from benchmarks.result import LimitData
from benchmarks.tables.rows import frame_of, place_of
from benchmarks.tables.speed import speed

if TYPE_CHECKING:
    import pandas as pd


@once
def limit(records: Records) -> pd.DataFrame:
    """Return one row for each workload whose limit is known: what a step is, and what the machine reaches.

    Where nothing was calibrated, the row says why.
    """
    rows = []
    for record in records:
        if not isinstance(record.data, LimitData):
            continue
        data, found = record.data, roofline.limit(record.data)
        rows.append(
            {
                **place_of(record.case),
                **data.model_dump(exclude={"measure", "widths", "calibration"}),
                "network": network_of(data),
                **(vars(found) if found else {}),
            }
        )
    return frame_of(rows)


@once
def limit_shares(records: Records) -> pd.DataFrame:
    """Return one row for each timed step and epoch: its share of the limit, its products' seconds ÷ its own.

    The products were not timed in turns with the steps, so there is no interval.
    """
    limits, steps = limit(records), speed(records)
    if not len(steps) or "products_seconds" not in limits:
        return frame_of([])
    place = ["workload", "device", "threads"]
    known = limits[limits["products_seconds"].notna()]
    columns = [*place, "metric", "tier", "contender", "seconds", "examples_per_second", "doubts"]
    timed = steps[steps["metric"].isin(("train_step", "epoch"))][columns]
    found = timed.merge(known.drop(columns="not_calibrated"), on=place)
    step = found["batch_size"] / found.pop("examples_per_second")  # an epoch's seconds for one of its steps
    found["share"] = found["products_seconds"] / step
    found["flops_per_second"] = found["flops"] / step
    return found


def network_of(data: LimitData) -> str:
    """Return the widths of a network, such as 64-128-10."""
    return "-".join(map(str, data.widths))
