"""Parity: does a contender's training follow the same training in float64 NumPy, step by step?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset
from benchmarks.deviations import explanation
from benchmarks.measures import Alive, Session
from benchmarks.result import Drift, ParityData, Trajectory
from implementations import ModelSpec

DType = Literal["float32", "float64"]

FLOAT64_TOLERANCE = 1e-12
FLOAT64_REASON = (
    "1e-12: five implementations stay within 1e-14 of each other over 5000 steps of a stable training; "
    "a constant rounded to float32 shows as 1e-9 or more"
)
FLOAT32_TOLERANCE_PER_ROOT_STEP = 4 * 2.0**-24
FLOAT32_REASON = (
    "4 u sqrt(steps), u = 2^-24: rounding errors of single steps add up like a random walk, measured at "
    "0.4 to 1 u sqrt(steps) on stable trainings"
)
SCALE_FLOOR = 1.0
"""Losses and parameter norms below this are compared absolutely: near zero there are no digits to compare."""


@dataclass(frozen=True)
class Path:
    """Losses and parameters of one training at the compared steps."""

    steps: list[int]
    losses: list[float]
    parameters: list[np.ndarray]
    """Flat, one array for each compared step."""
    true_float64: bool


def compared_steps(steps: int) -> list[int]:
    """Return 0, the first few, then every tenth, and the last step.

    Examples
    --------
    >>> compared_steps(25)
    [0, 1, 2, 5, 10, 20, 25]
    """
    return sorted({step for step in (0, 1, 2, 5, *range(10, steps, 10), steps) if step <= steps})


def compute(
    session: Session,
    alive: Alive,
    *,
    data: Dataset,
    model: dict[str, Any],
    device: Literal["cpu", "gpu"],
    dtype: DType,
    steps: int,
) -> Path:
    """Train in the worker and return losses and parameters at the compared steps. Dropout is off."""
    from benchmarks.measures.preparation import build, prepare

    prepared = prepare(data, model)
    layers = prepared.model.without_dropout().to_dict()["layers"]
    backend, learner = build(session, prepared, device, prepared.model.seed, dtype=dtype, layers=layers)
    x, y = prepared.train
    order = prepared.order(steps + 1, prepared.model.seed)  # the last batch only shows the loss
    chosen, losses, parameters = compared_steps(steps), [], []
    for step in range(steps + 1):
        batch = order[step]
        if step in chosen:
            losses.append(learner.loss(x[batch], y[batch]))
            parameters.append(
                np.concatenate([array.ravel() for array in learner.parameters()]).astype(np.float64)
            )
        if step < steps:
            learner.step(x[batch], y[batch])
        alive()
    probe = np.linspace(-3.0, 3.0, 13)
    true_float64 = bool(np.allclose(backend.activation("tanh", probe), np.tanh(probe), rtol=1e-14, atol=0.0))
    return Path(chosen, losses, parameters, true_float64)


def judge(contender: str, model: ModelSpec, reference: Path, float64: Path, float32: Path) -> ParityData:
    """Compare a contender's two trainings with the reference's float64 one."""
    elements = [
        model.optimizer.name,
        model.loss.name,
        *(layer.activation.name for layer in model.network.layers),
    ]
    trajectories = [
        _compare(contender, elements, reference, float64, "float64"),
        _compare(contender, elements, reference, float32, "float32"),
    ]
    notes = []
    if model != model.without_dropout():
        notes.append("compared with dropout off: every framework draws its own masks")
    if not np.isfinite(reference.losses).all():
        notes.append(
            "the reference diverges, so that rounding errors grow without bound: lower the learning rate"
        )
    if not float64.true_float64:
        notes.append("float64 inputs are not computed in float64")
    return ParityData(
        reference="numpy float64",
        true_float64=float64.true_float64,
        trajectories=trajectories,
        passed=float64.true_float64 and all(trajectory.passed for trajectory in trajectories),
        notes=notes,
    )


def tolerance(dtype: DType, step: int) -> float:
    """Return the largest relative drift that counts as the same computation after so many steps."""
    if dtype == "float64":
        return FLOAT64_TOLERANCE
    return FLOAT32_TOLERANCE_PER_ROOT_STEP * float(np.sqrt(max(step, 1)))


def _compare(
    contender: str, elements: list[str], reference: Path, candidate: Path, dtype: DType
) -> Trajectory:
    drift = []
    first_departure = None
    at = {step: index for index, step in enumerate(reference.steps)}
    for index, step in enumerate(candidate.steps):
        expected = reference.parameters[at[step]]
        scale = max(float(np.linalg.norm(expected)), SCALE_FLOOR)
        loss = abs(candidate.losses[index] - reference.losses[at[step]])
        loss /= max(abs(reference.losses[at[step]]), SCALE_FLOOR)
        distance = float(np.linalg.norm(candidate.parameters[index] - expected)) / scale
        drift.append(Drift(step=step, loss=loss, parameters=distance))
        within = loss <= tolerance(dtype, step) and distance <= tolerance(dtype, step)
        if not within and first_departure is None:  # also for NaN, which is within nothing
            first_departure = step
    known = None
    if first_departure is not None:
        worst = float(np.max([[each.loss, each.parameters] for each in drift]))
        known = explanation(contender, elements, "training", dtype, worst)
    return Trajectory(
        dtype=dtype,
        steps=candidate.steps[-1],
        tolerance=tolerance(dtype, candidate.steps[-1]),
        tolerance_reason=FLOAT64_REASON if dtype == "float64" else FLOAT32_REASON,
        drift=drift,
        passed=first_departure is None or known is not None,
        first_departure=first_departure,
        deviation=known,
    )
