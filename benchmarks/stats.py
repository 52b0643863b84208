"""From raw samples to estimates with intervals, and from intervals to verdicts.

The unit of repetition is the block (a fresh process), not the chunk: chunks of one process share its memory
layout and its luck, and counting them as independent would make every interval too narrow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median
from typing import Literal

from benchmarks.durations import START_STAGES, Timed, all_seconds, block_seconds, chunks, measured
from benchmarks.result import Block, SpeedData

MARGIN = 0.02
"""Ratios within 1/(1 + MARGIN) and 1 + MARGIN count as the same speed."""

CONFIDENCE = 0.95
SHRINKING = 0.9
"""Half as many blocks again shrink an interval to 0.82; above this it is said not to shrink."""
PARITY_RATIO = 2.0
"""Drifts up to this multiple of the noise floor are noise ..."""
SEMANTIC_RATIO = 5.0
"""... and above this one another computation."""

Verdict = Literal["faster", "slower", "same", "inconclusive"]
Pair = tuple[SpeedData, SpeedData, Timed]
"""After, before, and what of theirs is compared."""


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
    # statistics.stdev adds up fractions, exactly and twenty times as slowly
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = _t(count - 1) * deviation / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def paired_ratio(contender: SpeedData, reference: SpeedData, timed: Timed) -> Interval:
    """Return contender ÷ reference, from blocks in which both took turns.

    For each block the median over rounds of the logarithm of the ratio of two chunks; over blocks their mean
    with a t-interval; then back from logarithms. Blocks in which only one of them was measured are left out.
    """
    logs = log_ratios(contender.blocks, reference.blocks, timed)
    return _exponential(mean_interval(logs)) if logs else Interval(math.nan, math.nan, math.nan, 0)


def log_ratios(contender: Iterable[Block], reference: Iterable[Block], timed: Timed) -> list[float]:
    """Return log(contender ÷ reference) of each block in which both were measured.

    Raises
    ------
    ValueError
        If a record has a time that is not above 0.
    """
    return list(log_ratios_by_block(contender, reference, timed).values())


def log_ratios_by_block(
    contender: Iterable[Block], reference: Iterable[Block], timed: Timed
) -> dict[int, float]:
    """Return the `log_ratios` by the number of their block."""
    theirs = {block.index: block for block in reference if measured(block, timed)}
    return {
        block.index: _log_ratio(block, theirs[block.index], timed)
        for block in contender
        if block.index in theirs and measured(block, timed)
    }


def _log_ratio(block: Block, other: Block, timed: Timed) -> float:
    """Return log(block ÷ other): of chunks the median over rounds, so that what slows a round cancels."""
    if timed == "start" or timed in START_STAGES:
        return _log(block_seconds(block, timed), block_seconds(other, timed), timed)
    mine, theirs = chunks(block, timed), chunks(other, timed)
    rounds = zip(mine.seconds, theirs.seconds, strict=False)
    return median(_log(*each, timed) for each in rounds) - math.log(mine.iterations / theirs.iterations)


def _log(mine: float, other: float, timed: Timed) -> float:
    if not (mine > 0 and other > 0):
        raise ValueError(f"a time of {timed} that is not above 0 s")
    return math.log(mine / other)


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the interval of the mean; infinite where there is none.

    Examples
    --------
    >>> half_width([0.0])
    inf
    """
    interval = mean_interval(values)
    return math.inf if math.isnan(interval.low) else (interval.high - interval.low) / 2


def still_shrinking(values: Sequence[float]) -> bool:
    """Return whether more blocks make the interval narrower, nearly as 1 / sqrt(n) promises.

    Compares all blocks with the first two thirds of them: drift keeps an interval wide for ever.

    Examples
    --------
    >>> still_shrinking([0.1, -0.1] * 6), still_shrinking([0.01, -0.01] * 4 + [0.3, -0.3] * 2)
    (True, False)
    """
    before = half_width(values[: len(values) * 2 // 3])
    return half_width(values) <= SHRINKING * before


def unpaired_ratios(pairs: Sequence[Pair]) -> list[tuple[Interval, float]]:
    """Return after ÷ before of separate runs, and the p-value of it lying within the margin, of each pair.

    Welch's t-test on the logarithms of per-block medians (Welch 1947, Biometrika 34), as in
    `margin_p_value` against the nearer end of the margin, the wider one of both sides. Pairs with the same
    numbers of blocks are tested in one call. Where neither side varies at all, there is nothing to divide
    by, and the difference is what it is.
    """
    logs = [
        tuple([math.log(seconds) for seconds in all_seconds(data, timed)] for data in (after, before))
        for after, before, timed in pairs
    ]
    ends = [math.log(1 + max(after.margin, before.margin)) for after, before, _ in pairs]
    found: dict[int, tuple[Interval, float]] = {}
    alike = defaultdict[tuple[int, int], list[int]](list)
    for place, (after, before) in enumerate(logs):
        if min(len(after), len(before)) >= 2 and len(set(after)) == len(set(before)) == 1:
            change, count = after[0] - before[0], min(len(after), len(before))
            found[place] = (
                _exponential(Interval(change, change, change, count)),
                float(abs(change) <= ends[place]),
            )
        else:
            alike[len(after), len(before)].append(place)
    for counts, places in alike.items():
        one, other = ([logs[place][side] for place in places] for side in (0, 1))
        tests = _welch(one, other, [ends[place] for place in places])
        for place, (mean, low, high, p_value) in zip(places, tests, strict=True):
            found[place] = _exponential(Interval(mean, low, high, min(counts))), p_value
    return [found[place] for place in range(len(pairs))]


def _welch(
    after: Sequence[Sequence[float]], before: Sequence[Sequence[float]], ends: Sequence[float]
) -> list[tuple[float, float, float, float]]:
    """Return of each pair of samples: difference, its interval, and the p-value of its excess over an end.

    As `scipy.stats.ttest_ind` without equal variances, whose import is a third of the time in which two
    runs of ten thousand records are compared.
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    sides = np.array(after), np.array(before)
    difference = sides[0].mean(axis=1) - sides[1].mean(axis=1)
    if min(side.shape[1] for side in sides) < 2:
        return [(each, math.nan, math.nan, math.nan) for each in difference.tolist()]
    squares = [side.var(axis=1, ddof=1) / side.shape[1] for side in sides]
    squared_error = sum(squares)
    degrees = squared_error**2 / sum(
        square**2 / (side.shape[1] - 1) for square, side in zip(squares, sides, strict=True)
    )
    error = np.sqrt(squared_error)
    half = stdtrit(degrees, 0.5 + CONFIDENCE / 2) * error
    # nothing of a difference within the margin, whose p-value is 1
    beyond = np.maximum(np.abs(difference) - np.array(ends), 0.0)
    p_values = 2 * stdtr(degrees, -beyond / error)
    columns = (difference, difference - half, difference + half, p_values)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being many (Benjamini & Hochberg 1995); NaN stays NaN.

    Examples
    --------
    >>> adjusted([0.01, 0.04])
    [0.02, 0.04]
    """
    known = sorted((value, place) for place, value in enumerate(p_values) if not math.isnan(value))
    found, least = list(p_values), 1.0
    for rank in range(len(known), 0, -1):
        value, place = known[rank - 1]
        found[place] = least = min(least, value * len(known) / rank)
    return found


def margin_p_value(ratio: Interval, margin: float = MARGIN) -> float:
    """Return the p-value of the ratio lying within the margin: below 0.05 when the interval lies beyond.

    Two-sided t-test of the log-ratio against the nearer end of the margin.

    Examples
    --------
    >>> margin_p_value(Interval(2.0, 1.9, 2.1, 6)) < 0.001, margin_p_value(Interval(1.0, 0.9, 1.1, 6))
    (True, 1.0)
    """
    if ratio.count < 2 or not math.isfinite(ratio.estimate):
        return math.nan
    error = (math.log(ratio.high) - math.log(ratio.low)) / 2 / _t(ratio.count - 1)
    beyond = abs(math.log(ratio.estimate)) - math.log(1 + margin)
    if beyond <= 0:
        return 1.0
    return _two_sided_p(beyond / error, ratio.count - 1) if error else 0.0


def verdicts(
    ratios: Sequence[Interval],
    margins: Sequence[float],
    doubted: Sequence[Collection[str]] | None = None,
) -> list[Verdict]:
    """Return the verdict on each of a family of ratios, with the margin of each.

    With many comparisons some intervals lie beyond the margin by chance, so "faster" and "slower" must
    also stand with p-values adjusted for being many.

    Parameters
    ----------
    doubted
        Of each ratio the doubts about its two sides; with any, nothing is concluded.
    """
    p_values = adjusted([margin_p_value(*each) for each in zip(ratios, margins, strict=True)])
    found: list[Verdict] = []
    reasons = doubted or [()] * len(ratios)
    for ratio, margin, p_value, doubt in zip(ratios, margins, p_values, reasons, strict=True):
        said = verdict(ratio, margin)
        chance = said in ("faster", "slower") and not p_value < 1 - CONFIDENCE
        found.append("inconclusive" if chance or doubt else said)
    return found


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


def geometric_mean(logs: Sequence[Mapping[int, float]]) -> Interval:
    """Return the n-th root of the product of n ratios, with its interval: a ÷ b and b ÷ a are reciprocal.

    One process serves all workloads of a block, so that their ratios share its luck: for each block that all
    of them have the mean of the logarithms, over blocks their mean with a t-interval.

    Parameters
    ----------
    logs
        Of each workload the logarithm of the ratio by the number of the block.

    Examples
    --------
    >>> two = geometric_mean([{0: math.log(2.0), 1: math.log(2.2)}, {0: math.log(0.5), 1: math.log(0.5)}])
    >>> round(two.estimate, 3), round(two.low, 3), round(two.high, 3), two.count
    (1.024, 0.757, 1.386, 2)
    >>> geometric_mean([{0: 0.0}, {1: 0.0}])
    Interval(estimate=1.0, low=nan, high=nan, count=0)
    """
    shared = sorted(set(logs[0]).intersection(*logs[1:]))
    if not shared:
        return Interval(math.exp(fmean(fmean(each.values()) for each in logs)), math.nan, math.nan, 0)
    return _exponential(mean_interval([fmean(each[index] for each in logs) for index in shared]))


# scipy.special has Student's distribution too, and is there in a fraction of the time of scipy.stats


@cache
def _t(degrees: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))


def _two_sided_p(t: float, degrees: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t)))


def _exponential(interval: Interval) -> Interval:
    return Interval(
        math.exp(interval.estimate), math.exp(interval.low), math.exp(interval.high), interval.count
    )


def likeness(ratio: float | None) -> str | None:
    """Return what a drift that is so many times the noise floor means.

    Examples
    --------
    >>> [likeness(ratio) for ratio in (1.2, 3.0, 18.0)]
    ['parity', 'unclear', 'semantic']
    """
    if ratio is None:
        return None
    if not ratio <= SEMANTIC_RATIO:
        return "semantic"
    return "parity" if ratio <= PARITY_RATIO else "unclear"
