"""Where a step's time goes: what is counted, what cannot be told, and how it is shown."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from benchmarks import launch, tables
from benchmarks.datasets import load
from benchmarks.environment import worker_environment
from benchmarks.measures import profile
from benchmarks.report.markdown import text
from benchmarks.report.material import of
from benchmarks.result import ProfileData
from benchmarks.store import RunStore
from implementations import ModelSpec, load_backend, support
from implementations.numpy.network import Learner
from tests import small_suite, synthetic_run
from tests.test_runner import Watcher

MODEL = {
    "layers": [{"units": 5, "activation": "relu"}, {"units": 10}],
    "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
}


def profiled(backend):
    session = {"backend": load_backend(backend)}
    return ProfileData(
        **profile.compute(session, lambda: None, data=load("digits"), model=MODEL, device="cpu")
    )


def test_numpy_s_step_is_its_recorded_calls():
    data = profiled("numpy")
    calls = {each.name: each.calls for each in data.operations}
    assert calls["matmul"] == 5  # two forward, two by the weights, one by the inputs of the second layer
    assert calls["maximum"] == 1
    assert {each.name for each in data.operations if each.kind == "product"} == {"matmul"}
    assert "subtract of the optimizer" in calls
    assert 0 < sum(each.seconds for each in data.operations) < data.operation_step_seconds
    names = {each.name for each in data.functions}
    assert "numpy/program.py Program.run" in names
    assert data.python_calls >= 4
    assert data.functions[0].seconds <= data.function_seconds


def test_watching_a_program_changes_nothing():
    backend = load_backend("numpy")
    model = ModelSpec.from_dict({"inputs": [3], **MODEL})
    plain, watched = backend.build(model), backend.build(model)
    assert isinstance(watched, Learner)
    x, y = plain.place(np.ones((4, 3)), np.arange(4))
    for learner in (plain, watched):
        learner.train_step(x, y)
    calls = watched._program("train", 4).calls
    found = backend.operations(watched, lambda: watched.train_step(x, y))
    assert found
    assert sum(each.calls for each in found) == len(calls) + len(watched._optimizer.program.calls)
    assert watched._program("train", 4).calls is calls
    plain.train_step(x, y)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        np.testing.assert_array_equal(one, other)


ASK = """
import sys
from tests.test_profile import profiled
print(profiled(sys.argv[1]).model_dump_json())
"""


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow", "keras-jax"])
def test_frameworks_tell_their_operations(backend):
    """In processes of their own, as a run asks them; Keras's runtimes by what they are themselves."""
    if not support(backend).available:
        pytest.skip(support(backend).reason)
    variables = worker_environment(1)
    done = subprocess.run(
        [sys.executable, "-c", ASK, backend], env=variables, capture_output=True, text=True, check=True
    )
    data = ProfileData.model_validate_json(done.stdout.splitlines()[-1])
    assert data.operations
    assert data.operation_step_seconds
    calls = sum(each.calls for each in data.operations if each.kind == "product")
    fused_sums = 2 if "jax" in backend else 0
    assert 5 <= calls <= 5 + fused_sums
    assert 0 < sum(each.seconds for each in data.operations) < data.operation_step_seconds
    assert len(data.operations) > 5


def test_a_run_has_profiles_and_times_nothing_in_them(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(small_suite.TEXT.replace('"parity", "curves", "speed", "memory"', '"profile"'))
    begun, watcher = launch.begin(str(path), {}, [], tmp_path / "results"), Watcher()
    launch.carry_out(begun, watcher)
    (record,) = (
        record
        for record in RunStore.open(begun.store.folder).records()[0]
        if record.case.measure == "profile"
    )
    assert record.status == "finished"
    assert record.data.steps == profile.STEPS
    assert watcher.phases == watcher.done


def test_shares_are_of_the_watched_step_and_missing_where_nothing_is_counted(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    frame = tables.profile(records).set_index("contender")
    numpy = frame.loc["numpy"]
    shares = [numpy[f"{kind}_share"] for kind in ("product", "copy", "other", "between")]
    assert shares == pytest.approx([0.5, 0.1, 0.2, 0.2])
    assert numpy["operations"] == 7
    assert numpy["limit_share"] == pytest.approx(0.5, rel=0.02)
    parts = tables.profile_parts(records).set_index(["contender", "name"])["share"]
    assert parts["numpy", "a/b.py step"] == 0.75
    assert parts["numpy", "matmul"] == 0.5
    told = frame.loc["keras-jax"]
    assert told[["operations", "product_share", "copy_share", "between_share", "limit_share"]].isna().all()
    assert told["python_calls"] == 12


def test_the_report_shows_it(tmp_path):
    told = text(of(synthetic_run.write(tmp_path / "run")))
    assert "Where does a step's time go?" in told
    row = next(line for line in told.splitlines() if line.startswith("| network | keras-jax | 12.0 |"))
    assert row.count("–") == 6
    assert "| a/b.py step (75.0 %), &lt;len&gt; (25.0 %) |" in told
