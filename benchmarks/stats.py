"""From raw samples to estimates with intervals, and from intervals to verdicts.

The unit of repetition is the block (a fresh process), not the chunk: chunks of one process share its memory
layout and its luck, and counting them as independent would make every interval too narrow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median
from typing import Literal, get_args

from benchmarks.result import Block, LimitData, Metric, Samples, SpeedData, Stage

MARGIN = 0.02
"""Ratios within 1/(1 + MARGIN) and 1 + MARGIN count as the same speed."""

CONFIDENCE = 0.95
TRENDING = 0.01
"""p-value below which the timed chunks of a process are taken for a trend and not for noise."""
ENOUGH_FOR_A_TREND = 6
"""Chunks below which Kendall's tau cannot be that improbable, however they lie (5! = 120 orders)."""
CHANGED = 0.05
"""Relative change that counts as one, between warm-up and timed chunks, or from first to last."""
UNSTEADY_SHARE = 0.25
"""Share of a contender's processes with a problem, or no steady state, above which nothing is concluded."""
SHRINKING = 0.9
"""Half as many blocks again shrink an interval to 0.82; above this it is said not to shrink."""

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

PARITY_RATIO = 2.0
"""Drifts up to this multiple of the noise floor are noise ..."""
SEMANTIC_RATIO = 5.0
"""... and above this one another computation."""

Verdict = Literal["faster", "slower", "same", "inconclusive"]
Steadiness = Literal["flat", "warmup", "slowdown", "none", "not judged"]

Timed = Metric | Stage | Literal["start"]
"""What contenders are compared in: a metric, a stage of the cold start, or the whole start."""
START_STAGES: tuple[Stage, ...] = get_args(Stage)
OF_A_WORKLOAD: tuple[Stage, ...] = ("build", "first_step")
"""Stages that every workload of a worker has, and the first one alone has cold."""

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


def block_seconds(block: Block, timed: Timed) -> float:
    """Return the median over a block's chunks of the seconds for one repetition, or what a stage took."""
    if timed == "start":
        return sum(block.stages.values())
    if timed in START_STAGES:
        return block.stages[timed]
    samples = _samples(block, timed)
    return median(samples.seconds) / samples.iterations


def _samples(block: Block, metric: str) -> Samples:
    return next(each for each in block.samples if each.metric == metric)


def cold_stages(block: Block) -> dict[Stage, float]:
    """Return the seconds of a block's stages without those that were warm.

    Whatever a worker has served before, such as the first network that torch builds, has made them shorter.
    """
    return {
        stage: seconds
        for stage, seconds in block.stages.items()
        if not (block.served_before and stage in OF_A_WORKLOAD)
    }


def measured(block: Block, timed: Timed) -> bool:
    """Return whether a block has it.

    Only blocks whose workers start one by one have a whole start, and only of the workload that came first.
    """
    if timed == "start":
        return {"spawn", "first_step"} <= cold_stages(block).keys()
    if timed in START_STAGES:
        return timed in cold_stages(block)
    return any(each.metric == timed for each in block.samples)


def seconds(data: SpeedData, timed: Timed) -> float:
    """Return the median over blocks of what one repetition, or a stage, took where they measured it."""
    return median(_seconds(data, timed))


def _seconds(data: SpeedData, timed: Timed) -> list[float]:
    """Return what each block that measured it took."""
    if timed == "start" or timed in START_STAGES:
        return [block_seconds(block, timed) for block in data.blocks if measured(block, timed)]
    return [
        median(samples.seconds) / samples.iterations
        for block in data.blocks
        for samples in block.samples
        if samples.metric == timed
    ]


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
    theirs = {block.index: block for block in reference if measured(block, timed)}
    return [
        _log_ratio(block, theirs[block.index], timed)
        for block in contender
        if block.index in theirs and measured(block, timed)
    ]


def _log_ratio(block: Block, other: Block, timed: Timed) -> float:
    """Return log(block ÷ other): of chunks the median over rounds, so that what slows a round cancels."""
    if timed == "start" or timed in START_STAGES:
        return _log(block_seconds(block, timed), block_seconds(other, timed), timed)
    mine, theirs = _samples(block, timed), _samples(other, timed)
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


def unpaired_ratios(pairs: Sequence[Pair]) -> list[tuple[Interval, float]]:
    """Return after ÷ before of separate runs, and the p-value of it lying within the margin, of each pair.

    Welch's t-test on the logarithms of per-block medians (Welch 1947, Biometrika 34), as in
    `margin_p_value` against the nearer end of the margin, the wider one of both sides. Pairs with the same
    numbers of blocks are tested in one call. Where neither side varies at all, there is nothing to divide
    by, and the difference is what it is.
    """
    logs = [
        tuple([math.log(seconds) for seconds in _seconds(data, timed)] for data in (after, before))
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


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the n-th root of the product of n ratios: the mean for which a ÷ b and b ÷ a are reciprocal.

    Examples
    --------
    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(fmean(map(math.log, ratios)))


def geometric_mean_interval(ratios: Sequence[Interval]) -> Interval:
    """Return the geometric mean of ratios that were measured independently, with its interval.

    On logarithms: the variance of the mean is Σ s²ᵢ / n², with s from each interval's half-width ÷ t, and
    degrees of freedom after Welch and Satterthwaite. No interval if a ratio has none.

    Examples
    --------
    >>> one = geometric_mean_interval([Interval(2.0, 1.6, 2.5, 6)])
    >>> round(one.estimate, 3), round(one.low, 3), round(one.high, 3)
    (2.0, 1.6, 2.5)
    """
    mean, count = geometric_mean([each.estimate for each in ratios]), min(each.count for each in ratios)
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    variances = [
        ((math.log(each.high) - math.log(each.low)) / 2 / _t(each.count - 1)) ** 2 for each in ratios
    ]
    total = sum(variances)
    if not total:
        return Interval(mean, mean, mean, count)
    spread = sum(variance**2 / (each.count - 1) for variance, each in zip(variances, ratios, strict=True))
    half = _t(total**2 / spread) * math.sqrt(total) / len(ratios)
    return Interval(mean, mean * math.exp(-half), mean * math.exp(half), count)


def start_seconds(data: SpeedData) -> float | None:
    """Return the time of a cold start: the sum of its stages; None where it was not measured as a whole."""
    stages = stage_seconds(data)
    return sum(stages.values()) if {"spawn", "first_step"} <= stages.keys() else None


def stage_seconds(data: SpeedData) -> dict[Stage, float]:
    """Return for each stage of a cold start the median over the blocks that measured it, in their order."""
    found = defaultdict[Stage, list[float]](list)
    for block in data.blocks:
        for stage, seconds in cold_stages(block).items():
            found[stage].append(seconds)
    return {stage: median(found[stage]) for stage in START_STAGES if stage in found}


def warm_up_steps(data: SpeedData) -> float | None:
    """Return how many training steps came before the timed ones, the median over blocks that began cold."""
    found = [block.warm_up_steps for block in data.blocks if not block.served_before]
    return median(found) if found else None


def warm_up_seconds(data: SpeedData) -> float | None:
    """Return what the training steps before the timed ones took, the median over blocks that began cold.

    Their number times the median of what one took meanwhile; None where no record has that.
    """
    found = [
        block.warm_up_steps * median(samples.warm_up)
        for block in data.blocks
        if not block.served_before
        for samples in block.samples
        if samples.metric == "train_step" and samples.warm_up
    ]
    return median(found) if found else None


def break_even_steps(contender: SpeedData, reference: SpeedData) -> float | None:
    """Return after how many training steps the contender, start included, has taken less time.

    0 if it starts and steps faster; infinite if it never catches up; None if a start was not measured.
    """
    mine, theirs = start_seconds(contender), start_seconds(reference)
    if mine is None or theirs is None:
        return None
    head_start = mine - theirs
    gain = seconds(reference, "train_step") - seconds(contender, "train_step")
    if head_start <= 0:
        return 0.0 if gain >= 0 else math.inf
    return head_start / gain if gain > 0 else math.inf


def time_to_target(epochs: Sequence[float], data: SpeedData) -> float | None:
    """Return the median over trainings of the seconds until a target was reached, the start included.

    None if the start was not measured.

    Parameters
    ----------
    epochs
        Epochs that each training took; infinite for one that never came there.
    """
    start = start_seconds(data)
    return None if start is None else start + median(epochs) * seconds(data, "epoch")


@dataclass(frozen=True)
class Limit:
    """What a step can take at least here, and what that rests on.

    Parameters
    ----------
    products_seconds
        Of the step's matrix products alone, the median over chunks: the practical floor.
    own_rate, square_rate
        The best rate of those products, and of large square ones, in FLOP/s.
    bandwidth
        Of the best copy of a large array, in bytes/s.
    call_seconds
        Of a function call on one number, the median over chunks.
    intensity
        Floating-point operations for each byte that has to move.
    roof_seconds
        max(FLOP / square_rate, bytes / bandwidth): what the roofline allows (Williams et al. 2009).
    """

    products_seconds: float
    own_rate: float
    square_rate: float
    bandwidth: float
    call_seconds: float
    intensity: float
    roof_seconds: float


def limit(data: LimitData) -> Limit | None:
    """Return the limit of a step from what was calibrated; None where nothing was."""
    calibration = data.calibration
    if calibration is None:
        return None
    square_rate = 2 * calibration.square_size**3 / min(calibration.square)
    bandwidth = calibration.copied_bytes / min(calibration.copying)
    return Limit(
        products_seconds=median(calibration.products),
        own_rate=data.flops / min(calibration.products),
        square_rate=square_rate,
        bandwidth=bandwidth,
        call_seconds=median(calibration.call),
        intensity=data.flops / data.least_bytes,
        roof_seconds=max(data.flops / square_rate, data.least_bytes / bandwidth),
    )


def _trend_p(values: Sequence[float]) -> float:
    from scipy.stats import kendalltau

    if min(values) == max(values):
        return 1.0
    return float(kendalltau(range(len(values)), values).pvalue)


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
