"""A run as tables: what the terminal, Markdown, CSV, Parquet and the HTML page show.

Tiers and thread tracks are key columns and never share a column of numbers. No parity, no time: a contender
that has not passed parity on a workload has no time there, whatever its records hold.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import stats
from benchmarks.once import Records, kept, once
from benchmarks.result import (
    Case,
    CurvesData,
    ElementsData,
    LimitData,
    Measure,
    MemoryData,
    Metric,
    ParityData,
    ProfileData,
    Record,
    SpeedData,
    Trajectory,
)

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "numpy"
"""The contender that ratios are relative to, where it took part."""

Key = tuple[str, str, str]
"""Workload, device, thread track."""


def tables(records: Iterable[Record]) -> dict[str, pd.DataFrame]:
    """Return every table by name; one without rows is left out."""
    own = kept(records)
    made = {name: make(own) for name, make in TABLES.items()}
    return {name: table for name, table in made.items() if len(table)}


@once
def parity(records: Records) -> pd.DataFrame:
    """Return one row for each contender, workload and dtype: the largest drift, and whether it passed."""
    rows = []
    for record in records:
        if not isinstance(record.data, ParityData):
            continue
        rows += [
            {
                **_place(record.case),
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
    return _frame(rows)


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
        ratios = {step: distance / floor[step] for step, distance in apart.items() if floor.get(step)}
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
    return _frame(rows)


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
    return _frame(rows)


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
                    **_place(record.case),
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
    return _frame(rows)


@once
def speed(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each timed contender, workload and metric, with the ratio to the reference.

    Parameters
    ----------
    wanted
        The contender that ratios are relative to where it was timed; by default `REFERENCE`.
    """
    rows: list[dict[str, Any]] = []
    ratios: list[stats.Interval] = []
    doubtful = _doubted(records)
    for key, timed in _timed(records).items():
        reference, doubted = reference_of(timed, wanted), doubtful[key]
        for contender, data in timed.items():
            for samples in data.blocks[0].samples:
                one = stats.seconds(data, samples.metric)
                ratio = stats.paired_ratio(data, timed[reference], samples.metric)
                if contender != reference:
                    ratios.append(ratio)
                rows.append(
                    {
                        **dict(zip(("workload", "device", "threads"), key, strict=True)),
                        "metric": samples.metric,
                        "tier": samples.tier,
                        "contender": contender,
                        "seconds": one,
                        "examples_per_second": samples.examples / one,
                        "reference": reference,
                        "ratio": ratio.estimate,
                        "ratio_low": ratio.low,
                        "ratio_high": ratio.high,
                        "verdict": "reference",
                        "margin": data.margin,
                        "doubts": _told(contender, reference, doubted[samples.metric]),
                        "blocks": len(data.blocks),
                        "stopped_by": data.stopped_by,
                        "preset": data.preset,
                    }
                )
    _judge([row for row in rows if row["contender"] != row["reference"]], ratios)
    return _frame(rows)


@once
def _doubted(records: Records) -> dict[Key, dict[Metric, dict[str, list[str]]]]:
    return {key: doubts(timed) for key, timed in _timed(records).items()}


def doubts(timed: Mapping[str, SpeedData]) -> dict[Metric, dict[str, list[str]]]:
    """Return for each metric and contender of a workload why nothing may be concluded from its times."""
    found: dict[Metric, dict[str, list[str]]] = {}
    for metric in dict.fromkeys(each.metric for data in timed.values() for each in data.blocks[0].samples):
        there = {name: data for name, data in timed.items() if _times(data, metric)}
        fastest = min(there.values(), key=lambda data: stats.seconds(data, metric))
        found[metric] = {name: stats.doubts(data, fastest, metric) for name, data in there.items()}
    return found


def _told(contender: str, reference: str, doubted: Mapping[str, Sequence[str]]) -> str:
    """Return the doubts about a contender and about what it is compared with, in one line."""
    others = doubted[reference] if contender != reference else ()
    return "; ".join([*doubted[contender], *(f"{reference}: {doubt}" for doubt in others)])


def _judge(rows: Sequence[dict[str, Any]], ratios: Sequence[stats.Interval]) -> None:
    """Write the verdicts on a family of comparisons into its rows."""
    doubted = [row["doubts"] for row in rows]
    found = stats.verdicts(ratios, [row["margin"] for row in rows], doubted)
    for row, verdict in zip(rows, found, strict=True):
        row["verdict"] = verdict


@once
def cold_start(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each timed contender and workload: from import to the steady step, and when it pays.

    The warm-up is that of the harness: its steps, times the median of what one took meanwhile; early records
    have the steps only.
    """
    rows = []
    for key, timed in _timed(records).items():
        reference = timed[reference_of(timed, wanted)]
        for contender, data in timed.items():
            rows.append(
                {
                    **dict(zip(("workload", "device", "threads"), key, strict=True)),
                    "contender": contender,
                    **{f"{stage}_seconds": seconds for stage, seconds in stats.stage_seconds(data).items()},
                    "warm_up_seconds": stats.warm_up_seconds(data),
                    "warm_up_steps": median(block.warm_up_steps for block in data.blocks),
                    "steady_step_seconds": stats.seconds(data, "train_step")
                    if _times(data, "train_step")
                    else None,
                    "break_even_steps": 0.0
                    if data is reference or not _times(data, "train_step")
                    else stats.break_even_steps(data, reference),
                }
            )
    return _frame(rows)


@once
def cold_start_ratios(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each contender, workload and stage of the start, with the ratio to the reference.

    A stage that was measured in a single block has no interval and is not judged.
    """
    rows: list[dict[str, Any]] = []
    ratios: list[stats.Interval] = []
    for key, timed in _timed(records).items():
        reference = reference_of(timed, wanted)
        stages = [stage for stage in stats.START_STAGES if stage in stats.stage_seconds(timed[reference])]
        doubted = {name: stats.problems(data) for name, data in timed.items()}
        parts: list[stats.Timed] = [*stages, "start"]
        for contender, stage in itertools.product(timed, parts):
            data = timed[contender]
            ratio = stats.paired_ratio(data, timed[reference], stage)
            if contender == reference or not ratio.count:
                continue
            ratios.append(ratio)
            rows.append(
                {
                    **dict(zip(("workload", "device", "threads"), key, strict=True)),
                    "contender": contender,
                    "stage": stage,
                    "reference": reference,
                    "ratio": ratio.estimate,
                    "ratio_low": ratio.low,
                    "ratio_high": ratio.high,
                    "margin": data.margin,
                    "doubts": _told(contender, reference, doubted),
                    "blocks": ratio.count,
                }
            )
    _judge(rows, ratios)
    for row in rows:
        if row["blocks"] == 1:
            row["verdict"] = "not judged"
    return _frame(rows)


@once
def judged(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each comparison of times that has a verdict, of steady times and of starts."""
    import pandas as pd

    steady, starts = speed(records, wanted), cold_start_ratios(records, wanted)
    found = [
        frame[~frame["verdict"].isin(("reference", "not judged"))].rename(columns={name: "what"})
        for frame, name in ((steady, "metric"), (starts.assign(tier="start"), "stage"))
        if len(frame)
    ]
    return pd.concat(found, ignore_index=True) if found else _frame([])


@once
def break_even(records: Records) -> pd.DataFrame:
    """Return one row for each two timed contenders: from how many steps on the first has taken less time."""
    return _frame(
        [
            {
                **dict(zip(("workload", "device", "threads"), key, strict=True)),
                "contender": contender,
                "other": other,
                "break_even_steps": stats.break_even_steps(timed[contender], timed[other]),
            }
            for key, timed in _timed(records).items()
            for contender, other in itertools.permutations(timed, 2)
            if all(_times(timed[each], "train_step") for each in (contender, other))
        ]
    )


@once
def time_to_target(records: Records) -> pd.DataFrame:
    """Return one row for each contender that was timed and trained towards a target accuracy.

    Seconds are those of a cold start and of the epochs until the validation accuracy first reached it,
    medians over the seeds, which all contenders share; a training that never reached it counts as infinite.
    """
    rows = []
    timed = _timed(records)
    for record in records:
        target, contender = record.spec.get("target_accuracy"), record.case.contender
        data = timed.get(_key(record.case), {}).get(contender)
        if not isinstance(record.data, CurvesData) or not target or data is None or not _times(data, "epoch"):
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
                    **_place(record.case),
                    "tier": tier,
                    "contender": contender,
                    "target_accuracy": target,
                    "seeds": len(epochs),
                    "reached": sum(map(math.isfinite, epochs)),
                    "epochs": median(epochs),
                    "seconds": stats.time_to_target(epochs, data),
                }
            )
    return _frame(rows)


@once
def limit(records: Records) -> pd.DataFrame:
    """Return one row for each workload whose limit is known: what a step is, and what the machine reaches.

    Where nothing was calibrated, the row says why.
    """
    rows = []
    for record in records:
        if not isinstance(record.data, LimitData):
            continue
        data, found = record.data, stats.limit(record.data)
        rows.append(
            {
                **_place(record.case),
                **data.model_dump(exclude={"measure", "widths", "calibration"}),
                "network": _network(data),
                **(vars(found) if found else {}),
            }
        )
    return _frame(rows)


@once
def limit_shares(records: Records) -> pd.DataFrame:
    """Return one row for each timed step: its share of the limit, products' seconds ÷ its own.

    The products were not timed in turns with the steps, so there is no interval.
    """
    limits, steps = limit(records), speed(records)
    if not len(steps) or "products_seconds" not in limits:
        return _frame([])
    place = ["workload", "device", "threads"]
    known = limits[limits["products_seconds"].notna()]
    steps = steps[steps["metric"] == "train_step"][[*place, "tier", "contender", "seconds", "doubts"]]
    found = steps.merge(known.drop(columns="not_calibrated"), on=place)
    found["share"] = found["products_seconds"] / found["seconds"]
    found["flops_per_second"] = found["flops"] / found["seconds"]
    return found


@once
def fastest(records: Records) -> pd.DataFrame:
    """Return one row for each timed contender, workload, metric and tier: its verdict against the fastest.

    Whoever is not decidedly slower than the fastest contender of the same tier ties with it (`wins`), an
    inconclusive comparison included.
    """
    times, timed, doubtful = speed(records), _timed(records), _doubted(records)
    rows: list[dict[str, Any]] = []
    behind: list[dict[str, Any]] = []
    ratios: list[stats.Interval] = []
    for place, group in times.groupby(_POINT, sort=False) if len(times) else ():
        key, metric = place[:3], place[3]
        first = group.loc[group["seconds"].idxmin(), "contender"]
        for row in group.itertuples():
            found = {
                **dict(zip(_POINT, place, strict=True)),
                "contender": row.contender,
                "seconds": row.seconds,
                "examples_per_second": row.examples_per_second,
                "fastest": first,
                "margin": row.margin,
                "doubts": _told(row.contender, first, doubtful[key][metric]),
                "verdict": "fastest",
            }
            rows.append(found)
            if row.contender != first:
                behind.append(found)
                ratios.append(stats.paired_ratio(timed[key][row.contender], timed[key][first], metric))
    _judge(behind, ratios)
    return _frame([{**row, "wins": row["verdict"] != "slower"} for row in rows])


@once
def crossover(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each contender and point of a grid whose workloads were timed (an experiment).

    The verdict is that of `fastest`. `overtakes` says whether a contender is decidedly faster than the
    reference there.
    """
    experiments = {_key(record.case): record.case.experiment for record in records if record.case.experiment}
    shapes = {_key(record.case): record.data for record in records if isinstance(record.data, LimitData)}
    grids = [record for record in records if _key(record.case) in experiments.keys() & shapes.keys()]
    own = kept(grids)
    against = {
        tuple(getattr(row, name) for name in (*_POINT, "contender")): row
        for row in speed(own, wanted).itertuples()
    }
    rows = []
    for point in fastest(own).to_dict("records"):
        key = point["workload"], point["device"], point["threads"]
        shape, row = shapes[key], against[tuple(point[name] for name in (*_POINT, "contender"))]
        rows.append(
            {
                "experiment": experiments[key],
                **{name: point[name] for name in _POINT},
                "network": _network(shape),
                "parameters": shape.parameters,
                "batch_size": shape.batch_size,
                "contender": point["contender"],
                "seconds": point["seconds"],
                "seconds_per_example": 1 / point["examples_per_second"],
                "overtakes": row.verdict == "faster",
                "reference": row.reference,
                **{name: point[name] for name in ("fastest", "margin", "doubts", "verdict", "wins")},
            }
        )
    return _frame(rows)


_POINT = ["workload", "device", "threads", "metric", "tier"]


def overtaking(points: pd.DataFrame, along: str) -> pd.DataFrame:
    """Return one row for each contender and line of a map: from where on it is always faster.

    Parameters
    ----------
    points
        Of one experiment, metric, tier, device and track of `crossover`.
    along
        What grows along a line: the `batch_size` of one network, or the `parameters` at one batch.

    Returns
    -------
    DataFrame
        `start` is the smallest value of `along` at and above which the contender is decidedly faster than
        the reference at every point; infinite if there is none.
    """
    line = "network" if along == "batch_size" else "batch_size"
    rows = []
    others = points[points["contender"] != points["reference"]]
    for (place, contender), group in others.groupby([line, "contender"], sort=False):
        downwards = group.sort_values(along, ascending=False)
        ahead = downwards[downwards["overtakes"].cummin()]
        start = float(ahead[along].min()) if len(ahead) else math.inf
        rows.append({line: place, "contender": contender, "start": start})
    return _frame(rows)


@once
def profile(records: Records) -> pd.DataFrame:
    """Return one row for each profiled contender and workload: its calls, and shares of a step's time.

    `limit_share` is that of `limit_shares`; the other shares are of a step whose operations were counted, and
    missing where the framework counts none.
    """
    limits = {
        (row.workload, row.device, row.threads, row.contender): row.share
        for row in limit_shares(records).itertuples()
    }
    rows = []
    for record in records:
        if not isinstance(record.data, ProfileData):
            continue
        data, contender = record.data, record.case.contender
        rows.append(
            {
                **_place(record.case),
                "contender": contender,
                "python_calls": data.python_calls,
                "c_calls": data.c_calls,
                "limit_share": limits.get((*_key(record.case), contender)),
                **_operations(data),
            }
        )
    return _frame(rows)


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
                    **_place(record.case),
                    "contender": record.case.contender,
                    "what": what,
                    **each.model_dump(),
                    "share": each.seconds / whole if whole else None,
                }
                for each in parts
            ]
    return _frame(rows)


def _network(data: LimitData) -> str:
    """Return the widths of a network, such as 64-128-10."""
    return "-".join(map(str, data.widths))


def _times(data: SpeedData, metric: Metric) -> bool:
    return any(samples.metric == metric for samples in data.blocks[0].samples)


@once
def memory(records: Records) -> pd.DataFrame:
    """Return one row for each contender and workload: the peak of the process in each stage."""
    return _frame(
        [
            {
                **_place(record.case),
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


@once
def cases(records: Records) -> pd.DataFrame:
    """Return one row for each case: what became of it, and why."""
    return _frame(
        [
            {
                **_place(record.case),
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


@once
def passed_parity(records: Records) -> set[tuple[Key, str]]:
    """Return workload, device and track with the contender, wherever parity was checked and passed."""
    return {
        (_key(record.case), record.case.contender)
        for record in records
        if isinstance(record.data, ParityData) and record.data.passed
    }


def reference_of(timed: Mapping[str, SpeedData], wanted: str = REFERENCE) -> str:
    """Return the contender that the others' times are divided by: the wanted one where it was timed."""
    return next((name for name in (wanted, REFERENCE) if name in timed), next(iter(timed)))


@once
def references(records: Records) -> list[str]:
    """Return the contenders that ratios can be relative to: those that were timed, the usual one first."""
    timed = dict.fromkeys(itertools.chain.from_iterable(_timed(records).values()))
    return sorted(timed, key=lambda name: name != REFERENCE)


def _trainings(records: Iterable[Record]) -> dict[tuple[str, ...], list[tuple[str, Trajectory]]]:
    """Return contenders with their trainings by workload, device, thread track and dtype."""
    found: dict[tuple[str, ...], list[tuple[str, Trajectory]]] = defaultdict(list)
    for record in records:
        for each in record.data.trajectories if isinstance(record.data, ParityData) else ():
            found[*_key(record.case), each.dtype].append((record.case.contender, each))
    return found


def _largest(values: Iterable[float]) -> float:
    """Return the largest, in which one that is no number counts as such; of none, not a number."""
    return max(values, key=_or_infinity, default=math.nan)


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else math.nan


def _or_infinity(value: float) -> float:
    """Return the number, and infinity for one that is none, so that it is the largest."""
    return math.inf if math.isnan(value) else value


@once
def _timed(records: Records) -> dict[Key, dict[str, SpeedData]]:
    """Return the times that may be shown."""
    allowed = passed_parity(records)
    timed: dict[Key, dict[str, SpeedData]] = defaultdict(dict)
    for record in records:
        pair = _key(record.case), record.case.contender
        if isinstance(record.data, SpeedData) and record.data.blocks and pair in allowed:
            timed[pair[0]][pair[1]] = record.data
    return timed


def _key(case: Case) -> Key:
    return case.workload, case.device, case.track


def _place(case: Case) -> dict[str, str]:
    return dict(zip(("workload", "device", "threads"), _key(case), strict=True))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given) if all(map(math.isfinite, given)) else math.nan


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
