from __future__ import annotations

import math
import random

import numpy as np
import pytest
import scipy.stats

from benchmarks import durations, stats
from benchmarks.result import Metric
from benchmarks.stats import Interval
from tests import synthetic_run


def test_t_interval_against_hand_computation():
    # mean 3, s = sqrt(2.5), n = 5, t(4, 0.975) = 2.776445
    interval = stats.mean_interval([1, 2, 3, 4, 5])
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert interval.low == pytest.approx(3 - half, rel=1e-6)
    assert interval.high == pytest.approx(3 + half, rel=1e-6)


def test_one_observation_has_no_interval():
    interval = stats.mean_interval([2.0])
    assert math.isnan(interval.low)
    assert stats.verdict(interval) == "inconclusive"


def test_interval_covers_the_true_ratio_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        logs = random.normal(0.1, 0.05, 6)
        interval = stats.mean_interval(logs.tolist())
        covered += interval.low <= 0.1 <= interval.high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.5, 0.97, "faster"),
        (0.5, 0.99, "inconclusive"),
        (1.03, 1.5, "slower"),
        (1.01, 1.5, "inconclusive"),
        (0.985, 1.015, "same"),
        (0.9, 1.1, "inconclusive"),
        (math.nan, math.nan, "inconclusive"),
    ],
)
def test_verdicts(low, high, said):
    assert stats.verdict(Interval((low + high) / 2, low, high, 6)) == said


def test_paired_ratio_finds_a_known_ratio():
    ratio = stats.paired_ratio(synthetic_run.speed(3e-4, seed=1), synthetic_run.speed(1e-4), "train_step")
    assert ratio.low < 3 < ratio.high
    assert ratio.high / ratio.low < 1.05
    assert ratio.count == 6


def test_paired_ratio_uses_only_blocks_of_both():
    mine, theirs = synthetic_run.speed(1e-4, blocks=6), synthetic_run.speed(1e-4, blocks=4)
    assert stats.paired_ratio(mine, theirs, "train_step").count == 4


def test_pairing_cancels_what_a_block_does_to_all():
    """A block in which the machine is twice as slow slows both; the ratio must not notice."""

    def slowed(data, factor):
        blocks = [
            block.model_copy(
                update={
                    "samples": [
                        samples.model_copy(
                            update={"seconds": [s * factor ** (block.index % 2) for s in samples.seconds]}
                        )
                        for samples in block.samples
                    ]
                }
            )
            for block in data.blocks
        ]
        return data.model_copy(update={"blocks": blocks})

    mine, theirs = synthetic_run.speed(2e-4, seed=1), synthetic_run.speed(1e-4)
    plain = stats.paired_ratio(mine, theirs, "train_step")
    noisy = stats.paired_ratio(slowed(mine, 2), slowed(theirs, 2), "train_step")
    assert noisy.estimate == pytest.approx(plain.estimate)
    assert noisy.high == pytest.approx(plain.high)


def test_a_blocks_ratio_is_the_median_over_rounds():
    def timed(*seconds):
        data = synthetic_run.speed(1e-4, blocks=1)
        (block,) = data.blocks
        samples = block.samples[0].model_copy(update={"seconds": list(seconds)})
        return [block.model_copy(update={"samples": [samples]})]

    logs = stats.log_ratios(timed(1.0, 2.0, 9.0), timed(3.0, 1.0, 2.0), "train_step")
    assert logs == pytest.approx([math.log(2.0)])  # that of the medians would be 1


def test_unpaired_ratios():
    slower: stats.Pair = synthetic_run.speed(1.1e-4, seed=1), synthetic_run.speed(1e-4), "train_step"
    same: stats.Pair = (
        synthetic_run.speed(1e-4, noise=0.05, seed=1),
        synthetic_run.speed(1e-4, noise=0.05),
        "train_step",
    )
    (ratio, p_value), (_, chance) = stats.unpaired_ratios([slower, same])
    assert ratio.low < 1.1 < ratio.high
    assert p_value < 1e-4
    assert chance == 1.0


@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_a_sure_difference_of_saved_runs_within_the_margin_is_no_finding(noise):
    """Of a family with adjusted p-values: one that is surely not 0 must not make room for others."""
    before = synthetic_run.speed(1e-4, noise=noise)
    within, beyond = (synthetic_run.speed(seconds, noise=noise, seed=1) for seconds in (1.01e-4, 1.03e-4))
    (_, inside), (_, outside) = stats.unpaired_ratios(
        [(data, before, "train_step") for data in (within, beyond)]
    )
    assert inside == pytest.approx(1.0)
    assert outside < 1e-4


def test_unpaired_ratios_of_any_number_of_blocks_are_those_of_each_alone():
    metrics: tuple[Metric, ...] = ("train_step", "epoch")
    pairs = [
        (synthetic_run.speed(1e-4, blocks=mine, seed=7), synthetic_run.speed(2e-4, blocks=theirs), metric)
        for mine, theirs in ((6, 6), (4, 6), (1, 6), (6, 4), (6, 6))
        for metric in metrics
    ]
    together, alone = stats.unpaired_ratios(pairs), [stats.unpaired_ratios([pair])[0] for pair in pairs]
    for (ratio, p_value), (its_own, p_alone), (after, before, _) in zip(together, alone, pairs, strict=True):
        assert ratio.count == min(len(after.blocks), len(before.blocks))
        assert ratio.estimate == pytest.approx(its_own.estimate)
        assert (ratio.low, ratio.high) == pytest.approx((its_own.low, its_own.high), nan_ok=True)
        assert p_value == pytest.approx(p_alone, nan_ok=True)
    assert math.isnan(together[4][1])


def test_unpaired_ratios_are_welch_s_and_not_student_s():
    """As SciPy has it, of the difference less what the margin leaves of it."""
    after = synthetic_run.speed(1e-4, noise=0.2, blocks=4, seed=3)
    before = synthetic_run.speed(1e-4, noise=0.001, blocks=12)
    ((ratio, p_value),) = stats.unpaired_ratios([(after, before, "train_step")])
    mine, theirs = (
        np.log([durations.block_seconds(block, "train_step") for block in data.blocks])
        for data in (after, before)
    )
    whole = scipy.stats.ttest_ind(mine, theirs, equal_var=False)
    assert whole.df < 4  # Student's would be 14
    margin = math.copysign(math.log(1 + stats.MARGIN), mine.mean() - theirs.mean())
    beyond = scipy.stats.ttest_ind(mine - margin, theirs, equal_var=False)
    assert p_value == pytest.approx(beyond.pvalue)
    assert np.log([ratio.low, ratio.high]) == pytest.approx([*whole.confidence_interval(0.95)])


def test_the_mean_over_workloads_covers_what_their_blocks_share():
    """Each block slows all of its workloads alike: as if independent, their interval is half as wide."""
    drawn, covered, trials = random.Random(1), 0, 1000
    for _ in range(trials):
        luck = [drawn.gauss(0, 0.05) for _ in range(6)]
        logs = [{block: 0.1 * k + luck[block] + drawn.gauss(0, 0.02) for block in range(6)} for k in range(4)]
        mean = stats.geometric_mean(logs)
        covered += mean.low <= math.exp(0.15) <= mean.high
    assert 0.93 <= covered / trials <= 0.97


def test_the_mean_over_workloads_takes_blocks_of_all():
    mean = stats.geometric_mean([{0: 0.0, 1: 0.0, 2: 9.0}, {0: 0.2, 1: 0.2}])
    assert mean.estimate == pytest.approx(math.exp(0.1))
    assert mean.count == 2


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg():
    drawn = np.random.default_rng(0).random(50) ** 4
    for p_values in (drawn, drawn.repeat(2), drawn[:1], np.array([0.9, 0.95, 1.0]), np.array([])):
        expected = scipy.stats.false_discovery_control(p_values) if len(p_values) else []
        assert stats.adjusted(p_values.tolist()) == pytest.approx([*expected])


def test_adjusted_p_values_keep_what_is_unknown():
    values = stats.adjusted([0.01, math.nan, 0.02])
    assert values[0] == pytest.approx(0.02)
    assert math.isnan(values[1])
