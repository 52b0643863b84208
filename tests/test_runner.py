"""Whole runs of a small suite on NumPy, undisturbed and disturbed."""

from __future__ import annotations

import json

import pytest

from benchmarks import launch, runner
from benchmarks.measures import parity
from benchmarks.result import CurvesData, MemoryData, ParityData, SpeedData
from benchmarks.store import RunStore
from benchmarks.worker import CAN_FREEZE, Worker, WorkerFailed
from implementations import BackendUnavailable, InvalidInput
from tests import small_suite


class Watcher:
    def __init__(self):
        self.phases, self.done = {}, {}

    def begin(self, phase, total):
        self.phase = phase
        self.phases[phase], self.done[phase] = total, 0

    def advance(self, _):
        self.done[self.phase] += 1


@pytest.fixture
def begin(tmp_path):
    def begin(text=small_suite.TEXT, **overrides):
        path = tmp_path / "small.toml"
        path.write_text(text)
        return launch.begin(str(path), overrides, [], tmp_path / "results")

    return begin


def records(begun):
    return {record.case.measure: record for record in RunStore.open(begun.store.folder).records()[0]}


def test_a_run_answers_every_question(begin):
    begun, watcher = begin(), Watcher()
    launch.carry_out(begun, watcher)
    found = records(begun)
    assert {record.status for record in found.values()} == {"finished"}
    assert isinstance(found["parity"].data, ParityData)
    assert found["parity"].data.passed
    curves = found["curves"].data
    assert isinstance(curves, CurvesData)
    assert [(curve.dtype, curve.seed) for curve in curves.curves] == [
        ("float32", 0),
        ("float32", 1),
        ("float64", 0),
    ]
    assert all(len(curve.train_loss) == 3 and curve.test.evaluations == 1 for curve in curves.curves)
    assert isinstance(found["memory"].data, MemoryData)
    assert RunStore.open(begun.store.folder).manifest.outcome == "finished"
    assert watcher.phases == watcher.done


def test_speed_keeps_raw_chunks_and_says_how_they_were_measured(begin):
    begun = begin()
    launch.carry_out(begun, Watcher())
    data = records(begun)["speed"].data
    assert isinstance(data, SpeedData)
    assert [block.index for block in data.blocks] == [0, 1]
    assert set(data.blocks[0].stages) == {"spawn", "import", "build", "first_step"}
    assert set(data.blocks[1].stages) == {"build", "first_step"}
    for block in data.blocks:
        assert {samples.metric for samples in block.samples} == {"train_step", "epoch", "predict"}
        assert all(len(samples.seconds) == 2 and min(samples.seconds) > 0 for samples in block.samples)
        assert block.threads_seen == 1
        assert block.idle_workers == ("frozen" if CAN_FREEZE else "absent")
        assert 0.5 < block.cpu_per_wall < 1.5


def test_no_parity_no_time(begin, monkeypatch):
    """With a tolerance that nothing meets, nothing is timed."""
    monkeypatch.setattr(parity, "FLOAT32_TOLERANCE_PER_ROOT_STEP", 0.0)
    monkeypatch.setattr(parity, "NOISE_RATIO", 0.0)
    begun = begin()
    launch.carry_out(begun, Watcher())
    found = records(begun)
    assert not found["parity"].data.passed
    assert found["speed"].status == "skipped"
    assert "not the same computation" in found["speed"].reason
    assert found["speed"].data is None
    assert found["curves"].status == "finished"


@pytest.mark.parametrize("command", ["trajectory", "curves", "time_chunk", "memory_stages", "open_workload"])
def test_a_worker_that_fails_fails_its_case_alone(begin, monkeypatch, command):
    begun = begin()
    call, failures = Worker.call, []

    def failing(self, name, **arguments):
        # the float64 reference is computed first and must stand
        if name == command and (name != "trajectory" or arguments.get("dtype") == "float32"):
            failures.append(name)
            self._process.kill()
        return call(self, name, **arguments)

    monkeypatch.setattr(Worker, "call", failing)
    launch.carry_out(begun, Watcher())
    hit = {
        "trajectory": "parity",
        "curves": "curves",
        "time_chunk": "speed",
        "open_workload": "speed",
        "memory_stages": "memory",
    }[command]
    assert failures
    for measure, record in records(begun).items():
        if measure == hit:
            assert record.status == "failed"
            assert "SIGKILL" in record.reason
        elif measure == "speed":  # and parity was hit
            assert record.status == ("skipped" if hit == "parity" else "finished")
        else:
            assert record.status == "finished"


def test_interruption_keeps_what_is_done_and_resume_does_the_rest(begin, tmp_path, monkeypatch):
    begun = begin()
    keep = runner.Runner._keep

    def interrupted(self, case, *arguments, **options):
        keep(self, case, *arguments, **options)
        if case.measure == "parity":
            raise KeyboardInterrupt

    monkeypatch.setattr(runner.Runner, "_keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch.carry_out(begun, Watcher())
    assert set(records(begun)) == {"card", "parity"}
    assert RunStore.open(begun.store.folder).manifest.outcome == "interrupted"
    first = records(begun)["parity"]
    monkeypatch.setattr(runner.Runner, "_keep", keep)
    again = launch.resume(begun.store.folder.name, tmp_path / "results")
    launch.carry_out(again, Watcher())
    found = records(begun)
    assert set(found) == {"card", "parity", "curves", "speed", "memory"}
    assert found["parity"] == first
    assert RunStore.open(begun.store.folder).manifest.outcome == "finished"


def test_resume_in_another_environment_is_refused(begin, tmp_path):
    begun = begin()
    path = begun.store.folder / "manifest.json"
    content = json.loads(path.read_text())
    content["environment"]["packages"]["numpy"] = "1.0"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInput, match=r"numpy: 1\.0"):
        launch.resume(begun.store.folder.name, tmp_path / "results")


def test_missing_contender_that_was_asked_for(tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    with pytest.raises(BackendUnavailable, match=r"pip install.*torch"):
        launch.begin("quick", {}, ["torch"], tmp_path)


def test_contenders_that_are_not_installed_are_left_out_with_the_reason(tmp_path, monkeypatch):
    import importlib.util

    find, gone = importlib.util.find_spec, ("torch", "keras", "tensorflow", "jax")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in gone else find(name, *a)
    )
    begun = launch.begin("quick", {}, [], tmp_path)
    assert begun.contenders == ["numpy"]
    assert "pip install" in begun.store.manifest.absent["keras-jax"]


def test_device_that_no_contender_has_is_told_with_reasons(begin):
    with pytest.raises(InvalidInput, match="NumPy computes on the CPU only"):
        begin(device="gpu")


def test_data_that_cannot_be_read_stops_before_anything_is_written(begin, tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        begin(small_suite.TEXT.replace('name = "iris"', f'name = "mnist", folder = "{tmp_path}"'))
    assert not (tmp_path / "results").exists()


def test_error_of_a_worker_keeps_its_parts():
    error = WorkerFailed("a", expected="b", got="c", action="d")
    assert (error.subject, error.expected, error.got, error.action) == ("a", "b", "c", "d")
