"""What `versus parity` and the project's tests say of the sources that they run in.

`python -c "from tests.mutation.gate import main; main()" answer BACKEND FOLDER` keeps what a contender of the
clean sources computes; `judge BACKEND FOLDER FILE`, in a copy with a fault, writes what is complained of.
What is complained of without a fault, `clean` tells.

In a run of `versus parity` every contender meets the same NumPy. Where the fault is in NumPy, so is the
reference, and it is for the others to disagree: PyTorch does, with the answers of the clean sources.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks import datasets
from benchmarks.measures import elements, parity
from benchmarks.measures.elements.expected import exact_answer
from benchmarks.suite import load_suite
from implementations import AbstractBackend, ModelSpec, catalog, load_backend
from tests.conformance import probe

STEPS = 60
LIMIT = 1e-11
"""Of float64 results of small networks; the gate of trainings has its own."""
WITNESS = "torch"
"""Who meets a faulty NumPy: it has every element in every convention, and takes a tenth of Keras's time."""
By = Literal["parity", "tests"]


@dataclass(frozen=True)
class Complaint:
    """That something differs.

    Parameters
    ----------
    identity
        Kind, name and quantity of an element (`activation relu gradient`), a training with the step and the
        tensor where it departs, or a network and what was asked of it.
    contender
        Who differs from the reference, which is no proof of whose fault it is.
    by
        Whether a user of `versus parity` is told, or only who runs the tests.
    """

    identity: str
    contender: str
    by: By


@dataclass
class Answers:
    """What one contender computes; `expected` and `floors`, by workload, from NumPy alone."""

    computed: elements.Computed
    paths: dict[tuple[str, parity.DType], parity.Path]
    networks: dict[str, dict[str, Any]]
    expected: elements.Reference = field(default_factory=dict)
    floors: dict[str, parity.Floors] = field(default_factory=dict)


def answers(backend: AbstractBackend) -> Answers:
    """Return what one backend computes."""
    paths: dict[tuple[str, parity.DType], parity.Path] = {}
    floors: dict[str, parity.Floors] = {}
    for workload in load_suite("parity").workloads:
        options = {key: value for key, value in workload.dataset.items() if key != "name"}
        data = datasets.load(workload.dataset["name"], **options)
        train = partial(
            parity.compute, {"backend": backend}, lambda: None, data=data, model=workload.model, device="cpu"
        )
        for dtype in elements.DTYPES:
            paths[workload.name, dtype] = train(dtype=dtype, steps=STEPS)
        if backend.name == "numpy":
            noise = parity.noise(train, STEPS, STEPS)
            floors[workload.name] = parity.floors(paths[workload.name, "float64"], noise)
    networks = {name: probe._network(backend, name, "float64") for name in probe.MODELS}
    return Answers(elements.compute({"backend": backend}, lambda: None), paths, networks, floors=floors)


def complaints(contender: str, reference: Answers, found: Answers) -> Iterator[Complaint]:
    """Yield what is wrong with a contender's answers, in the order of the report."""
    for each in elements.judge(contender, reference.expected, found.computed).agreements:
        if not each.passed:
            yield Complaint(f"{each.kind} {each.name} {each.quantity}", contender, "parity")
    for workload in load_suite("parity").workloads:
        data = parity.judge(
            contender,
            ModelSpec.from_dict({"inputs": [1], **workload.model}),
            reference.paths[workload.name, "float64"],
            found.paths[workload.name, "float64"],
            found.paths[workload.name, "float32"],
            reference.floors[workload.name],
        )
        for probed in data.float64_leaks or ():
            yield Complaint(f"float64 {probed}", contender, "parity")
        departed = [path for path in data.trajectories if not path.passed]  # float64 comes first
        for path in departed[:1]:
            where = f"from step {path.first_departure} in {path.first_tensor}"
            yield Complaint(f"training {workload.name} {where}", contender, "parity")
    for name, network in found.networks.items():
        for what, value in network.items():
            mine, theirs = _flat(value), _flat(reference.networks[name][what])
            if not np.linalg.norm(mine - theirs) <= LIMIT * max(float(np.linalg.norm(theirs)), 1.0):
                yield Complaint(f"network {name}: {what}", contender, "tests")


def answer(contender: str, folder: Path) -> None:
    """Keep what a contender computes, and of NumPy what should come out."""
    backend = load_backend(contender)
    found = answers(backend)
    if contender == "numpy":
        found.expected = elements.expect({"backend": backend}, lambda: None)
    (folder / contender).write_bytes(pickle.dumps(found))


def judge(contender: str, folder: Path, *, shared: bool = False) -> list[Complaint]:
    """Return what is complained of where a contender has a fault, or what all contenders share has one."""
    backend = load_backend(contender)
    own, clean = answers(backend), _kept(folder, "numpy")
    if contender != "numpy":
        return list(complaints(contender, clean, own))
    if shared:
        own.expected = elements.expect({"backend": backend}, lambda: None)
        witness = answers(load_backend(WITNESS))
    else:
        own.expected = {
            key: expected if _by_formula(key[0]) else exact_answer(backend, *key, False)
            for key, expected in clean.expected.items()
        }
        witness = _kept(folder, WITNESS)
    return [*complaints(contender, own, own), *complaints(WITNESS, own, witness)]


def clean(folder: Path) -> list[Complaint]:
    """Return what is complained of where nothing has a fault, of all whose answers are kept."""
    reference = _kept(folder, "numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            complaint
            for contender in sorted(path.name for path in folder.iterdir())
            for complaint in complaints(contender, reference, _kept(folder, contender))
        ]


def _by_formula(variant: elements.Variant) -> bool:
    """Return whether the NumPy backend has no part in what should come out."""
    if variant.kind in ("activation", "loss"):
        table = catalog.ACTIVATIONS if variant.kind == "activation" else catalog.LOSSES
        return bool(table[variant.element].exact)
    return variant.kind in ("layer", "product")


def _kept(folder: Path, contender: str) -> Answers:
    kept: Answers = pickle.loads((folder / contender).read_bytes())
    return kept


def _flat(value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple)):
        return np.concatenate([_flat(each) for each in value])
    return np.ravel(np.asarray(value, dtype=np.float64))


def main() -> None:
    """Run the command."""
    warnings.simplefilter("ignore")
    what, contender, folder, *rest = sys.argv[1:]
    if what == "answer":
        answer(contender, Path(folder))
        return
    told = judge(contender, Path(folder), shared="shared" in rest)
    Path(rest[0]).write_text(json.dumps([asdict(each) for each in told]), encoding="utf-8")
