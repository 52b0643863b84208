"""From raw samples to estimates with intervals, and from intervals to verdicts.

The unit of repetition is the block (a fresh process), not the chunk: chunks of one process share its memory
layout and its luck, and counting them as independent would make every interval too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Literal

from benchmarks.result import Block, Metric, SpeedData, Stage

MARGIN = 0.02
"""Ratios within 1/(1 + MARGIN) and 1 + MARGIN count as the same speed."""

CONFIDENCE = 0.95

Verdict = Literal["faster", "slower", "same", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval.

    Parameters
    ----------
    low, high
        Not a number where one observation says nothing about the spread.
    count
        Independent observations behind it.
    """

    estimate: float
    low: float
    high: float
    count: int


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean with Student's t-interval: m ± t s / sqrt(n), t with n - 1 degrees of freedom.

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), interval.estimate, round(interval.high, 3)
    (-0.484, 2.0, 4.484)
    """
    mean, count = fmean(values), len(values)
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    half = _t(count - 1) * stdev(values) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def block_seconds(block: Block, metric: Metric) -> float:
    """Return the median over a block's chunks of the seconds for one repetition."""
    samples = next(each for each in block.samples if each.metric == metric)
    return median(samples.seconds) / samples.iterations


def seconds(data: SpeedData, metric: Metric) -> float:
    """Return the median over blocks of the seconds for one repetition."""
    return median(block_seconds(block, metric) for block in data.blocks)


def paired_ratio(contender: SpeedData, reference: SpeedData, metric: Metric) -> Interval:
    """Return contender ÷ reference, from blocks in which both took turns.

    For each block the logarithm of the ratio of medians; over blocks their mean with a t-interval; then
    back from logarithms. Blocks that only one of them finished are left out.
    """
    theirs = {block.index: block for block in reference.blocks}
    logs = [
        math.log(block_seconds(block, metric) / block_seconds(theirs[block.index], metric))
        for block in contender.blocks
        if block.index in theirs
    ]
    return _exponential(mean_interval(logs)) if logs else Interval(math.nan, math.nan, math.nan, 0)


def unpaired_ratio(after: SpeedData, before: SpeedData, metric: Metric) -> tuple[Interval, float]:
    """Return after ÷ before of two separate runs, and the p-value of there being no difference.

    Welch's t-test on the logarithms of per-block medians (Welch 1947, Biometrika 34).
    """
    from scipy.stats import ttest_ind

    logs = [[math.log(block_seconds(block, metric)) for block in data.blocks] for data in (after, before)]
    difference, count = fmean(logs[0]) - fmean(logs[1]), min(map(len, logs))
    if count < 2:
        return Interval(math.exp(difference), math.nan, math.nan, count), math.nan
    test = ttest_ind(*logs, equal_var=False)
    low, high = test.confidence_interval(CONFIDENCE)
    return _exponential(Interval(difference, float(low), float(high), count)), float(test.pvalue)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being many (Benjamini & Hochberg 1995); NaN stays NaN.

    Examples
    --------
    >>> adjusted([0.01, 0.04])
    [0.02, 0.04]
    """
    from scipy.stats import false_discovery_control

    known = [value for value in p_values if not math.isnan(value)]
    corrected = iter(false_discovery_control(known).tolist() if known else [])
    return [value if math.isnan(value) else next(corrected) for value in p_values]


def verdict(ratio: Interval, margin: float = MARGIN) -> Verdict:
    """Return what an interval of a ratio of times allows to say.

    Examples
    --------
    >>> verdict(Interval(0.5, 0.4, 0.6, 6)), verdict(Interval(1.0, 0.8, 1.2, 6))
    ('faster', 'inconclusive')
    """
    low, high = 1 / (1 + margin), 1 + margin
    if ratio.high < low:
        return "faster"
    if ratio.low > high:
        return "slower"
    if ratio.low >= low and ratio.high <= high:
        return "same"
    return "inconclusive"


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the n-th root of the product of n ratios: the mean for which a ÷ b and b ÷ a are reciprocal.

    Examples
    --------
    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(fmean(map(math.log, ratios)))


def start_seconds(data: SpeedData) -> float:
    """Return the time of a cold start: the sum of its stages."""
    return sum(stage_seconds(data).values())


def stage_seconds(data: SpeedData) -> dict[Stage, float]:
    """Return for each stage of a cold start the median over the blocks that measured it."""
    measured: dict[Stage, list[float]] = {}
    for block in data.blocks:
        for stage, seconds in block.stages.items():
            measured.setdefault(stage, []).append(seconds)
    return {stage: median(times) for stage, times in measured.items()}


def break_even_steps(contender: SpeedData, reference: SpeedData) -> float:
    """Return after how many training steps the contender, start included, has taken less time.

    0 if it starts and steps faster; infinite if it never catches up.
    """
    head_start = start_seconds(contender) - start_seconds(reference)
    gain = seconds(reference, "train_step") - seconds(contender, "train_step")
    if head_start <= 0:
        return 0.0 if gain >= 0 else math.inf
    return head_start / gain if gain > 0 else math.inf


def _t(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + CONFIDENCE / 2, degrees))


def _exponential(interval: Interval) -> Interval:
    return Interval(
        math.exp(interval.estimate), math.exp(interval.low), math.exp(interval.high), interval.count
    )
