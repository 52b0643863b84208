"""Times, for those that have passed parity, and verdicts on them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import durations, soundness, stats
from benchmarks.once import Records, once
from benchmarks.result import Metric, SpeedData
from benchmarks.tables.parity import passed_parity
from benchmarks.tables.rows import REFERENCE, Key, frame_of, key_of

if TYPE_CHECKING:
    import pandas as pd

START_TIER = "start"
"""Where steady times have their metric's tier, comparisons of starts have this."""


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
    doubtful = all_doubts(records)
    for key, timed in timings(records).items():
        reference, doubted = reference_of(timed, wanted), doubtful[key]
        for contender, data in timed.items():
            for samples in data.blocks[0].samples:
                one = durations.seconds(data, samples.metric)
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
                        "doubts": told(contender, reference, doubted[samples.metric]),
                        "blocks": len(data.blocks),
                        "stopped_by": data.stopped_by,
                        "preset": data.preset,
                    }
                )
    judge([row for row in rows if row["contender"] != row["reference"]], ratios)
    return frame_of(rows)


@once
def all_doubts(records: Records) -> dict[Key, dict[Metric, dict[str, list[str]]]]:
    """Return the `doubts` of each workload, device and track."""
    return {key: doubts(timed) for key, timed in timings(records).items()}


def doubts(timed: Mapping[str, SpeedData]) -> dict[Metric, dict[str, list[str]]]:
    """Return for each metric and contender of a workload why nothing may be concluded from its times."""
    found: dict[Metric, dict[str, list[str]]] = {}
    for metric in dict.fromkeys(each.metric for data in timed.values() for each in data.blocks[0].samples):
        there = {name: data for name, data in timed.items() if was_timed(data, metric)}
        fastest = min(there.values(), key=lambda data: durations.seconds(data, metric))
        found[metric] = {name: soundness.doubts(data, fastest, metric) for name, data in there.items()}
    return found


def told(contender: str, reference: str, doubted: Mapping[str, Sequence[str]]) -> str:
    """Return the doubts about a contender and about what it is compared with, in one line."""
    others = doubted[reference] if contender != reference else ()
    return "; ".join([*doubted[contender], *(f"{reference}: {doubt}" for doubt in others)])


def judge(rows: Sequence[dict[str, Any]], ratios: Sequence[stats.Interval]) -> None:
    """Write the verdicts on a family of comparisons into its rows."""
    doubted = [row["doubts"] for row in rows]
    found = stats.verdicts(ratios, [row["margin"] for row in rows], doubted)
    for row, verdict in zip(rows, found, strict=True):
        row["verdict"] = verdict


@once
def cold_start(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each timed contender and workload: from import to the steady step, and when it pays.

    Build, first step and warm-up are those of workers that had served no other workload.
    The warm-up is that of the harness: its steps, times the median of what one took meanwhile; early records
    have the steps only.
    """
    rows = []
    found = {
        (key, contender): durations.stage_seconds(data)
        for key, timed in timings(records).items()
        for contender, data in timed.items()
    }
    stages = [stage for stage in durations.START_STAGES if any(stage in each for each in found.values())]
    for key, timed in timings(records).items():
        reference = timed[reference_of(timed, wanted)]
        for contender, data in timed.items():
            rows.append(
                {
                    **dict(zip(("workload", "device", "threads"), key, strict=True)),
                    "contender": contender,
                    **{f"{stage}_seconds": found[key, contender].get(stage) for stage in stages},
                    "warm_up_seconds": durations.warm_up_seconds(data),
                    "warm_up_steps": durations.warm_up_steps(data),
                    "steady_step_seconds": durations.seconds(data, "train_step")
                    if was_timed(data, "train_step")
                    else None,
                    "break_even_steps": None
                    if data is reference or not was_timed(data, "train_step")
                    else durations.break_even_steps(data, reference),
                }
            )
    return frame_of(rows)


@once
def cold_start_ratios(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each contender, workload and stage of the start, with the ratio to the reference.

    A stage that was measured in a single block has no interval and is not judged.
    """
    rows: list[dict[str, Any]] = []
    ratios: list[stats.Interval] = []
    for key, timed in timings(records).items():
        reference = reference_of(timed, wanted)
        stages = [
            stage for stage in durations.START_STAGES if stage in durations.stage_seconds(timed[reference])
        ]
        doubted = {name: soundness.problems(data) for name, data in timed.items()}
        parts: list[durations.Timed] = [*stages, "start"]
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
                    "doubts": told(contender, reference, doubted),
                    "blocks": ratio.count,
                }
            )
    judge(rows, ratios)
    for row in rows:
        if row["blocks"] == 1:
            row["verdict"] = "not judged"
    return frame_of(rows)


@once
def judged(records: Records, wanted: str = REFERENCE) -> pd.DataFrame:
    """Return one row for each comparison of times that has a verdict, of steady times and of starts."""
    import pandas as pd

    steady, starts = speed(records, wanted), cold_start_ratios(records, wanted)
    found = [
        frame[~frame["verdict"].isin(("reference", "not judged"))].rename(columns={name: "what"})
        for frame, name in ((steady, "metric"), (starts.assign(tier=START_TIER), "stage"))
        if len(frame)
    ]
    return pd.concat(found, ignore_index=True) if found else frame_of([])


@once
def break_even(records: Records) -> pd.DataFrame:
    """Return one row for each two timed contenders: from how many steps on the first has taken less time."""
    return frame_of(
        [
            {
                **dict(zip(("workload", "device", "threads"), key, strict=True)),
                "contender": contender,
                "other": other,
                "break_even_steps": durations.break_even_steps(timed[contender], timed[other]),
            }
            for key, timed in timings(records).items()
            for contender, other in itertools.permutations(timed, 2)
            if all(was_timed(timed[each], "train_step") for each in (contender, other))
        ]
    )


@once
def references(records: Records) -> list[str]:
    """Return the contenders that ratios can be relative to: those that were timed, the usual one first."""
    timed = dict.fromkeys(itertools.chain.from_iterable(timings(records).values()))
    return sorted(timed, key=lambda name: name != REFERENCE)


def reference_of(timed: Mapping[str, SpeedData], wanted: str = REFERENCE) -> str:
    """Return the contender that the others' times are divided by: the wanted one where it was timed."""
    return next((name for name in (wanted, REFERENCE) if name in timed), next(iter(timed)))


@once
def timings(records: Records) -> dict[Key, dict[str, SpeedData]]:
    """Return the times that may be shown."""
    allowed = passed_parity(records)
    timed: dict[Key, dict[str, SpeedData]] = defaultdict(dict)
    for record in records:
        pair = key_of(record.case), record.case.contender
        if isinstance(record.data, SpeedData) and record.data.blocks and pair in allowed:
            timed[pair[0]][pair[1]] = record.data
    return timed


def was_timed(data: SpeedData, metric: Metric) -> bool:
    """Return whether this was timed at all."""
    return any(samples.metric == metric for samples in data.blocks[0].samples)
