"""Learning-rate schedules: `name(options)` returns Keras's schedule; formulas stand in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from keras.callbacks import ReduceLROnPlateau
from keras.optimizers import Optimizer
from keras.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def step(*, initial_learning_rate: float, decay_steps: float, decay_rate: float) -> LearningRateSchedule:
    return ExponentialDecay(initial_learning_rate, decay_steps, decay_rate, staircase=True)


def exponential(
    *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LearningRateSchedule:
    return ExponentialDecay(initial_learning_rate, decay_steps, decay_rate)


def cosine(*, initial_learning_rate: float, decay_steps: float, alpha: float) -> LearningRateSchedule:
    return CosineDecay(initial_learning_rate, decay_steps, alpha)


def polynomial(
    *, initial_learning_rate: float, decay_steps: float, end_learning_rate: float, power: float
) -> LearningRateSchedule:
    return PolynomialDecay(initial_learning_rate, decay_steps, end_learning_rate, power)


def cosine_restarts(
    *, initial_learning_rate: float, first_decay_steps: float, t_mul: float, m_mul: float, alpha: float
) -> LearningRateSchedule:
    return CosineDecayRestarts(initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha)


def inverse_time(
    *, initial_learning_rate: float, decay_steps: float, decay_rate: float
) -> LearningRateSchedule:
    return InverseTimeDecay(initial_learning_rate, decay_steps, decay_rate)


def piecewise_constant(*, boundaries: Sequence[float], values: Sequence[float]) -> LearningRateSchedule:
    return PiecewiseConstantDecay(list(boundaries), list(values))


def linear_warmup(
    *, initial_learning_rate: float, warmup_target: float, warmup_steps: float
) -> LearningRateSchedule:
    return PolynomialDecay(initial_learning_rate, warmup_steps, warmup_target)  # a line, upwards


def reduce_on_plateau(*, initial_learning_rate: float, **options: float) -> float:
    return initial_learning_rate  # which `Plateau` changes


class Plateau:
    """Keras's callback, told the losses by hand."""

    def __init__(
        self, optimizer: Optimizer, *, factor: float, patience: float, min_delta: float, min_lr: float
    ) -> None:
        self._callback = ReduceLROnPlateau(
            "val_loss", factor, patience, mode="min", min_delta=min_delta, min_lr=min_lr
        )
        self._callback.set_model(SimpleNamespace(optimizer=optimizer))
        self._callback.on_train_begin()

    def observe(self, loss: float) -> None:
        self._callback.on_epoch_end(0, {"val_loss": loss})
