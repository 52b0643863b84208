"""Plain scripts train what their backends train, or are not timed; ratios divide the right times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.environment import worker_environment
from benchmarks.measures import plain
from benchmarks.measures.preparation import prepare
from benchmarks.measures.speed import Bench
from benchmarks.plain import numpy_loop, race, sklearn_fit
from benchmarks.plain.race import BESIDES, SCRIPTS, Race
from benchmarks.result import SpeedData
from benchmarks.worker import Worker, WorkerFailed
from implementations import InvalidInput, backend_names, load_backend, support
from tests import synthetic_run

MODEL = {
    "layers": [{"units": 12, "activation": "relu"}, {"units": 8, "activation": "relu"}, {"units": 10}],
    "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "batch_size": 64,
}


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", train_examples=256)


def numpy_bench(data):
    prepared = prepare(data, MODEL)
    learner = load_backend("numpy").build(prepared.model)
    first = learner.parameters()
    bench = Bench(learner, {"train_step": print, "epoch": print}, lambda: learner.load_parameters(first))
    return bench, prepared


@pytest.mark.parametrize("make", [numpy_loop.script, sklearn_fit.script, numpy_loop.products])
def test_scripts_of_numpy_train_the_same(digits, make):
    bench, prepared = numpy_bench(digits)
    changed = plain._replaced(bench, prepared, make)
    for metric in changed.repeat:
        changed.repeat[metric](2)
    assert ("train_step" in changed.repeat) is (make is not sklearn_fit.script)


def test_a_script_that_trains_something_else_is_refused(digits):
    def without_momentum(task):
        return numpy_loop.script(dataclasses.replace(task, momentum=0.0))

    bench, prepared = numpy_bench(digits)
    with pytest.raises(InvalidInput, match=r"after 5 steps.* trains something else"):
        plain._replaced(bench, prepared, without_momentum)


def test_a_script_whose_epochs_are_others_is_refused(digits):
    def lazy(task):
        return dataclasses.replace(numpy_loop.script(task), epochs=lambda _: None)

    bench, prepared = numpy_bench(digits)
    with pytest.raises(InvalidInput, match=r"after an epoch.* trains something else"):
        plain._replaced(bench, prepared, lazy)


@pytest.mark.parametrize(
    "contender", [name for name in SCRIPTS if name in backend_names() and name != "numpy"]
)
def test_scripts_of_frameworks_train_the_same(tmp_path, digits, contender):
    if not support(contender).available:
        pytest.skip(support(contender).reason)
    with Worker(contender, worker_environment(1), tmp_path / "log", 120) as worker:
        worker.call("load", contender=contender, threads=1)
        worker.call("replace", script=SCRIPTS[contender])
        ready = worker.call(
            "open_workload",
            workload="small",
            data=digits,
            model=MODEL,
            device="cpu",
            metrics=["train_step", "epoch"],
            chunk_seconds=0.002,
            warm_up_steps=1,
            warm_up_seconds=0.0,
        )
        assert set(ready["iterations"]) == {"train_step", "epoch"}


def test_an_unknown_script_is_an_error(tmp_path):
    with Worker("numpy", worker_environment(1), tmp_path / "log", 60) as worker:
        worker.call("load", contender="numpy", threads=1)
        with pytest.raises(WorkerFailed, match="nowhere"):
            worker.call("replace", script="nowhere.script")


def test_ratios_are_of_backend_to_script_and_of_numpy_to_the_rest():
    seconds = {"numpy": 1e-4, "numpy plain": 2e-4, "torch": 4e-4, "matrix products": 5e-5}
    timed = {
        name: SpeedData(blocks=synthetic_run.speed(each).blocks, stopped_by="")
        for name, each in seconds.items()
    }
    found = {(each.contender, each.other): each for each in race._ratios("small", "train_step", timed)}
    assert set(found) == {("numpy", "numpy plain"), ("numpy", "torch"), ("numpy", "matrix products")}
    for (contender, other), ratio in found.items():
        assert ratio.ratio == pytest.approx(seconds[contender] / seconds[other], rel=0.1)
    told = Race(
        taken="", git=None, machine={}, packages={}, threads=1, ratios=list(found.values()), failures={}
    )
    assert [row["divided by"] for row in told.rows()] == ["numpy plain", "torch", "matrix products"]


def test_every_script_exists():
    for script in (*BESIDES.values(), "numpy_loop.script", "sklearn_fit.script"):
        module, _, name = script.partition(".")
        assert callable(getattr({"numpy_loop": numpy_loop, "sklearn_fit": sklearn_fit}[module], name))
    assert np.isfinite(plain.TOLERANCE)
