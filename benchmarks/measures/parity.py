"""Parity: does a contender's training follow the same training in float64 NumPy, step by step?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
    "0.4 to 1.6 u sqrt(steps) on stable trainings; or, where that is more, 5 times the noise floor: how far "
    "NumPy itself drifts when each initial parameter moves by 4 u, or in float32 when one weight moves by "
    "one ULP, hidden units change places, or two threads compute"
)
PERTURBATIONS = 5
"""Trainings from moved parameters that make the noise floor; a ReLU on the edge of its kink takes the other
side in about every second one."""
NOISE_RATIO = 5.0
"""Differences up to this multiple of the noise floor are noise."""
CHAOS = 1e-2
"""A noise floor above this means that rounding errors have grown as large as the parameters themselves."""
VARIATIONS = ("one ULP", "permuted units", "two threads")
"""Changes that mean nothing, tried in float32; only rounding tells them apart."""
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
    tensors: tuple[tuple[str, int], ...] = ()
    """Name and size of each parameter in a flat array, such as `layer 1 kernel`."""


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
    variation: str = "",
) -> Path:
    """Train in the worker and return losses and parameters at the compared steps.

    Dropout takes NumPy's masks, the same in every backend. With a perturbation other than 0, each initial
    parameter first moves up or down by 4 u, as far as the tolerance allows after one step, in a direction
    drawn from that number. A variation is one of `VARIATIONS`; hidden units are put back before parameters
    are returned.
    """
    from benchmarks.measures.preparation import build, prepare

    prepared = prepare(data, model)
    backend, learner = build(session, prepared, device, prepared.model.seed, dtype=dtype, masks="shared")
    back = None
    if perturbation:
        learner.load_parameters(_moved(learner.parameters(), perturbation))
    elif variation == "one ULP":
        first, *others = learner.parameters()
        first.flat[0] = np.nextafter(first.flat[0], np.inf)
        learner.load_parameters([first, *others])
    elif variation == "permuted units":
        there, back = _permutations(learner.model, learner.parameters())
        learner.load_parameters(there)
    threads = backend.threads()
    if variation == "two threads":
        backend.set_threads(2)
    x, y = prepared.train
    order = prepared.order(steps + 1, prepared.model.seed)  # the last batch only shows the loss
    chosen, losses, parameters = compared_steps(steps), [], []
    for step in range(steps + 1):
        batch = order[step]
        if step in chosen:
            losses.append(learner.loss(x[batch], y[batch]))
            arrays = learner.parameters()
            if back:
                arrays = back(arrays)
            parameters.append(np.concatenate([array.ravel() for array in arrays]).astype(np.float64))
        if step < steps:
            learner.step(x[batch], y[batch])
        alive()
    if variation == "two threads":
        backend.set_threads(threads)
    probe = np.linspace(-3.0, 3.0, 13)
    true_float64 = bool(np.allclose(backend.activation("tanh", probe), np.tanh(probe), rtol=1e-14, atol=0.0))
    sizes = [math.prod(shape) for shape in learner.model.network.parameter_shapes]
    return Path(
        chosen, losses, parameters, true_float64, tuple(zip(_names(learner.model), sizes, strict=True))
    )


_UNEQUAL = ("glu", "softmax", "log_softmax", "sparsemax")
"""Activations in which a unit's place, or its row, counts."""


def _names(model: ModelSpec) -> list[str]:
    return [
        f"layer {number} {name}"
        for number, layer in enumerate(model.network.layers, start=1)
        for name in layer.parameters
    ]


def _permutations(
    model: ModelSpec, parameters: list[np.ndarray]
) -> tuple[list[np.ndarray], Callable[[list[np.ndarray]], list[np.ndarray]]]:
    """Return the parameters with hidden units in another order, and the function that puts them back.

    Layers whose units are no equals, those with dropout (masks stay where they are) and the last one keep
    their order.
    """
    random, before, layers = np.random.default_rng(8), None, model.network.layers
    rows: list[np.ndarray | None] = []
    columns: list[np.ndarray] = []
    for number, layer in enumerate(layers):
        fixed = number == len(layers) - 1 or layer.dropout or layer.activation.name in _UNEQUAL
        order = np.arange(layer.units) if fixed else random.permutation(layer.units)
        for name in layer.parameters:
            rows.append(before if name == "kernel" else None)
            columns.append(order)
        before = None if layer.activation.name == "glu" else order

    def moved(arrays: list[np.ndarray], inverse: bool) -> list[np.ndarray]:
        found = []
        for array, row, column in zip(arrays, rows, columns, strict=True):
            places = np.argsort(column) if inverse else column
            array = array[..., places]
            if row is not None:
                array = array[np.argsort(row) if inverse else row]
            found.append(array)
        return found

    return moved(parameters, False), lambda arrays: moved(arrays, True)


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
    varied: Mapping[str, Path] | None = None,
) -> ParityData:
    """Compare a contender's two trainings with the reference's float64 one.

    Parameters
    ----------
    perturbed
        Trainings of the reference from moved parameters, in float64.
    varied
        Trainings of the reference in float32 by what was changed, one of them under `float32`: with the
        perturbed ones they make the noise floor of float32.
    """
    varied = varied or {}
    floor = _noise_floor(reference, [*perturbed, *varied.values()])
    floors = {
        name: max(_noise_floor(reference, paths).values(), default=0.0)
        for name, paths in {
            "moved": list(perturbed),
            **{name: [path] for name, path in varied.items()},
        }.items()
        if paths
    }
    elements = [
        model.optimizer.name,
        model.loss.name,
        *(layer.activation.name for layer in model.network.layers),
    ]
    trajectories = [
        _compare(contender, elements, reference, float64, "float64", {}),
        _compare(contender, elements, reference, float32, "float32", floor).model_copy(
            update={"floors": floors or None}
        ),
    ]
    notes = []
    if model != model.without_dropout():
        notes.append("dropout takes masks drawn once, in NumPy, for every contender")
    chaotic = [step for step, noise in floor.items() if noise > CHAOS]
    if chaotic:
        notes.append(
            f"chaotic from step {chaotic[0]} on: rounding errors grow as large as the parameters, and "
            "comparing steps means nothing there; lower the learning rate, or compare results over seeds"
        )
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
        floor=[floor.get(drift.step, 0.0) for drift in drifts] if floor else None,
        ratio=_ratio(drifts, floor),
        drift=drifts,
        passed=not departures or known is not None,
        first_departure=departures[0] if departures else None,
        first_tensor=_furthest(reference, candidate, departures[0]) if departures else None,
        deviation=known,
    )


def _ratio(drifts: Sequence[Drift], floor: Mapping[int, float]) -> float | None:
    """Return the largest drift divided by the noise floor after the last step."""
    noise = floor.get(drifts[-1].step, 0.0)
    worst = max(max(each.loss, each.parameters) for each in drifts)
    return worst / noise if noise else None


def _furthest(reference: Path, candidate: Path, step: int) -> str | None:
    """Return the name of the parameter that is furthest off at that step, by the norm of its difference."""
    if not candidate.tensors:
        return None
    expected = reference.parameters[reference.steps.index(step)]
    difference = np.nan_to_num(candidate.parameters[candidate.steps.index(step)] - expected, nan=np.inf)
    ends = np.cumsum([size for _, size in candidate.tensors])[:-1]
    norms = [
        float(np.linalg.norm(part)) / max(float(np.linalg.norm(own)), SCALE_FLOOR)
        for part, own in zip(np.split(difference, ends), np.split(expected, ends), strict=True)
    ]
    return candidate.tensors[int(np.argmax(norms))][0]
