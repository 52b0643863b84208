"""Parity: does a contender's training follow the same training in float64 NumPy, step by step?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "0.4 to 1.6 u sqrt(steps) on stable trainings; or, where that is more, 5 times the noise floor: what "
    "becomes of float64 NumPy itself when each initial parameter moves by 4 u"
)
PERTURBATIONS = 5
"""Trainings from moved parameters that make the noise floor; a ReLU on the edge of its kink takes the other
side in about every second one."""
NOISE_RATIO = 5.0
"""Differences up to this multiple of the noise floor are noise."""
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
    perturbation: int = 0,
) -> Path:
    """Train in the worker and return losses and parameters at the compared steps. Dropout is off.

    With a perturbation other than 0, each initial parameter first moves up or down by 4 u, as far as the
    tolerance allows after one step, in a direction drawn from that number.
    """
    from benchmarks.measures.preparation import build, prepare

    prepared = prepare(data, model)
    layers = prepared.model.without_dropout().to_dict()["layers"]
    backend, learner = build(session, prepared, device, prepared.model.seed, dtype=dtype, layers=layers)
    if perturbation:
        learner.load_parameters(_moved(learner.parameters(), perturbation))
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


def _moved(parameters: list[np.ndarray], perturbation: int) -> list[np.ndarray]:
    random = np.random.default_rng([perturbation, 9])
    return [array * (1 + 4 * 2.0**-24 * random.choice([-1.0, 1.0], array.shape)) for array in parameters]


def judge(
    contender: str,
    model: ModelSpec,
    reference: Path,
    float64: Path,
    float32: Path,
    perturbed: Sequence[Path] = (),
) -> ParityData:
    """Compare a contender's two trainings with the reference's float64 one.

    Parameters
    ----------
    perturbed
        Trainings of the reference from moved parameters, which make the noise floor of float32.
    """
    floor = _noise_floor(reference, perturbed)
    elements = [
        model.optimizer.name,
        model.loss.name,
        *(layer.activation.name for layer in model.network.layers),
    ]
    trajectories = [
        _compare(contender, elements, reference, float64, "float64", {}),
        _compare(contender, elements, reference, float32, "float32", floor),
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


def tolerance(dtype: DType, step: int, noise: float = 0.0) -> float:
    """Return the largest relative drift that counts as the same computation after so many steps."""
    if dtype == "float64":
        return FLOAT64_TOLERANCE
    return max(FLOAT32_TOLERANCE_PER_ROOT_STEP * float(np.sqrt(max(step, 1))), NOISE_RATIO * noise)


def _noise_floor(reference: Path, perturbed: Sequence[Path]) -> dict[int, float]:
    """Return for each compared step the largest drift so far among the perturbed trainings."""
    floor: dict[int, float] = {}
    largest = 0.0
    for drifts in zip(*(_drifts(reference, path) for path in perturbed), strict=True):
        worst = [max(each.loss, each.parameters) for each in drifts]
        # one that is no number leaves the floor where it is, so that nothing passes because of it
        largest = max([largest, *filter(np.isfinite, worst)])
        floor[drifts[0].step] = largest
    return floor


def _drifts(reference: Path, candidate: Path) -> list[Drift]:
    """Return the candidate's distances from the reference at the compared steps."""
    drifts = []
    at = {step: index for index, step in enumerate(reference.steps)}
    for index, step in enumerate(candidate.steps):
        expected = reference.parameters[at[step]]
        scale = max(float(np.linalg.norm(expected)), SCALE_FLOOR)
        loss = abs(candidate.losses[index] - reference.losses[at[step]])
        loss /= max(abs(reference.losses[at[step]]), SCALE_FLOOR)
        distance = float(np.linalg.norm(candidate.parameters[index] - expected)) / scale
        drifts.append(Drift(step=step, loss=loss, parameters=distance))
    return drifts


def _compare(
    contender: str,
    elements: list[str],
    reference: Path,
    candidate: Path,
    dtype: DType,
    floor: Mapping[int, float],
) -> Trajectory:
    drifts = _drifts(reference, candidate)
    tolerances = [tolerance(dtype, drift.step, floor.get(drift.step, 0.0)) for drift in drifts]
    # "not within" instead of "beyond": NaN is within nothing
    departures = [
        drift.step
        for drift, allowed in zip(drifts, tolerances, strict=True)
        if not (drift.loss <= allowed and drift.parameters <= allowed)
    ]
    known = None
    if departures:
        worst = float(np.max([[each.loss, each.parameters] for each in drifts]))
        known = explanation(contender, elements, "training", dtype, worst)
    return Trajectory(
        dtype=dtype,
        steps=candidate.steps[-1],
        tolerance=tolerances[-1],
        tolerance_reason=FLOAT64_REASON if dtype == "float64" else FLOAT32_REASON,
        noise_floor=floor.get(candidate.steps[-1]),
        drift=drifts,
        passed=not departures or known is not None,
        first_departure=departures[0] if departures else None,
        deviation=known,
    )
