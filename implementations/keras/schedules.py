"""Learning-rate schedules: `name(options)` returns Keras's schedule; formulas stand in the catalogue."""

from __future__ import annotations

from keras.optimizers.schedules import CosineDecay, ExponentialDecay, LearningRateSchedule


def step(*, initial_learning_rate: float, decay_steps: float, decay_rate: float) -> LearningRateSchedule:
    return ExponentialDecay(initial_learning_rate, decay_steps, decay_rate, staircase=True)


def exponential(
    *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LearningRateSchedule:
    return ExponentialDecay(initial_learning_rate, decay_steps, decay_rate)


def cosine(*, initial_learning_rate: float, decay_steps: float, alpha: float) -> LearningRateSchedule:
    return CosineDecay(initial_learning_rate, decay_steps, alpha)
