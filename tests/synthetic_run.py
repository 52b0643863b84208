"""A made-up run with records of every measure, for tests of the read side."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

from benchmarks.result import (
    Agreement,
    Block,
    Calibration,
    CardData,
    Case,
    Curve,
    CurvesData,
    Drift,
    ElementsData,
    LimitData,
    Manifest,
    MemoryData,
    ParityData,
    ProfileData,
    Record,
    Samples,
    SpeedData,
    Spent,
    TestResult,
    Trajectory,
)
from benchmarks.store import RunStore

CONTENDERS = ("numpy", "torch", "keras-jax")
WORKLOADS = ("perceptron", "network")
SECONDS = {"numpy": 100e-6, "torch": 300e-6, "keras-jax": 50e-6}
STARTED = "2026-01-31T12:00:00+00:00"


def manifest(run: str = "made-up", **changes: Any) -> Manifest:
    """Return a manifest; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "run": run,
        "suite": "quick",
        "command": ["versus", "run"],
        "started": STARTED,
        "outcome": "finished",
        "contenders": list(CONTENDERS),
        "seed": 0,
        "settings": {"device": "cpu", "threads": 1, "workloads": [{"name": name} for name in WORKLOADS]},
        "environment": {
            "machine": {"processor": "abacus", "usable_cores": 2},
            "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
            "variables": {},
        },
    }
    return Manifest.model_validate(fields | changes)


def record(data: Any, contender: str, workload: str = "network", **case: Any) -> Record:
    """Return a finished record."""
    return Record(
        case=Case(suite="quick", workload=workload, measure=data.measure, contender=contender, **case),
        status="finished",
        started=STARTED,
        seconds=1.0,
        spec={},
        data=data,
    )


def parity(*, passed: bool = True, side: float = 0.0) -> ParityData:
    """Return trainings that drift; two whose sides differ by 1 are as far apart as each is from float64."""
    drifts = {"float64": 2e-16, "float32": 3e-7 if passed else 0.1}
    trajectories = [
        Trajectory(
            dtype=dtype,
            steps=100,
            tolerance=1e-12 if dtype == "float64" else 2e-6,
            tolerance_reason="made up",
            drift=[Drift(step=0, loss=0.0, parameters=0.0), Drift(step=100, loss=drift, parameters=drift)],
            sums=[[0.0, 0.0], [drift, side * drift]],
            pair_floor=[2e-8, 1e-7] if dtype == "float32" else None,
            passed=passed or dtype == "float64",
            first_departure=None if passed or dtype == "float64" else 100,
        )
        for dtype, drift in drifts.items()
    ]
    return ParityData(reference="numpy float64", true_float64=True, trajectories=trajectories, passed=passed)


def speed(
    seconds: float, *, blocks: int = 6, noise: float = 0.01, start_noise: float = 0.0, seed: int = 0
) -> SpeedData:
    """Return blocks whose chunks of 1000 steps take about `seconds` a step, and an epoch ten steps."""
    luck, start_luck = random.Random(seed), random.Random(seed)

    def samples(metric: Any, tier: Any, steps: int) -> Samples:
        chunks = [1000 * steps * seconds * luck.gauss(1, noise) for _ in range(5)]
        return Samples(metric=metric, tier=tier, iterations=1000, examples=64 * steps, seconds=chunks)

    return SpeedData(
        blocks=[
            Block(
                index=index,
                stages={
                    "spawn": 0.1,
                    "import": start_luck.lognormvariate(0.0, start_noise),
                    "build": 0.1,
                    "first_step": 0.1,
                },
                warm_up_steps=10,
                idle_workers="frozen",
                threads_seen=1,
                cpu_per_wall=1.0,
                samples=[samples("train_step", "loop", 1), samples("epoch", "idiomatic", 10)],
            )
            for index in range(blocks)
        ],
        stopped_by="all blocks done",
    )


def curve(
    seed: int = 0, dtype: Any = "float32", *, losses: tuple[float, ...] = (2.0, 1.0, 0.5), **changes: Any
) -> Curve:
    fields: dict[str, Any] = {
        "seed": seed,
        "dtype": dtype,
        "steps_per_epoch": 10,
        "train_loss": list(losses),
        "validation_loss": [loss + 0.1 for loss in losses],
        "train_accuracy": [0.1, 0.5, 1.0],
        "validation_accuracy": [0.1, 0.5, 0.9],
        "best_epoch": 2,
        "test": TestResult(loss=0.6, accuracy=0.95, correct=95, count=100),
    }
    return Curve.model_validate(fields | changes)


def curves() -> CurvesData:
    trained = [curve(seed) for seed in range(3)] + [curve(0, "float64")]
    return CurvesData(task="classification", curves=trained)


def memory() -> MemoryData:
    return MemoryData(
        method="made up", peak_bytes={"baseline": 10**7, "import": 10**8, "build": 10**8, "train": 2 * 10**8}
    )


def limit(**changes: Any) -> LimitData:
    """Return a step of 1 MFLOP and 10 kB, whose products take 50 µs, at roofs of 40 GFLOP/s and 1 GB/s."""
    fields: dict[str, Any] = {
        "dtype": "float32",
        "batch_size": 64,
        "widths": [64, 10],
        "parameters": 650,
        "flops": 10**6,
        "least_bytes": 10**4,
        "calibration": Calibration(
            threads_seen=1,
            products=[40e-6, 50e-6, 90e-6],
            square=[0.06, 0.05],
            square_size=1000,
            copying=[0.2, 0.1],
            copied_bytes=10**8,
            call=[1e-6],
        ),
    }
    return LimitData.model_validate(fields | changes)


def profile(**changes: Any) -> ProfileData:
    """Return a step of 10 µs, half of it in products, with a framework's own count of operations."""
    fields: dict[str, Any] = {
        "steps": 200,
        "python_calls": 12.0,
        "c_calls": 3.0,
        "functions": [
            Spent(name="a/b.py step", calls=1, seconds=15e-6),
            Spent(name="<len>", calls=3, seconds=5e-6),
        ],
        "function_seconds": 20e-6,
        "operations": [
            Spent(name="matmul", calls=2, seconds=5e-6, kind="product"),
            Spent(name="copy", calls=1, seconds=1e-6, kind="copy"),
            Spent(name="add", calls=4, seconds=2e-6, kind="other"),
        ],
        "operation_step_seconds": 10e-6,
    }
    return ProfileData.model_validate(fields | changes)


def elements(**changes: Any) -> ElementsData:
    fields: dict[str, Any] = {
        "kind": "activation",
        "name": "gelu",
        "quantity": "value",
        "dtype": "float64",
        "error": 1e-16,
        "tolerance": 3e-15,
        "passed": True,
    }
    agreement = Agreement.model_validate(fields | changes)
    return ElementsData(agreements=[agreement], passed=agreement.passed)


def write(folder: Path, *, slower: float = 1.0, **changes: Any) -> RunStore:
    """Write the whole run: keras-jax fails parity on `network`; its time there must never be shown."""
    store = RunStore.create(folder, manifest(folder.name, **changes))
    for number, contender in enumerate(CONTENDERS):
        store.write(record(elements(), contender, "elements"))
        for workload in WORKLOADS:
            failing = (contender, workload) == ("keras-jax", "network")
            for data in (
                parity(passed=not failing),
                curves(),
                speed(SECONDS[contender] * slower, seed=number),
                memory(),
            ):
                store.write(record(data, contender, workload))
    for workload in WORKLOADS:
        store.write(record(limit(), "numpy", workload))
    store.write(record(CardData(facts={"subnormal numbers": "are kept"}), "numpy", "elements"))
    store.write(record(profile(), "numpy"))
    store.write(record(profile(operations=None, operation_step_seconds=None), "keras-jax"))
    return store


def write_everything(folder: Path) -> RunStore:
    """Write a run with something of every measure, an experiment of the course and a grid."""
    store = write(folder)
    learned = curves()
    test = learned.curves[0].test
    assert test is not None
    confused = test.model_copy(update={"confusion": [[5, 1], [0, 4]]})
    tested = learned.curves[0].model_copy(update={"test": confused})
    store.write(record(learned.model_copy(update={"curves": [tested]}), "torch", "perceptron"))
    for level in ("0", "0.9"):
        for contender in ("numpy", "torch"):
            place = {"workload": f"m-{level}", "experiment": "momentum", "level": level}
            store.write(record(learned, contender, **place))
    for batch, seconds in ((1, {"numpy": 1e-5, "torch": 4e-5}), (16, {"numpy": 9e-5, "torch": 5e-5})):
        place = {"workload": f"grid-{batch}", "experiment": "batches"}
        store.write(record(limit(batch_size=batch), "numpy", **place))
        for contender, each in seconds.items():
            for data in (parity(), speed(each)):
                store.write(record(data, contender, **place))
    return store


def write_places(folder: Path) -> RunStore:
    """Write a run on two thread tracks and two devices, with a grid, and times so noisy that all tie."""
    store = RunStore.create(folder, manifest(folder.name))
    seeds = itertools.count()
    grid = {f"grid-{batch}": {"experiment": "batches"} for batch in (1, 16)}
    for threads, device in itertools.product((1, None), ("cpu", "gpu")):
        for workload in (*WORKLOADS, *grid):
            case = grid.get(workload, {})
            place: dict[str, Any] = {"workload": workload, "threads": threads, "device": device, **case}
            batch = int(workload.removeprefix("grid-")) if case else 64
            store.write(record(limit(batch_size=batch), "numpy", **place))
            for number, contender in enumerate(CONTENDERS):
                timed = speed(1e-4, noise=0.2, start_noise=0.3, seed=next(seeds))
                rest = () if case else (curves(), memory(), profile())
                for data in (parity(side=float(number)), timed, *rest):
                    store.write(record(data, contender, **place))
    return store
