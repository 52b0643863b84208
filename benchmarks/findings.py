"""What the numbers say, in sentences: a run's verdict, and a finding for each experiment of the course.

Every sentence is computed. If the numbers contradict the textbook, the sentence says what the numbers say.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from benchmarks import stats, tables, units
from benchmarks.result import Curve, CurvesData, ParityData, Record, SpeedData

if TYPE_CHECKING:
    import pandas as pd

Timings = Mapping[tables.Key, Mapping[str, SpeedData]]

TARGET_FACTOR = 1.25
"""A training is at its target when its loss is within this factor of the lowest that any level reached."""


@dataclass(frozen=True)
class Finding:
    """What an experiment showed.

    Parameters
    ----------
    expected
        The textbook's statement.
    sentence
        What the numbers say.
    holds
        Whether they agree.
    """

    experiment: str
    expected: str
    sentence: str
    holds: bool


def verdict(records: Sequence[Record], reference: str = tables.REFERENCE) -> list[str]:
    """Return three sentences: what agrees, who is faster and by how much, and what to beware of.

    Parameters
    ----------
    reference
        The contender that times are divided by; by default as in `benchmarks.tables.speed`.

    Returns
    -------
    list of str
        Nothing for no records. What was not measured, or has nothing to beware of, says so.
    """
    if not records:
        return []
    agreement = [part for part in (_elements(records), _parity(records), _learning(records)) if part]
    return [
        _capital("; ".join(agreement)) + "." if agreement else "Whether they agree was not measured.",
        _speed(records, reference) or "Who is faster was not measured.",
        _beware(records, reference) or "Nothing failed, was left out or stays open.",
    ]


def _elements(records: Sequence[Record]) -> str:
    frame = tables.elements(records)
    if not len(frame):
        return ""
    whole = frame.groupby(["contender", "kind", "name"], sort=False).agg(
        passed=("passed", "all"), known=("deviation", "count")
    )
    wrong = whole[~whole["passed"]]
    text = (
        f"{len(whole) - len(wrong)} of {_count(len(whole), 'element')} of the catalogue in "
        f"{_count(frame['contender'].nunique(), 'contender')} give the exact results within their tolerances"
    )
    if known := int(((whole["known"] > 0) & whole["passed"]).sum()):
        text += f", {known} of these with known deviations"
    for contender, rows in wrong.groupby("contender", sort=False):
        text += f"; {contender} does not in {', '.join(rows.index.get_level_values('name'))}"
    return text


def _parity(records: Sequence[Record]) -> str:
    checked = [record for record in records if isinstance(record.data, ParityData)]
    if not checked:
        return ""
    contenders = dict.fromkeys(record.case.contender for record in checked)
    workloads = dict.fromkeys(record.case.workload for record in checked)
    broken: dict[str, list[str]] = defaultdict(list)
    largest: dict[str, float] = defaultdict(float)
    known = 0
    for record in checked:
        assert isinstance(record.data, ParityData)
        for each in record.data.trajectories:
            if each.passed and not each.deviation:
                drifts = [max(drift.loss, drift.parameters) for drift in each.drift]
                largest[each.dtype] = max([largest[each.dtype], *drifts])
        if not record.data.passed:
            broken[record.case.contender].append(record.case.workload)
        known += any(each.deviation for each in record.data.trajectories)
    agreeing = len(contenders) - len(broken)
    told = " and ".join(
        f"{units.scientific(largest[dtype])} in {dtype}" for dtype in sorted(largest, reverse=True)
    )
    text = (
        f"{agreeing} of {len(contenders)} contenders compute the same as float64 NumPy on "
        f"{_count(len(workloads), 'workload')}, step by step, with differences of at most "
        f"{told or 'nothing'}"
    )
    if known:
        text += f"; {_count(known, 'training')} differ by more for a known reason"
    for contender, names in broken.items():
        text += f"; {contender} does not on {', '.join(names)}"
    return text


def _learning(records: Sequence[Record]) -> str:
    by_workload: dict[str, dict[str, list[Curve]]] = defaultdict(dict)
    for record in records:
        if (
            isinstance(record.data, CurvesData)
            and record.data.task == "classification"
            and record.case.experiment is None
        ):
            by_workload[record.case.workload][record.case.contender] = record.data.curves
    same, different, spread = [], [], 0.0
    for workload, learned in by_workload.items():
        tested = {
            dtype: [
                tests
                for curves in learned.values()
                if (tests := [curve.test for curve in curves if curve.dtype == dtype and curve.test])
            ]
            for dtype in ("float32", "float64")
        }
        accuracies = [
            fmean(found)
            for tests in tested["float32"]
            if (found := [test.accuracy for test in tests if test.accuracy is not None])
        ]
        if accuracies:
            spread = max(spread, max(accuracies) - min(accuracies))
        counts = {tuple(test.correct for test in tests) for tests in tested["float64"]}
        if len(tested["float64"]) < 2:
            continue
        if len(counts) == 1:
            first = tested["float64"][0]
            right = " and ".join(f"{test.correct}" for test in first)
            same.append(f"{right} of {first[0].count} on {workload}")
        else:
            different.append(workload)
    parts = []
    if same:
        parts.append(
            "in float64 contenders give the same number of right answers to test examples "
            f"({', '.join(same)}), in float32 their mean test accuracies lie within "
            f"{units.percent(spread)} of each other"
        )
    if different:
        parts.append(f"they do not learn the same on {', '.join(different)}")
    return "; ".join(parts)


def _speed(records: Sequence[Record], wanted: str) -> str:
    table = tables.speed(records, wanted)
    steps = table[table["metric"] == "train_step"] if len(table) else table
    if not len(steps):
        return ""
    tied = tables.fastest(records)[["workload", "device", "threads", "metric", "tier", "contender", "wins"]]
    tracks = steps.merge(tied).groupby(["device", "threads", "tier"], sort=False)
    timed = tables.timings(records)
    told = [f"{_track(*place, alone=len(tracks) == 1)}{_relative(rows, timed)}" for place, rows in tracks]
    return f"A training step: {'; '.join(told)}."


def _track(device: str, threads: str, tier: str, *, alone: bool) -> str:
    """Return which tier and track a part of the sentence is about, if there are several."""
    return "" if alone else f"{tier} tier, threads {threads}, {device}: "


def _relative(steps: pd.DataFrame, timed: Timings) -> str:
    """Return who is fastest where, and the contenders of one tier and track with their ratios."""
    others = steps[steps["contender"] != steps["reference"]]
    if not len(others):
        return f"only {steps.iloc[0]['contender']} was timed, so that there is nothing to compare"
    least = _least(steps)
    relative = [
        f"relative to {reference} (geometric mean, 95 % interval, less is faster): {_ratios(rows, timed)}"
        for reference, rows in others.groupby("reference", sort=False)
    ]
    unclear = sum(others["verdict"] == "inconclusive")
    return f"{least} took the least time; {'; '.join(relative)}" + (
        f"; {unclear} of {len(others)} comparisons stay open" if unclear else ""
    )


def _least(steps: pd.DataFrame) -> str:
    """Return who is fastest on how many workloads; those that cannot be told apart share them."""
    order = {name: place for place, name in enumerate(dict.fromkeys(steps["contender"]))}
    winners = Counter(
        tuple(sorted(rows["contender"], key=order.__getitem__))
        for _, rows in steps[steps["wins"]].groupby("workload", sort=False)
    )
    workloads = _count(steps["workload"].nunique(), "workload")
    return " and ".join(
        f"{' or '.join(names)}{' (not told apart)' if len(names) > 1 else ''} on {count} of {workloads}"
        for names, count in winners.most_common()
    )


def _ratios(others: pd.DataFrame, timed: Timings) -> str:
    """Return each contender's mean ratio to one reference, the fastest first."""
    told, workloads = [], others["workload"].nunique()
    for contender, rows in others.groupby("contender", sort=False):
        found = [timed[row.workload, row.device, row.threads] for row in rows.itertuples()]
        logs = [
            stats.log_ratios_by_block(each[contender].blocks, each[reference].blocks, "train_step")
            for each, reference in zip(found, rows["reference"], strict=True)
        ]
        ratio = stats.geometric_mean(logs)
        where = "" if len(rows) == workloads else f" on {len(rows)} of {_count(workloads, 'workload')}"
        told.append((ratio.estimate, f"{contender} {units.ratio(ratio)}{where}"))
    return ", ".join(text for _, text in sorted(told))


def _beware(records: Sequence[Record], reference: str) -> str:
    failed = sum(record.status == "failed" for record in records)
    unlike = sum(not getattr(record.data, "passed", True) for record in records)
    skipped = Counter(
        (record.reason if record.case.measure == "speed" else None) or "skipped"
        for record in records
        if record.status == "skipped"
    )
    blocks = {len(r.data.blocks) for r in records if isinstance(r.data, SpeedData) and r.data.blocks}
    table = tables.judged(records, reference)
    open_ones = int((table["verdict"] == "inconclusive").sum()) if len(table) else 0
    warnings = []
    if failed:
        warnings.append(f"{_count(failed, 'case')} failed")
    if unlike:
        warnings.append(f"{_count(unlike, 'check')} of parity did not pass")
    warnings += [f"{_count(count, 'case')} {reason}" for reason, count in skipped.items()]
    if open_ones:
        warnings.append(f"{open_ones} of {len(table)} comparisons of times are inconclusive")
    if blocks and min(blocks) < 6:
        warnings.append(f"{_count(min(blocks), 'block')} of measurement make wide intervals")
    diverged = sum(
        curve.diverged
        for record in records
        if isinstance(record.data, CurvesData) and record.case.experiment is None
        for curve in record.data.curves
    )
    if diverged:
        warnings.append(f"{_count(diverged, 'training')} diverged")
    if known := _known(records):
        warnings.append(known)
    return f"Beware: {'; '.join(warnings)}." if warnings else ""


def _known(records: Sequence[Record]) -> str:
    """Return how much passed by known deviations."""
    elements = tables.elements(records)
    excused = elements[elements["deviation"].notna() & elements["passed"]] if len(elements) else elements
    found = {
        "element": len(excused.drop_duplicates(["contender", "kind", "name"])) if len(excused) else 0,
        "training": sum(
            each.deviation is not None
            for record in records
            if isinstance(record.data, ParityData)
            for each in record.data.trajectories
        ),
    }
    told = " and ".join(_count(count, noun) for noun, count in found.items() if count)
    return f"{told} passed by known deviations only" if told else ""


def course(records: Sequence[Record]) -> list[Finding]:
    """Return a finding for each experiment that has curves."""
    levels: dict[str, dict[str, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if isinstance(record.data, CurvesData) and record.case.experiment in _EXPERIMENTS:
            assert record.case.experiment is not None
            if record.data.curves:
                levels[record.case.experiment][record.case.level or ""] += record.data.curves
    return [_EXPERIMENTS[name](dict(found)) for name, found in levels.items()]


def _logic_gates(levels: dict[str, list[Curve]]) -> Finding:
    solved = {
        level: sum((curve.train_accuracy or [0.0])[-1] == 1.0 for curve in curves)
        for level, curves in levels.items()
    }
    told = [
        f"{level}: {solved[level]} of {len(curves)} trainings end with all four rows right"
        for level, curves in levels.items()
    ]
    should = {level: level != "perceptron XOR" for level in levels}
    holds = all(
        solved[level] == (len(curves) if should[level] else 0)
        for level, curves in levels.items()
        if level.startswith("perceptron")
    ) and all(2 * solved[level] > len(levels[level]) for level in levels if level.startswith("network"))
    return Finding(
        "logic-gates",
        "A step perceptron learns AND and OR and cannot learn XOR; a network with a hidden layer can.",
        f"{'; '.join(told)}.",
        holds,
    )


def _learning_rate(levels: dict[str, list[Curve]]) -> Finding:
    rates = sorted(levels, key=level_order)
    losses = [loss for curves in levels.values() for curve in curves for loss in curve.train_loss]
    target = TARGET_FACTOR * min(losses, default=math.nan)
    steps = {rate: median(steps_to(curve, target) for curve in levels[rate]) for rate in rates}
    diverged = {rate: sum(curve.diverged for curve in levels[rate]) for rate in rates}
    told = [
        f"{rate}: {diverged[rate]} of {len(levels[rate])} diverge"
        if diverged[rate]
        else f"{rate}: {_steps(steps[rate])}"
        for rate in rates
    ]
    best = min(rates, key=lambda rate: steps[rate])
    holds = steps[rates[0]] > steps[best] and diverged[rates[-1]] > 0 and best not in (rates[0], rates[-1])
    return Finding(
        "learning-rate",
        "Small learning rates need more steps to the minimum; large ones are unstable and miss it.",
        f"Steps to a training loss of {units.number(target)} by learning rate: {'; '.join(told)}.",
        holds,
    )


def level_order(level: str) -> float:
    """Return what levels are sorted by: their number; a name without one comes after all that have one.

    Examples
    --------
    >>> sorted(["none", "10", "9.5"], key=level_order)
    ['9.5', '10', 'none']
    """
    try:
        return float(level)
    except ValueError:
        return math.inf


def _momentum(levels: dict[str, list[Curve]]) -> Finding:
    plain = levels.get("0", next(iter(levels.values())))
    target = _mean(curve.train_loss[-1] for curve in plain if curve.train_loss)
    steps = {level: median(steps_to(curve, target) for curve in curves) for level, curves in levels.items()}
    told = [f"{level}: {_steps(count)}" for level, count in steps.items()]
    holds = steps.get("0.9", math.inf) < steps.get("0", math.inf)
    return Finding(
        "momentum",
        "Momentum takes fewer steps to the same loss.",
        f"Steps to the training loss that no momentum ends with ({units.number(target)}), by momentum: "
        f"{'; '.join(told)}.",
        holds,
    )


def _overfitting(levels: dict[str, list[Curve]]) -> Finding:
    gaps = {level: _mean(map(gap, curves)) for level, curves in levels.items()}
    early = _mean(_gap_after(curve, 1) for curve in levels.get("baseline", []))
    base = gaps.get("baseline", math.nan)
    told = [f"{level}: {units.number(value)}" for level, value in gaps.items()]
    others = [value for level, value in gaps.items() if level != "baseline"]
    return Finding(
        "overfitting",
        "A large network on few examples learns them by heart: validation loss leaves training loss behind; "
        "L2, dropout and early stopping narrow the gap.",
        f"Validation minus training loss of the baseline goes from {units.number(early)} after one epoch to "
        f"{units.number(base)}; at the end (early stopping: at its best epoch) it is {'; '.join(told)}.",
        bool(others) and base > early and all(value < base for value in others),
    )


def _tensor_ranks(levels: dict[str, list[Curve]]) -> Finding:
    curves = [[curve.train_loss for curve in found] for found in levels.values()]
    differences = [
        abs(a - b)
        for other in curves[1:] or curves
        for ours, theirs in zip(curves[0], other, strict=False)
        for a, b in zip(ours, theirs, strict=False)
    ]
    difference = max(differences, default=math.nan)
    return Finding(
        "tensor-ranks",
        "A dense network sees the same numbers in a vector, a time series and an image, and learns the same.",
        f"Training losses of the same examples as {', '.join(levels)} differ by at most "
        f"{units.scientific(difference)}.",
        len(levels) > 1 and difference < 1e-4,
    )


_EXPERIMENTS: dict[str, Callable[[dict[str, list[Curve]]], Finding]] = {
    "logic-gates": _logic_gates,
    "learning-rate": _learning_rate,
    "momentum": _momentum,
    "overfitting": _overfitting,
    "tensor-ranks": _tensor_ranks,
}


def steps_to(curve: Curve, target: float) -> float:
    """Return the training steps after which the training loss was first at the target; infinite if never."""
    for epoch, loss in enumerate(curve.train_loss):
        if loss <= target:
            return epoch * curve.steps_per_epoch
    return math.inf


def gap(curve: Curve) -> float:
    """Return validation minus training loss: at the end, or at the best epoch if training stopped early.

    Not a number where a loss was not recorded.
    """
    return _gap_after(curve, curve.best_epoch if curve.stopped_early else len(curve.train_loss) - 1)


def _gap_after(curve: Curve, epoch: int) -> float:
    if not 0 <= epoch < min(len(curve.train_loss), len(curve.validation_loss)):
        return math.nan
    return curve.validation_loss[epoch] - curve.train_loss[epoch]


def _mean(values: Iterable[float]) -> float:
    """Return the mean; of none, not a number."""
    given = list(values)
    return fmean(given) if given else math.nan


def _steps(count: float) -> str:
    return "never" if math.isinf(count) else f"{count:,.0f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
