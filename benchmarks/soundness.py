"""Why nothing may be concluded from some times, whatever their interval says."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from benchmarks.durations import seconds
from benchmarks.result import Metric, Samples, SpeedData

TRENDING = 0.01
"""p-value below which the timed chunks of a process are taken for a trend and not for noise."""
ENOUGH_FOR_A_TREND = 6
"""Chunks below which Kendall's tau cannot be that improbable, however they lie (5! = 120 orders)."""
CHANGED = 0.05
"""Relative change that counts as one, between warm-up and timed chunks, or from first to last."""
UNSTEADY_SHARE = 0.25
"""Share of a contender's processes with a problem, or no steady state, above which nothing is concluded."""
TRACING_SECONDS = 0.02
"""A first step that takes so long traces and compiles ..."""
RECOMPILING = 0.3
"""... and if every later one takes so much of it, and many times another contender's, compiles again."""
MANY_TIMES = 10
CLOCK_REASONS = {
    0x2: "application clocks",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
    0x100: "display clocks",
}
"""NVML's bits of what keeps a GPU's clock down, without 0x1: idle, as it is when a chunk ends."""
Steadiness = Literal["flat", "warmup", "slowdown", "none", "not judged"]


def steadiness(samples: Samples) -> Steadiness:
    """Return how a process came to its speed, from the chunks before and while it was timed.

    `not judged`: fewer than six timed chunks, which cannot show a trend.
    `none`: the timed chunks themselves go up or down (Kendall's tau, p < 0.01, by more than 5 %).
    `warmup`, `slowdown`: the first chunk was slower, faster than the timed ones by more than 5 %.
    `flat`: neither. After Barrett et al. 2017, Virtual Machine Warmup Blows Hot and Cold, who look for
    changepoints in longer series.
    """
    timed = [seconds / samples.iterations for seconds in samples.seconds]
    if len(timed) < ENOUGH_FOR_A_TREND:
        return "not judged"
    third = max(1, len(timed) // 3)
    change = median(timed[-third:]) / median(timed[:third])
    if max(change, 1 / change) > 1 + CHANGED and _trend_p(timed) < TRENDING:
        return "none"
    first = samples.warm_up[0] if samples.warm_up else timed[0]
    if first > (1 + CHANGED) * median(timed):
        return "warmup"
    return "slowdown" if first < median(timed) / (1 + CHANGED) else "flat"


def problems(data: SpeedData) -> list[str]:
    """Return what the harness found wrong with a contender's processes, whatever was timed in them.

    Nothing if it was in no more than a quarter of them: on a busy machine an honest process waits too.
    """
    if sum(bool(block.problems) for block in data.blocks) <= UNSTEADY_SHARE * len(data.blocks):
        return []
    return list(dict.fromkeys(problem for block in data.blocks for problem in block.problems))


def doubts(data: SpeedData, other: SpeedData, metric: Metric) -> list[str]:
    """Return why nothing may be concluded from a contender's times, whatever their interval says.

    Parameters
    ----------
    other
        A contender that takes turns with it, best the fastest one: what steps take without a compilation.
    """
    timed = [samples for block in data.blocks for samples in block.samples if samples.metric == metric]
    found = problems(data) + list(dict.fromkeys(problem for each in timed for problem in each.problems))
    unsteady = [steadiness(samples) for samples in timed].count("none")
    if unsteady > UNSTEADY_SHARE * len(timed):
        found.append(f"no steady state in {unsteady} of {len(timed)} processes")
    throttled = [chunk for samples in timed for chunk in samples.throttled]
    if sum(throttled) > UNSTEADY_SHARE * len(throttled):
        found.append(f"heat slowed the GPU in {sum(throttled)} of {len(throttled)} chunks")
    if metric == "train_step":
        step, first = seconds(data, metric), median(block.stages["first_step"] for block in data.blocks)
        compiling = first > TRACING_SECONDS and step > RECOMPILING * first
        if compiling and step > MANY_TIMES * seconds(other, metric):
            found.append("each step takes about as long as the first: it seems to be compiled every time")
    return found


def clock_limits(samples: Sequence[Samples]) -> dict[str, int]:
    """Return in how many chunks each of CLOCK_REASONS kept the GPU's clock down."""
    chunks = [reasons for each in samples for reasons in each.clock_reasons]
    counts = {name: sum(bool(reasons & bit) for reasons in chunks) for bit, name in CLOCK_REASONS.items()}
    return {name: count for name, count in counts.items() if count}


def _trend_p(values: Sequence[float]) -> float:
    from scipy.stats import kendalltau

    if min(values) == max(values):
        return 1.0
    return float(kendalltau(range(len(values)), values).pvalue)
