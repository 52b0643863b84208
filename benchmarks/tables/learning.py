"""What was learned, and how soon."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import durations, stats
from benchmarks.once import Records, once
from benchmarks.result import CurvesData
from benchmarks.tables.rows import frame_of, key_of, place_of
from benchmarks.tables.speed import timings, was_timed

if TYPE_CHECKING:
    import pandas as pd


@once
def curves(records: Records) -> pd.DataFrame:
    """Return one row for each contender, workload and dtype: means over seeds with intervals."""
    rows = []
    for record in records:
        if not isinstance(record.data, CurvesData):
            continue
        for dtype in ("float32", "float64"):
            trained = [curve for curve in record.data.curves if curve.dtype == dtype]
            tested = [curve.test for curve in trained if curve.test]
            if not trained:
                continue
            loss = stats.mean_interval([test.loss for test in tested]) if tested else None
            accuracies = [test.accuracy for test in tested if test.accuracy is not None]
            accuracy = stats.mean_interval(accuracies) if accuracies else None
            rows.append(
                {
                    **place_of(record.case),
                    "experiment": record.case.experiment,
                    "level": record.case.level,
                    "contender": record.case.contender,
                    "dtype": dtype,
                    "seeds": len(trained),
                    "diverged": sum(curve.diverged for curve in trained),
                    "train_loss": _mean(_last(curve.train_loss) for curve in trained),
                    "validation_loss": _mean(_last(curve.validation_loss) for curve in trained),
                    "test_loss": loss.estimate if loss else None,
                    "test_loss_low": loss.low if loss else None,
                    "test_loss_high": loss.high if loss else None,
                    "test_accuracy": accuracy.estimate if accuracy else None,
                    "test_accuracy_low": accuracy.low if accuracy else None,
                    "test_accuracy_high": accuracy.high if accuracy else None,
                    "test_correct": ", ".join(
                        str(test.correct) for test in tested if test.correct is not None
                    ),
                    "test_count": tested[0].count if tested else None,
                }
            )
    return frame_of(rows)


@once
def time_to_target(records: Records) -> pd.DataFrame:
    """Return one row for each contender that was timed and trained towards a target accuracy.

    Seconds are those of a cold start and of the epochs until the validation accuracy first reached it,
    medians over the seeds, which all contenders share; a training that never reached it counts as infinite.
    """
    rows = []
    timed = timings(records)
    for record in records:
        target, contender = record.spec.get("target_accuracy"), record.case.contender
        data = timed.get(key_of(record.case), {}).get(contender)
        if (
            not isinstance(record.data, CurvesData)
            or not target
            or data is None
            or not was_timed(data, "epoch")
        ):
            continue
        epochs = [
            next((float(epoch) for epoch, value in enumerate(accuracy) if value >= target), math.inf)
            for curve in record.data.curves
            if curve.dtype == "float32" and (accuracy := curve.validation_accuracy)
        ]
        if epochs:
            tier = next(each.tier for each in data.blocks[0].samples if each.metric == "epoch")
            rows.append(
                {
                    **place_of(record.case),
                    "tier": tier,
                    "contender": contender,
                    "target_accuracy": target,
                    "seeds": len(epochs),
                    "reached": sum(map(math.isfinite, epochs)),
                    "epochs": median(epochs),
                    "seconds": durations.time_to_target(epochs, data),
                }
            )
    return frame_of(rows)


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given) if all(map(math.isfinite, given)) else math.nan


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else math.nan
