"""The rules by which timing ends, and what the harness holds against its own blocks."""

from __future__ import annotations

import random

import pytest

from benchmarks import stats
from benchmarks.interleaving import stopping
from benchmarks.measures.witnesses import Witnesses, now
from benchmarks.result import Block, Samples, SpeedData
from benchmarks.suite import SpeedSettings


def block(index, seconds, *, warm_up=(), problems=(), first_step=0.001):
    samples = Samples(
        metric="train_step",
        tier="loop",
        iterations=10,
        examples=32,
        seconds=list(seconds),
        warm_up=list(warm_up),
    )
    return Block(
        index=index,
        stages={"first_step": first_step},
        warm_up_steps=10,
        idle_workers="frozen",
        threads_seen=1,
        cpu_per_wall=1.0,
        samples=[samples],
        problems=list(problems),
    )


def blocks(count, spread, seed=0, seconds=1.0):
    random_ = random.Random(seed)
    return [block(index, [seconds * (1 + random_.gauss(0, spread))] * 3) for index in range(count)]


SPEED = SpeedSettings.model_validate({"preset": "standard", "metrics": ["train_step"]})


@pytest.mark.parametrize(
    ("count", "spread", "settings", "says"),
    [
        (5, 0.0001, {}, None),
        (6, 0.0001, {}, "intervals within 2%"),
        (6, 0.1, {}, None),
        (7, 0.0001, {}, None),
        (30, 0.2, {}, "limit of 30 blocks"),
        (6, 0.2, {"preset": "quick"}, "limit of 6 blocks"),
        (3, 0.2, {"time_budget_seconds": 0.5}, "time budget"),
        (1, 0.2, {"time_budget_seconds": 0.5}, None),
    ],
)
def test_timing_ends_for_a_reason(count, spread, settings, says):
    speed = SpeedSettings.model_validate({"preset": "standard", "metrics": ["train_step"], **settings})
    reference = blocks(count, spread)
    compared = [(reference, reference), (blocks(count, spread, seed=1), reference)]
    found = stopping(speed, compared, seconds=1.0)
    assert found is None if says is None else says in str(found)


def test_timing_ends_when_drift_keeps_the_interval_wide():
    """The last blocks lie far from the first ones, as on a machine that has changed its clock."""
    drifting = [block(index, [1.0 + (index > 7) * 2.0]) for index in range(12)]
    assert "no longer shrink" in str(stopping(SPEED, [(drifting, blocks(12, 0.0001))], 1.0))


def test_blocks_are_counted_by_the_contender_that_has_the_fewest():
    """One lost block 0 and came late: it gets as many in common with its reference as the others."""
    reference, late = blocks(6, 0.0001), blocks(6, 0.0001, seed=1)[1:]
    assert stopping(SPEED, [(reference, reference), (late, reference)], 1.0) is None
    reference, late = blocks(7, 0.0001), blocks(7, 0.0001, seed=1)[1:]
    assert "after 6 blocks" in str(stopping(SPEED, [(reference, reference), (late, reference)], 1.0))


def test_precision_is_asked_of_each_pair_that_is_compared():
    """Two sides that move together are precise, however far each is from the first one."""
    first, noisy = blocks(6, 0.0001), blocks(6, 0.3, seed=1)
    assert "intervals within" in str(stopping(SPEED, [(first, first), (list(noisy), noisy)], 1.0))
    assert stopping(SPEED, [(first, first), (noisy, first)], 1.0) is None


def test_a_single_contender_needs_no_more_blocks_than_the_least():
    assert "intervals within" in str(stopping(SPEED, [(alone := blocks(6, 0.3), alone)], 1.0))


@pytest.mark.parametrize(
    ("warm_up", "seconds", "label"),
    [
        ([0.1], [1.0] * 10, "flat"),
        ([0.5], [1.0] * 10, "warmup"),
        ([0.05], [1.0] * 10, "slowdown"),
        ([0.1], [1.0 + 0.05 * step for step in range(10)], "none"),
        ([0.1], [1.0, 1.2] * 5, "flat"),
    ],
)
def test_how_a_process_came_to_its_speed(warm_up, seconds, label):
    assert stats.steadiness(block(0, seconds, warm_up=warm_up).samples[0]) == label


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"problems": ["2 threads instead of 1"]}, "2 threads instead of 1"),
        ({"first_step": 0.25}, "compiled every time"),
    ],
)
def test_doubts(changes, says):
    slow = SpeedData(blocks=[block(0, [1.0] * 3, **changes)], stopped_by="")
    fast = SpeedData(blocks=[block(0, [0.01] * 3)], stopped_by="")
    assert says in "; ".join(stats.doubts(slow, fast, "train_step"))
    assert bool(says) == bool(stats.doubts(slow, fast, "train_step"))


def test_an_unsteady_contender_is_doubted():
    rising = [block(index, [1.0 + 0.05 * step for step in range(10)]) for index in range(4)]
    data = SpeedData(blocks=rising, stopped_by="")
    assert "no steady state in 4 of 4" in stats.doubts(data, data, "train_step")[0]


def test_many_comparisons_are_adjusted_for():
    """One of forty that is just beyond the margin is chance, and forty of forty are not."""
    just, same = stats.Interval(1.06, 1.021, 1.1, 6), stats.Interval(1.0, 0.95, 1.05, 6)
    assert stats.verdicts([just], [0.02]) == ["slower"]
    assert stats.verdicts([just] + [same] * 39, [0.02] * 40)[0] == "inconclusive"
    assert set(stats.verdicts([just] * 40, [0.02] * 40)) == {"slower"}


def test_witnesses_count_between_two_moments():
    before = Witnesses(1.0, 2.0, 3)
    assert Witnesses(1.5, 2.25, 7).since(before) == Witnesses(0.5, 0.25, 4)
    assert Witnesses(None, 2.25, 7).since(before).steal_seconds is None
    assert now().since(now()).involuntary_switches is not None


@pytest.mark.parametrize(
    ("witnesses", "alone", "disturbed"),
    [
        (Witnesses(0.0, 0.0, 9), True, False),
        (Witnesses(0.01, 0.0, 0), False, True),
        (Witnesses(0.0, 0.05, 0), True, True),
        (Witnesses(0.0, 0.05, 0), False, False),
        (Witnesses(0.0, 0.0, 0, throttled=True), True, True),
        (Witnesses(None, None, None), True, False),
    ],
)
def test_disturbed_chunks(witnesses, alone, disturbed):
    assert witnesses.disturbed(0.1, alone=alone) is disturbed
