from __future__ import annotations

import math

import pytest

from benchmarks import durations, stats
from tests import synthetic_run


def test_break_even():
    slow_start, quick_start = synthetic_run.speed(1e-4, noise=0), synthetic_run.speed(3e-4, noise=0)
    early = quick_start.model_copy(
        update={
            "blocks": [
                block.model_copy(
                    update={"stages": {"spawn": 0.1, "import": 0.0, "build": 0.1, "first_step": 0.1}}
                )
                for block in quick_start.blocks
            ]
        }
    )
    # one second later, 200 µs a step gained
    assert durations.break_even_steps(slow_start, early) == pytest.approx(5000)
    assert durations.break_even_steps(early, slow_start) == math.inf
    assert durations.break_even_steps(slow_start, quick_start) == 0


@pytest.mark.parametrize(
    ("epochs", "counted"), [([2.0, 4.0, math.inf], 4.0), ([2.0, math.inf, math.inf], math.inf)]
)
def test_a_training_that_never_reaches_its_target_counts_as_infinite(epochs, counted):
    data = synthetic_run.speed(1e-4, noise=0)
    start, epoch = durations.start_seconds(data), durations.seconds(data, "epoch")
    assert durations.time_to_target(epochs, data) == pytest.approx(start + counted * epoch)


@pytest.mark.parametrize(
    ("first_calls", "more"),
    [({}, 0.0), ({1: 0.5, 8: 0.1}, 0.499), ({1: 0.0005, 8: 0.708}, 0.7), ({1: 0.0005}, 0.0)],
    ids=["not told", "the first compiles", "the larger compiles", "nothing compiles"],
)
def test_what_the_first_epoch_compiles_counts_towards_a_target(first_calls, more):
    data = synthetic_run.speed(1e-4, noise=0)

    def told(samples):
        epochs = samples.model_copy(update={"iterations": 10, "seconds": [0.01] * 3})
        return epochs.model_copy(update={"metric": "epoch", "first_calls": first_calls})

    blocks = [
        block.model_copy(update={"samples": [block.samples[0], told(block.samples[0])]})
        for block in data.blocks
    ]
    timed = data.model_copy(update={"blocks": blocks})
    assert durations.seconds(timed, "epoch") == pytest.approx(0.001)
    start = durations.start_seconds(timed)
    assert durations.time_to_target([3.0], timed) == pytest.approx(start + more + 0.003)
    warm = [block.model_copy(update={"served_before": 1}) for block in blocks]
    assert durations.first_epoch_seconds(timed.model_copy(update={"blocks": warm})) == 0.0


def test_without_a_cold_start_nothing_is_said_about_starts():
    timed = synthetic_run.speed(1e-4, noise=0)
    served = [block.model_copy(update={"served_before": 1}) for block in timed.blocks]
    warm = timed.model_copy(update={"blocks": served})
    assert set(durations.stage_seconds(warm)) == {"spawn", "import"}
    assert durations.start_seconds(warm) is durations.warm_up_steps(warm) is None
    assert durations.break_even_steps(warm, timed) is durations.break_even_steps(timed, warm) is None
    assert durations.time_to_target([2.0], warm) is None
    assert stats.paired_ratio(warm, timed, "start").count == 0
    assert durations.seconds(warm, "train_step") == pytest.approx(1e-4)
    once = timed.model_copy(update={"blocks": [timed.blocks[0], *served[1:]]})
    assert durations.start_seconds(once) == durations.start_seconds(timed)
