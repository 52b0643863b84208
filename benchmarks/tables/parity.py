"""How far trainings and elements are from what they should be."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmarks import stats
from benchmarks.once import Records, once
from benchmarks.result import ElementsData, ParityData, Record, Trajectory
from benchmarks.tables.rows import Key, frame_of, key_of, place_of

if TYPE_CHECKING:
    import pandas as pd


@once
def parity(records: Records) -> pd.DataFrame:
    """Return one row for each contender, workload and dtype: the largest drift, and whether it passed."""
    rows = []
    for record in records:
        if not isinstance(record.data, ParityData):
            continue
        rows += [
            {
                **place_of(record.case),
                "contender": record.case.contender,
                "dtype": each.dtype,
                "steps": each.steps,
                # not a number where no step was compared
                "largest_loss_drift": _largest(drift.loss for drift in each.drift),
                "largest_parameter_drift": _largest(drift.parameters for drift in each.drift),
                "tolerance": each.tolerance,
                "passed": each.passed,
                "noise_ratio": each.ratio,
                "noise_ratio_step": each.ratio_step,
                # early records divided by the noise after the last step, which tells no more
                "noise_verdict": stats.likeness(None if each.ratio_step is None else each.ratio),
                "judged_until": each.judged_until,
                "first_departure_step": each.first_departure,
                "first_departure_tensor": each.first_tensor,
                "known_deviation": each.deviation,
                "true_float64": record.data.true_float64,
                "notes": "; ".join(record.data.notes),
            }
            for each in record.data.trajectories
        ]
    return frame_of(rows)


@once
def pairs(records: Records) -> pd.DataFrame:
    """Return one row for each workload, dtype and two contenders: how far their trainings are apart."""
    rows = []
    for place, mine, theirs in itertools.chain.from_iterable(
        ((place, *pair) for pair in itertools.combinations(found, 2))
        for place, found in _trainings(records).items()
    ):
        apart = distances(mine[1], theirs[1])
        if not apart:
            continue
        floor = dict(zip((each.step for each in mine[1].drift), mine[1].pair_floor or (), strict=False))
        last = math.inf if mine[1].judged_until is None else mine[1].judged_until
        ratios = {
            step: distance / floor[step]
            for step, distance in apart.items()
            if floor.get(step) and step <= last
        }
        worst = max(ratios, key=lambda step: _or_infinity(ratios[step])) if ratios else None
        ratio = None if worst is None else ratios[worst]
        rows.append(
            {
                **dict(zip(("workload", "device", "threads"), place[:3], strict=True)),
                "dtype": place[3],
                "contender": mine[0],
                "other": theirs[0],
                "largest_distance": max(apart.values(), key=_or_infinity),
                "noise_ratio": ratio,
                "noise_ratio_step": worst,
                "noise_verdict": stats.likeness(ratio),
            }
        )
    return frame_of(rows)


def distances(mine: Trajectory, theirs: Trajectory) -> dict[int, float]:
    """Return by step how far the parameters of two trainings are apart, as their records' sums tell it."""
    others = dict(zip((each.step for each in theirs.drift), theirs.sums or (), strict=False))
    return {
        drift.step: math.dist(own, others[drift.step])
        for drift, own in zip(mine.drift, mine.sums or (), strict=False)
        if drift.step in others
    }


@once
def elements(records: Records) -> pd.DataFrame:
    """Return one row for each contender, element, quantity and dtype."""
    rows = []
    for record in records:
        if isinstance(record.data, ElementsData):
            rows += [
                {
                    "contender": record.case.contender,
                    **each.model_dump(exclude={"special"}),
                    "special": ", ".join(f"{x}: {result:.4g}" for x, result in each.special.items()),
                }
                for each in record.data.agreements
            ]
    return frame_of(rows)


@once
def passed_parity(records: Records) -> set[tuple[Key, str]]:
    """Return workload, device and track with the contender, wherever parity was checked and passed."""
    return {
        (key_of(record.case), record.case.contender)
        for record in records
        if isinstance(record.data, ParityData) and record.data.passed
    }


def _trainings(records: Iterable[Record]) -> dict[tuple[str, ...], list[tuple[str, Trajectory]]]:
    """Return contenders with their trainings by workload, device, thread track and dtype."""
    found: dict[tuple[str, ...], list[tuple[str, Trajectory]]] = defaultdict(list)
    for record in records:
        for each in record.data.trajectories if isinstance(record.data, ParityData) else ():
            found[*key_of(record.case), each.dtype].append((record.case.contender, each))
    return found


def _largest(values: Iterable[float]) -> float:
    """Return the largest, in which one that is no number counts as such; of none, not a number."""
    return max(values, key=_or_infinity, default=math.nan)


def _or_infinity(value: float) -> float:
    """Return the number, and infinity for one that is none, so that it is the largest."""
    return math.inf if math.isnan(value) else value
