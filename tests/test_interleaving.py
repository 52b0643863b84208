"""The rules by which timing ends, and what the harness holds against its own blocks."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import durations, interleaving, soundness, stats, tables
from benchmarks.interleaving import CHANCES, Outcome, interleave, stopping
from benchmarks.measures import witnesses
from benchmarks.measures.witnesses import Chunk, Witnesses, now
from benchmarks.packed import Packed
from benchmarks.result import Block, Samples, SpeedData
from benchmarks.suite import SpeedSettings, load_suite
from benchmarks.worker import CAN_FREEZE, WorkerFailed


def block(
    index, seconds, *, warm_up=(), problems=(), first_step=0.001, samples_problems=(), throttled=(), start=()
):
    samples = Samples(
        metric="train_step",
        tier="loop",
        iterations=10,
        examples=32,
        seconds=list(seconds),
        warm_up=list(warm_up),
        problems=list(samples_problems),
        throttled=list(throttled),
    )
    return Block(
        index=index,
        stages={**dict(start), "first_step": first_step},
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
        ([0.11], [1.0, 1.2] * 5, "flat"),
        ([0.1], [1.0 + 0.05 * step for step in range(6)], "none"),
        ([0.5], [1.0] * 5, "not judged"),
        ([0.1], [1.0 + 0.05 * step for step in range(5)], "not judged"),
    ],
)
def test_how_a_process_came_to_its_speed(warm_up, seconds, label):
    assert soundness.steadiness(block(0, seconds, warm_up=warm_up).samples[0]) == label


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"problems": ["2 threads instead of 1"]}, "2 threads instead of 1"),
        ({"first_step": 0.25}, "compiled every time"),
        ({"samples_problems": ["its batches stay on the host"]}, "its batches stay on the host"),
        ({"throttled": [True, False, False]}, "heat slowed the GPU in 1 of 3 chunks"),
    ],
)
def test_doubts(changes, says):
    slow = SpeedData(blocks=[block(0, [1.0] * 3, **changes)], stopped_by="")
    fast = SpeedData(blocks=[block(0, [0.01] * 3)], stopped_by="")
    assert says in "; ".join(soundness.doubts(slow, fast, "train_step"))
    assert bool(says) == bool(soundness.doubts(slow, fast, "train_step"))


def test_a_reference_that_compiles_each_step_is_doubted_too():
    slow = SpeedData(blocks=[block(0, [1.0] * 3, first_step=0.25)], stopped_by="")
    fast = SpeedData(blocks=[block(0, [0.01] * 3)], stopped_by="")
    doubted = tables.doubts({"reference": slow, "other": fast})["train_step"]
    assert "compiled every time" in doubted["reference"][0]
    assert not doubted["other"]


def test_an_unsteady_contender_is_doubted():
    rising = [block(index, [1.0 + 0.05 * step for step in range(10)]) for index in range(4)]
    data = SpeedData(blocks=rising, stopped_by="")
    assert "no steady state in 4 of 4" in soundness.doubts(data, data, "train_step")[0]


def test_many_comparisons_are_adjusted_for():
    """One of forty that is just beyond the margin is chance, and forty of forty are not."""
    just, same = stats.Interval(1.06, 1.021, 1.1, 6), stats.Interval(1.0, 0.95, 1.05, 6)
    assert stats.verdicts([just], [0.02]) == ["slower"]
    assert stats.verdicts([just] + [same] * 39, [0.02] * 40)[0] == "inconclusive"
    assert set(stats.verdicts([just] * 40, [0.02] * 40)) == {"slower"}


def test_with_a_doubt_nothing_is_concluded():
    faster = stats.Interval(0.5, 0.49, 0.51, 6)
    assert stats.verdicts([faster] * 2, [0.02] * 2, [["it slept"], []]) == ["inconclusive", "faster"]


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


@pytest.mark.parametrize(
    ("visible", "asked"),
    [(None, "index 0"), ("3,1", "index 3"), ("GPU-5a", "uuid GPU-5a"), ("", None), ("none", None)],
)
def test_the_gpu_that_is_asked_is_the_one_that_computes(monkeypatch, visible, asked):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(witnesses, "_nvml", driver)
    assert witnesses._ask(lambda _, device: device) == asked


def test_a_driver_that_refuses_to_answer_does_not_witness(monkeypatch):
    monkeypatch.setattr(witnesses, "_nvml", driver)
    seen = now(gpu=True)
    assert (seen.throttled, seen.clock_mhz) == (None, 1410)
    assert witnesses.process_bytes_on_gpu() is None


class NotSupported(Exception): ...


def driver():
    """Return NVML on a card that tells its clock and nothing else."""

    def refuse(*_):
        raise NotSupported

    return SimpleNamespace(
        NVMLError=NotSupported,
        NVML_CLOCK_SM=1,
        nvmlClocksEventReasonSwThermalSlowdown=32,
        nvmlClocksEventReasonHwSlowdown=8,
        nvmlDeviceGetHandleByIndex="index {}".format,
        nvmlDeviceGetHandleByUUID="uuid {}".format,
        nvmlDeviceGetClockInfo=lambda *_: 1410,
        nvmlDeviceGetCurrentClocksEventReasons=refuse,
        nvmlDeviceGetComputeRunningProcesses=refuse,
    )


QUIET, STOLEN = Witnesses(0.0, 0.0, 0), Witnesses(0.09, 0.0, 0)
COLD, WARM = 0.1, 0.003
"""What the first build of a worker takes, and every later one."""


class Idler:
    """A worker without a process: chunks of 0.1 s, with what the machine did meanwhile."""

    spawn_seconds, interpreter_seconds = 0.01, 0.02

    def __init__(self, disturbances, threads, cpu_seconds):
        self.disturbances, self.threads, self.cpu_seconds = disturbances, threads, cpu_seconds
        self.served, self.frozen, self.closed = 0, False, False

    def call(self, command, *, metrics=(), **_):
        if command == "time_chunk":
            disturbed = next(self.disturbances, False)
            return Chunk(0.1, self.cpu_seconds, STOLEN if disturbed else QUIET)
        of_each = {
            "iterations": dict.fromkeys(metrics, 10),
            "examples": dict.fromkeys(metrics, 320),
            "first_calls": {name: {1: 0.1} for name in metrics},
            "warm_up": {name: [0.01] for name in metrics},
            "problems": {name: [] for name in metrics},
        }
        self.served += 1
        start = {"build": COLD if self.served == 1 else WARM, "first_step": 0.1}
        return {**start, "warm_up_steps": 10, "threads": self.threads, **of_each}

    def freeze(self):
        self.frozen = True

    def thaw(self):
        self.frozen = False

    def close(self):
        self.closed = True


def interleaved(
    *,
    disturbances=(),
    threads=1,
    cpu_seconds=0.1,
    asked=1,
    device="cpu",
    outcome=None,
    workloads=1,
    contenders="ab",
    idlers=None,
    **speed,
):
    """Return the blocks of the contenders on the first workload; `b` is disturbed in those of its chunks."""
    settings = {"metrics": ["train_step"], "chunks": 6, "margin": 0.02, **speed}
    suite = load_suite("selfcheck", {f"speed.{name}": value for name, value in settings.items()})
    changes = {"workloads": suite.workloads[:workloads], "threads": asked, "device": device}
    suite, outcome, script = suite.model_copy(update=changes), outcome or Outcome(), iter(disturbances)
    names = [workload.name for workload in suite.workloads]

    def hire(name: str) -> Any:
        idler = (idlers or {}).get(name, Idler)
        made = idler(script if name == "b" else iter(()), threads, cpu_seconds)
        return made, {"import": 0.03, "device": 0.04}

    no_data: Any = dict.fromkeys(names)
    interleave(suite, suite.workloads, dict.fromkeys(names, tuple(contenders)), no_data, hire, outcome)
    return [list(outcome.blocks[names[0], name]) for name in contenders]


@pytest.mark.parametrize(("preset", "starts"), [("quick", 1), ("standard", 6), ("rigorous", 6)])
def test_starts_are_measured_in_as_many_blocks_as_the_preset_says(preset, starts):
    a, b = interleaved(preset=preset, blocks=8, block_limit=8)
    for blocks in (a, b):
        assert [list(each.stages) for each in blocks] == [
            ["spawn", "interpreter", "import", "device", "build", "first_step"]
        ] * starts + [["build", "first_step"]] * (8 - starts)
    first, second = (SpeedData(blocks=each, stopped_by="") for each in (a, b))
    assert stats.paired_ratio(first, second, "start").count == starts
    assert durations.start_seconds(first) == pytest.approx(0.3)


def test_a_start_that_was_lost_is_measured_again():
    """Another block took the place of the first one, of which only the reference's was kept."""
    outcome = Outcome()
    outcome.blocks["digits-network", "a"] = Packed([block(0, [1.0] * 6, start={"spawn": 0.1})])
    _, b = interleaved(preset="quick", blocks=3, block_limit=3, outcome=outcome)
    assert "spawn" in b[0].stages
    assert "spawn" not in b[1].stages


def test_a_start_is_cold_in_every_block_that_counts():
    """Two workloads take turns at being the first that a worker serves; the other one is built warm."""
    outcome = Outcome()
    interleaved(preset="standard", blocks=6, block_limit=6, workloads=2, outcome=outcome)
    timed = {pair: SpeedData(blocks=list(blocks), stopped_by="") for pair, blocks in outcome.blocks.items()}
    assert len(timed) == 4
    for (workload, _), data in timed.items():
        assert Counter(block.served_before for block in data.blocks) == {0: 3, 1: 3}
        built = [block for block in data.blocks if durations.measured(block, "build")]
        assert [durations.block_seconds(block, "build") for block in built] == [COLD] * 3
        assert durations.start_seconds(data) == pytest.approx(0.3)
        reference = timed[workload, "a"]
        assert stats.paired_ratio(data, reference, "import").count == 6
        assert stats.paired_ratio(data, reference, "build").count == 3
        assert stats.paired_ratio(data, reference, "start").count == 3


def test_every_workload_has_a_cold_start_before_one_has_two():
    outcome = Outcome()
    interleaved(preset="quick", blocks=3, block_limit=3, workloads=3, outcome=outcome)
    for blocks in outcome.blocks.values():
        assert [block.served_before for block in blocks].count(0) == 1
        assert sum(durations.measured(block, "start") for block in blocks) == 1


@pytest.mark.skipif(not CAN_FREEZE, reason="this system cannot stop processes")
def test_each_worker_is_frozen_before_the_next_one_starts():
    """Also where the start of one in between fails."""
    up: list[Idler] = []
    beside = []

    def started(*arguments):
        beside.append([each.frozen for each in up])
        if len(beside) == 2:
            raise WorkerFailed("worker", expected="a start", got="none", action="see its log")
        up.append(Idler(*arguments))
        return up[-1]

    idlers = dict.fromkeys("abc", started)
    interleaved(preset="quick", blocks=1, block_limit=1, contenders="abc", idlers=idlers)
    assert beside[:3] == [[], [True], [True]]


def test_where_nothing_can_be_frozen_one_worker_lives_at_a_time(monkeypatch):
    """In an order that is drawn anew for each block: the last one may have a warmer machine."""
    monkeypatch.setattr(interleaving, "CAN_FREEZE", False)
    up: list[tuple[str, Idler]] = []

    def started(name, *arguments):
        assert all(idler.closed for _, idler in up)
        up.append((name, Idler(*arguments)))
        return up[-1][1]

    idlers = {name: partial(started, name) for name in "abc"}
    found = interleaved(preset="quick", blocks=8, block_limit=8, contenders="abc", idlers=idlers)
    assert {block.idle_workers for blocks in found for block in blocks} == {"absent"}
    order = "".join(name for name, _ in up)
    orders = [order[start : start + 3] for start in range(0, len(order), 3)]
    assert all(sorted(each) == ["a", "b", "c"] for each in orders)
    assert len(set(orders)) > 1


def test_the_time_before_a_run_was_taken_up_counts():
    outcome = Outcome(seconds=60.0)
    blocks, _ = interleaved(blocks=6, block_limit=6, time_budget_seconds=50.0, outcome=outcome)
    assert len(blocks) == 2
    assert outcome.seconds >= 60.0


def test_an_interruption_ends_every_worker_that_was_started():
    """Also one that started while the parent was told."""
    up: list[Idler] = []
    starts = itertools.count()

    def started(*arguments):
        if next(starts) == 1:
            raise KeyboardInterrupt
        up.append(Idler(*arguments))
        return up[-1]

    idlers = dict.fromkeys("abc", started)
    with pytest.raises(KeyboardInterrupt):
        interleaved(preset="quick", blocks=1, block_limit=1, contenders="abc", idlers=idlers)
    assert all(each.closed for each in up)


class Failing(Idler):
    """Cannot open one workload."""

    def call(self, command, *, workload="", **arguments):
        if (command, workload) == ("open_workload", "digits-network"):
            raise WorkerFailed("worker of b", expected="a result", got="none", action="see its log")
        return super().call(command, **arguments)


def test_every_block_that_a_contender_lacks_is_named():
    """A worker that fails is gone for what it would have served later, which is not held against that."""
    outcome = Outcome()
    interleaved(preset="quick", blocks=4, block_limit=4, workloads=3, outcome=outcome, idlers={"b": Failing})
    assert set(outcome.failures) == {("digits-network", "b")}
    assert len(outcome.lost["digits-network", "b"]) == CHANCES
    others = outcome.lost.keys() - outcome.failures.keys()
    assert {why for pair in others for why in outcome.lost[pair].values()} == {
        "its worker had failed on digits-network: worker of b: expected a result, got none; see its log"
    }
    for pair in others:
        kept = [block.index for block in outcome.blocks[pair]]
        assert sorted([*kept, *outcome.lost[pair]]) == list(range(len(kept) + len(outcome.lost[pair])))
        assert len(kept) >= 4


def test_a_disturbed_round_is_repeated_until_it_is_quiet():
    (a,), (b,) = interleaved(preset="quick", blocks=1, block_limit=1, disturbances=[True] * 4)
    for found in (a.samples[0], b.samples[0]):
        assert (found.repeated_rounds, len(found.seconds)) == (4, 6)
        assert not any(found.disturbed)


def test_chunks_that_stay_disturbed_are_marked():
    (a,), (b,) = interleaved(preset="quick", blocks=1, block_limit=1, disturbances=[True] * 8)
    assert b.samples[0].repeated_rounds == 6
    assert b.samples[0].disturbed == [True, True, False, False, False, False]
    assert not any(a.samples[0].disturbed)


@pytest.mark.parametrize(
    ("asked", "threads", "cpu_seconds", "device", "says"),
    [
        (1, 1, 0.1, "cpu", ""),
        (1, 2, 0.1, "cpu", "2 threads instead of 1"),
        (1, 1, 0.2, "cpu", "busy on 2.0 cores with 1 threads"),
        (1, 1, 0.05, "cpu", "computed for only 0.5 of its time"),
        (2, 2, 0.1, "cpu", ""),
        (2, 2, 0.05, "cpu", "computed for only 0.5 of its time"),
        (None, 8, 0.8, "cpu", ""),
        (None, 4, 0.4, "cpu", ""),
        (None, 1, 0.1, "cpu", "1 threads instead of 4 to 8"),
        (None, 16, 0.8, "cpu", "16 threads instead of 4 to 8"),
        (None, 8, 0.05, "cpu", "computed for only 0.5 of its time"),
        (1, 1, 0.01, "gpu", ""),
        (1, 2, 0.01, "gpu", "2 threads instead of 1"),
    ],
)
def test_threads_are_what_was_asked_for(monkeypatch, asked, threads, cpu_seconds, device, says):
    monkeypatch.setattr(interleaving, "cores", lambda: (4, 8))
    (a,), _ = interleaved(
        preset="quick",
        blocks=1,
        block_limit=1,
        asked=asked,
        threads=threads,
        cpu_seconds=cpu_seconds,
        device=device,
    )
    assert "; ".join(a.problems) == says


def test_every_usable_core_is_counted():
    physical, usable = interleaving.cores()
    assert 1 <= physical <= usable
