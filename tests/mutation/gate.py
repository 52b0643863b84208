"""What the parity gate says of one backend: elements, short trainings, and what a learner tells and does."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import datasets
from benchmarks.measures import elements, parity
from benchmarks.suite import load_suite
from implementations import AbstractBackend, ModelSpec, load_backend
from tests.conformance import probe

STEPS = 60
LIMIT = 1e-11
"""Of float64 results of small networks; the gate of trainings has its own."""

Answers = dict[str, Any]


def answers(backend: AbstractBackend) -> Answers:
    """Return what one backend computes."""
    paths = {}
    for workload in load_suite("parity").workloads:
        options = {key: value for key, value in workload.dataset.items() if key != "name"}
        data = datasets.load(workload.dataset["name"], **options)
        for dtype in ("float64", "float32"):
            paths[workload.name, dtype] = parity.compute(
                {"backend": backend},
                lambda: None,
                data=data,
                model=workload.model,
                device="cpu",
                dtype=dtype,
                steps=STEPS,
            )
    networks = {name: probe._network(backend, name, "float64") for name in probe.MODELS}
    return {
        "elements": elements.compute({"backend": backend}, lambda: None),
        "paths": paths,
        "networks": networks,
    }


def complaints(contender: str, expected: elements.Reference, reference: Answers, found: Answers) -> list[str]:
    """Return what the gate finds wrong, the elements first: each with its name."""
    told = [
        f"{each.name} {each.quantity} {each.dtype}"
        for each in elements.judge(contender, expected, found["elements"]).agreements
        if not each.passed
    ]
    for workload in load_suite("parity").workloads:
        data = parity.judge(
            contender,
            ModelSpec.from_dict({"inputs": [1], **workload.model}),
            reference["paths"][workload.name, "float64"],
            found["paths"][workload.name, "float64"],
            found["paths"][workload.name, "float32"],
        )
        told += [
            f"{workload.name} from step {each.first_departure} in {each.first_tensor}"
            for each in data.trajectories
            if not each.passed
        ]
    for name, network in found["networks"].items():
        for what, value in network.items():
            mine, theirs = _flat(value), _flat(reference["networks"][name][what])
            if not np.linalg.norm(mine - theirs) <= LIMIT * max(float(np.linalg.norm(theirs)), 1.0):
                told.append(f"{name}: {what}")
    return told


def _flat(value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple)):
        return np.concatenate([_flat(each) for each in value])
    return np.ravel(np.asarray(value, dtype=np.float64))


def write() -> None:
    """Write the answers of the backend that the command line names to the file that it names."""
    warnings.simplefilter("ignore")
    Path(sys.argv[2]).write_bytes(pickle.dumps(answers(load_backend(sys.argv[1]))))
