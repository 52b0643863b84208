"""What contenders took, read from the blocks of their records: steps, stages of a start, what follows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Literal, get_args

from benchmarks.result import Block, Metric, Samples, SpeedData, Stage

Timed = Metric | Stage | Literal["start"]
"""What contenders are compared in: a metric, a stage of the cold start, or the whole start."""
START_STAGES: tuple[Stage, ...] = get_args(Stage)
OF_A_WORKLOAD: tuple[Stage, ...] = ("build", "first_step")
"""Stages that every workload of a worker has, and the first one alone has cold."""


def block_seconds(block: Block, timed: Timed) -> float:
    """Return the median over a block's chunks of the seconds for one repetition, or what a stage took."""
    if timed == "start":
        return sum(block.stages.values())
    if timed in START_STAGES:
        return block.stages[timed]
    samples = chunks(block, timed)
    return median(samples.seconds) / samples.iterations


def chunks(block: Block, metric: str) -> Samples:
    """Return what a block has of one metric."""
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
    return median(all_seconds(data, timed))


def all_seconds(data: SpeedData, timed: Timed) -> list[float]:
    """Return what each block that measured it took."""
    if timed == "start" or timed in START_STAGES:
        return [block_seconds(block, timed) for block in data.blocks if measured(block, timed)]
    return [
        median(samples.seconds) / samples.iterations
        for block in data.blocks
        for samples in block.samples
        if samples.metric == timed
    ]


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


def first_epoch_seconds(data: SpeedData) -> float:
    """Return what the first epoch takes beyond its work, as when its program is compiled.

    The median over blocks that began cold. Of first calls with one epoch and with several the one that took
    the most, as a training has one of them; 0 where a record has none.
    """
    epoch = seconds(data, "epoch")
    found = [
        max(wall - count * epoch for count, wall in samples.first_calls.items())
        for block in data.blocks
        if not block.served_before
        for samples in block.samples
        if samples.metric == "epoch" and samples.first_calls
    ]
    return max(0.0, median(found)) if found else 0.0


def time_to_target(epochs: Sequence[float], data: SpeedData) -> float | None:
    """Return the median over trainings of the seconds until a target was reached.

    The start, what only the first epoch takes, and all epochs. None if the start was not measured.

    Parameters
    ----------
    epochs
        Epochs that each training took; infinite for one that never came there.
    """
    start = start_seconds(data)
    if start is None:
        return None
    return start + first_epoch_seconds(data) + median(epochs) * seconds(data, "epoch")
