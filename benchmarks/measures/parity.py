"""Parity: does a contender's training follow the same training in float64 NumPy, step by step?

All parameters at a hundred steps are larger than anything else that a worker answers, so they go by a file,
of which the parent reads one step at a time.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset
from benchmarks.deviations import explanation
from benchmarks.measures import Alive, Session, precision
from benchmarks.result import Drift, ParityData, Trajectory
from implementations import ModelSpec, catalog

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
    "NumPy's drift grows when each initial parameter moves by 4 u, or how far it drifts in float32 when one "
    "weight moves by one ULP, hidden units change places, or two threads compute; parameters are never "
    "allowed more than 5 times the floor of their step"
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
ROUNDING = 0.4 * 2.0**-24
"""What rounding many numbers to float32 once does to them, relative to their norm: no drift is less."""
SUMS = 16
"""Random sums in which a record keeps a difference of all parameters: its norm is known to about 18 %."""
SCALE_FLOOR = 1.0
"""Losses and parameter norms below this are compared absolutely: near zero there are no digits to compare."""


@dataclass(frozen=True)
class Stored(Sequence[np.ndarray]):
    """The rows of an array in a file, each of which is read when it is asked for and kept by nobody."""

    file: pathlib.Path

    def __getitem__(self, index: Any) -> Any:
        """Read one row."""
        return np.array(np.load(self.file, mmap_mode="r")[index])

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(np.load(self.file, mmap_mode="r"))


@dataclass(frozen=True)
class Path:
    """Losses and parameters of one training at the compared steps."""

    steps: list[int]
    losses: list[float]
    parameters: Sequence[np.ndarray]
    """Flat, one array for each compared step."""
    leaks: Mapping[str, float] = field(default_factory=dict)
    """What `benchmarks.measures.precision` has found not to be float64, with its error."""
    tensors: tuple[tuple[str, int], ...] = ()
    """Name and size of each parameter in a flat array, such as `layer 1 kernel`."""
    threads: int = 1
    """With which it was computed, as the framework tells."""


@dataclass(frozen=True)
class Noise:
    """Trainings of the reference with changes that mean nothing: how far it drifts from itself.

    Parameters
    ----------
    moved
        In float64, each initial parameter moved by 4 u of float32.
    varied
        In float32, by what was changed: `VARIATIONS`, without `two threads` where there are not two.
    float32
        In float32 with nothing changed.
    float64
        In float64, one weight moved by one ULP of float64.
    """

    moved: Sequence[Path] = ()
    varied: Mapping[str, Path] = field(default_factory=dict)
    float32: Path | None = None
    float64: Path | None = None


@dataclass(frozen=True)
class Floors:
    """What remains of the noise when its trainings are forgotten, which takes a hundredth of their memory.

    Parameters
    ----------
    float32, float64
        Compared step -> the largest drift so far.
    by_cause
        Of float32, the largest by what was changed.
    judged_until
        Last step at which float64 is judged, where one ULP grows too large; else None.
    of_pairs
        Of two float32 trainings of the reference, at each compared step.
    """

    float32: Mapping[int, Drift] = field(default_factory=dict)
    float64: Mapping[int, Drift] = field(default_factory=dict)
    by_cause: Mapping[str, float] = field(default_factory=dict)
    judged_until: int | None = None
    of_pairs: list[float] | None = None


def compared_steps(steps: int) -> list[int]:
    """Return 0, the first few, then every tenth, and the last step.

    Examples
    --------
    >>> compared_steps(25)
    [0, 1, 2, 5, 10, 20, 25]
    """
    return sorted({step for step in (0, 1, 2, 5, *range(10, steps, 10), steps) if step <= steps})


def write(session: Session, alive: Alive, *, file: pathlib.Path, **training: Any) -> Path:
    """Train in the worker, as `compute` does, and leave the parameters in a file."""
    path = compute(session, alive, **training)
    np.save(file, np.stack(path.parameters))
    return replace(path, parameters=Stored(file))


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
    """Train and return losses and parameters at the compared steps.

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
        # of the last kernel, whose inputs are no pixels that are 0 in every image
        parameters = learner.parameters()
        kernel = [
            array for name, array in zip(_names(learner.model), parameters, strict=True) if "kernel" in name
        ][-1]
        place = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
        kernel[place] = np.nextafter(kernel[place], kernel.dtype.type(np.inf))
        learner.load_parameters(parameters)
    elif variation == "permuted units":
        there, back = _permutations(learner.model, learner.parameters())
        learner.load_parameters(there)
    before = backend.threads()
    if variation == "two threads":
        backend.set_threads(2)
    threads = backend.threads()
    x, y = prepared.train
    order = prepared.order(steps + 1, prepared.model.seed)  # the last batch only shows the loss
    chosen, losses, flat = compared_steps(steps), [], []
    for step in range(steps + 1):
        batch = order[step]
        if step in chosen:
            losses.append(learner.loss(x[batch], y[batch]))
            arrays = learner.parameters()
            if back:
                arrays = back(arrays)
            flat.append(np.concatenate([array.ravel() for array in arrays]).astype(np.float64))
        if step < steps:
            learner.step(x[batch], y[batch])
        alive()
    if variation == "two threads":
        backend.set_threads(before)
    leaks: dict[str, float] = {}
    if dtype == "float64":
        if "float64" not in session:
            session["float64"] = precision.leaks(precision.errors(backend, device))
        leaks = session["float64"]
    sizes = [math.prod(shape) for shape in learner.model.network.parameter_shapes]
    return Path(chosen, losses, flat, leaks, tuple(zip(_names(learner.model), sizes, strict=True)), threads)


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
        of_rows = not catalog.ACTIVATIONS[layer.activation.name].exact
        fixed = number == len(layers) - 1 or layer.dropout or of_rows
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


def noise(train: Callable[..., Path], float32_steps: int, float64_steps: int) -> Noise:
    """Train the reference with changes that mean nothing.

    Parameters
    ----------
    train
        Does what `compute` does, given its `dtype`, `steps`, `perturbation` and `variation` by name.
    """
    short, long = partial(train, steps=float32_steps), partial(train, steps=float64_steps)
    varied = {name: short(dtype="float32", variation=name) for name in VARIATIONS}
    if varied["two threads"].threads != 2:
        del varied["two threads"]  # a BLAS that cannot be told has computed nothing else
    return Noise(
        moved=[short(dtype="float64", perturbation=number) for number in range(1, PERTURBATIONS + 1)],
        varied=varied,
        float32=short(dtype="float32"),
        float64=long(dtype="float64", variation="one ULP"),
    )


def floors(reference: Path, noise: Noise) -> Floors:
    """Return how far the reference drifts from itself."""
    moved = [_grown(_drifts(reference, path)) for path in noise.moved]
    varied = {name: _drifts(reference, path) for name, path in noise.varied.items()}
    float64 = _largest_so_far([_drifts(reference, noise.float64)] if noise.float64 else [])
    of_pairs = None
    if noise.float32 and noise.varied:
        apart = _largest_so_far([*moved, *(_drifts(noise.float32, path) for path in noise.varied.values())])
        of_pairs = [max(each.parameters, ROUNDING) for each in apart.values()]
    return Floors(
        float32=_largest_so_far([*moved, *varied.values()]),
        float64=float64,
        by_cause={
            name: max(map(_worse, _largest_so_far(drifts).values()))
            for name, drifts in {"moved": moved, **{name: [each] for name, each in varied.items()}}.items()
            if drifts
        },
        judged_until=_judged_until(float64),
        of_pairs=of_pairs,
    )


def judge(
    contender: str,
    model: ModelSpec,
    reference: Path,
    float64: Path,
    float32: Path,
    floors: Floors | None = None,
) -> ParityData:
    """Compare a contender's two trainings with the reference's float64 one.

    Float32 is judged by its tolerance or the noise floor, whichever is more, and its parameters by the noise
    floor of each step in any case: what is above 5 times that is another computation. Float64 is judged as
    long as one ULP, grown with the training, leaves room for that, and float32 until rounding errors are a
    hundredth of the parameters: where not, differences are told only.
    """
    floors = floors or Floors()
    floor, judged_until = floors.float32, floors.judged_until
    chaotic = [step for step, drift in floor.items() if drift.parameters > CHAOS]
    orderly = [step for step in floor if step < chaotic[0]] if chaotic else []
    elements = elements_of(model)
    trajectories = [
        _compare(contender, elements, reference, float64, "float64", floors.float64, judged_until),
        _compare(
            contender, elements, reference, float32, "float32", floor, max(orderly, default=None)
        ).model_copy(update={"floors": dict(floors.by_cause) or None, "pair_floor": floors.of_pairs}),
    ]
    notes = []
    if model != model.without_dropout():
        notes.append("dropout takes masks drawn once, in NumPy, for every contender")
    if chaotic:
        notes.append(
            f"chaotic from step {chaotic[0]} on: rounding errors grow as large as the parameters, and "
            "comparing steps means nothing there, so that float32 is judged before; lower the learning rate, "
            "or compare results over seeds"
        )
    if judged_until is not None:
        notes.append(
            f"in float64 judged up to step {judged_until} only: from there on one ULP grows beyond "
            f"{FLOAT64_TOLERANCE / NOISE_RATIO:.0e}, and the tolerance means nothing"
        )
    if not np.isfinite(reference.losses).all():
        notes.append(
            "the reference diverges, so that rounding errors grow without bound: lower the learning rate"
        )
    if float64.leaks:
        told = ", ".join(f"{name} {error:.0e}" for name, error in float64.leaks.items())
        notes.append(f"{contender} does not compute float64 in float64: {told}")
    return ParityData(
        reference="numpy float64",
        true_float64=not float64.leaks,
        float64_leaks=dict(float64.leaks) or None,
        trajectories=trajectories,
        passed=not float64.leaks and all(trajectory.passed for trajectory in trajectories),
        notes=notes,
    )


def elements_of(model: ModelSpec) -> list[str]:
    """Return the names of optimizer, loss and activations."""
    activations = (layer.activation.name for layer in model.network.layers)
    return [model.optimizer.name, model.loss.name, *activations]


def tolerance(dtype: DType, step: int, noise: float = 0.0) -> float:
    """Return the largest relative drift that counts as the same computation after so many steps."""
    if dtype == "float64":
        return FLOAT64_TOLERANCE
    return max(FLOAT32_TOLERANCE_PER_ROOT_STEP * float(np.sqrt(max(step, 1))), NOISE_RATIO * noise)


def _largest_so_far(trainings: Sequence[Sequence[Drift]]) -> dict[int, Drift]:
    """Return for each compared step the largest drifts up to it among the trainings: a noise floor."""
    floor: dict[int, Drift] = {}
    loss = parameters = 0.0
    for drifts in zip(*trainings, strict=True):
        # one that is no number leaves the floor where it is, so that nothing passes because of it
        loss = max([loss, *filter(math.isfinite, (each.loss for each in drifts))])
        parameters = max([parameters, *filter(math.isfinite, (each.parameters for each in drifts))])
        floor[drifts[0].step] = Drift(step=drifts[0].step, loss=loss, parameters=parameters)
    return floor


def _grown(drifts: Sequence[Drift]) -> list[Drift]:
    """Return by how much drifts are more than the first: a distance at the start is no noise of training."""
    first = drifts[0]
    return [
        Drift(
            step=each.step,
            loss=max(0.0, each.loss - first.loss),
            parameters=max(0.0, each.parameters - first.parameters),
        )
        for each in drifts
    ]


def _worse(drift: Drift) -> float:
    return max(drift.loss, drift.parameters)


def _judged_until(floor: Mapping[int, Drift]) -> int | None:
    """Return the last step before one ULP has grown too large to judge float64; None if it never does."""
    last = 0
    for step, drift in floor.items():
        if NOISE_RATIO * _worse(drift) > FLOAT64_TOLERANCE:
            return last
        last = step
    return None


def _norm(array: np.ndarray) -> float:
    # not by BLAS, whose threads in the parent would spin while they wait for the workers' cores
    return math.sqrt(np.square(array).sum())


def _drifts(reference: Path, candidate: Path) -> list[Drift]:
    """Return the candidate's distances from the reference at the compared steps."""
    drifts = []
    at = {step: index for index, step in enumerate(reference.steps)}
    for index, step in enumerate(candidate.steps):
        expected = reference.parameters[at[step]]
        scale = max(_norm(expected), SCALE_FLOOR)
        loss = abs(candidate.losses[index] - reference.losses[at[step]])
        loss /= max(abs(reference.losses[at[step]]), SCALE_FLOOR)
        distance = _norm(candidate.parameters[index] - expected) / scale
        drifts.append(Drift(step=step, loss=loss, parameters=distance))
    return drifts


def _compare(
    contender: str,
    elements: list[str],
    reference: Path,
    candidate: Path,
    dtype: DType,
    floor: Mapping[int, Drift],
    judged_until: int | None = None,
) -> Trajectory:
    drifts = _drifts(reference, candidate)
    noise = [_worse(floor[drift.step]) if floor else 0.0 for drift in drifts]
    tolerances = [tolerance(dtype, drift.step, each) for drift, each in zip(drifts, noise, strict=True)]
    least = ROUNDING if dtype == "float32" else 0.0
    drawn = [max(floor[drift.step].parameters, least) for drift in drifts] if floor else None
    semantic = [NOISE_RATIO * each for each in drawn] if drawn and dtype == "float32" else tolerances
    judged = [drift for drift in drifts if judged_until is None or drift.step <= judged_until]
    # "not within" instead of "beyond": NaN is within nothing
    departures = [
        drift.step
        for drift, allowed, noticed in zip(judged, tolerances, semantic, strict=False)
        if not (drift.loss <= allowed and drift.parameters <= min(allowed, noticed))
    ]
    ratio, ratio_step = None, None
    if drawn and dtype == "float32" and judged[-1].step:
        ratio, ratio_step = _ratio(judged, drawn[: len(judged)])
    known = None
    if departures:
        worst = float(np.max([[each.loss, each.parameters] for each in judged]))
        known = explanation(contender, elements, "training", dtype, worst)
    return Trajectory(
        dtype=dtype,
        steps=candidate.steps[-1],
        tolerance=tolerances[-1],
        tolerance_reason=FLOAT64_REASON if dtype == "float64" else FLOAT32_REASON,
        noise_floor=noise[-1] if floor else None,
        floor=drawn,
        ratio=ratio,
        ratio_step=ratio_step,
        judged_until=judged_until,
        drift=drifts,
        sums=list(_sums(reference, candidate)),
        passed=not departures or known is not None,
        first_departure=departures[0] if departures else None,
        first_tensor=_furthest(reference, candidate, departures[0]) if departures else None,
        deviation=known,
    )


def _ratio(drifts: Sequence[Drift], floor: Sequence[float]) -> tuple[float, int]:
    """Return the largest multiple of the noise floor that the parameters drift at any step, and that step."""
    ratios = [drift.parameters / noise for drift, noise in zip(drifts, floor, strict=True)]
    worst = int(np.argmax(np.nan_to_num(ratios, nan=np.inf)))
    return ratios[worst], drifts[worst].step


def _sums(reference: Path, candidate: Path) -> Iterable[list[float]]:
    """Yield for each compared step the difference of the parameters in a few random sums.

    Each number goes with a random sign into one of the sums, the same one for every contender, so that the
    distance of two contenders' sums has on average the square of the distance of their parameters (Charikar,
    Chen, Farach-Colton 2002). Four digits keep what two contenders have apart.
    """
    random, size = np.random.default_rng(16), len(reference.parameters[0])
    places, signs = random.integers(SUMS, size=size), random.choice([-1.0, 1.0], size)
    at = {step: index for index, step in enumerate(reference.steps)}
    for step, parameters in zip(candidate.steps, candidate.parameters, strict=True):
        expected = reference.parameters[at[step]]
        scale = max(_norm(expected), SCALE_FLOOR)
        sums = np.bincount(places, signs * (parameters - expected) / scale, SUMS)
        yield [float(f"{each:.3e}") for each in sums]


def _furthest(reference: Path, candidate: Path, step: int) -> str | None:
    """Return the name of the parameter that is furthest off at that step, by the norm of its difference."""
    if not candidate.tensors:
        return None
    expected = reference.parameters[reference.steps.index(step)]
    difference = np.nan_to_num(candidate.parameters[candidate.steps.index(step)] - expected, nan=np.inf)
    ends = np.cumsum([size for _, size in candidate.tensors])[:-1]
    norms = [
        _norm(part) / max(_norm(own), SCALE_FLOOR)
        for part, own in zip(np.split(difference, ends), np.split(expected, ends), strict=True)
    ]
    return candidate.tensors[int(np.argmax(norms))][0]
